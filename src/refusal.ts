/**
 * A refusal: we said no. One sentence that says what was refused and what to do next, and the status code that is true of it.
 * It knows nothing of HTML or JSON; `console/answer.tsx` gives it the caller's form.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 413 | 421 | 422 | 503,
    sentence: string,
    /** Extra keys of the JSON answer, beside `detail`. */
    readonly more: Readonly<Record<string, unknown>> = {},
  ) {
    super(sentence);
  }
}

export function refuse(status: Refusal["status"], sentence: string, more?: Record<string, unknown>): never {
  throw new Refusal(status, sentence, more);
}
