/** One field of a body, read from a copy, so that the route can still read the body itself. */
import { BODY_LIMIT } from "../console/body.ts";

/** Null when it is not there, not text, or the body is malformed or too large: no reason to refuse by itself. */
export async function fieldOf(request: Request, name: string): Promise<string | null> {
  const type = request.headers.get("content-type") ?? "";
  const body = await readCopy(request);
  if (body === null || body.length === 0) return null;
  try {
    if (/^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(type)) {
      const form = await new Response(body, { headers: { "content-type": type } }).formData();
      // Twice is a trick: which of the two would the route have read?
      const values = form.getAll(name);
      return values.length === 1 && typeof values[0] === "string" ? values[0] : null;
    }
    const value = (JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown> | null)?.[name];
    return typeof value === "string" ? value : null;
  } catch {
    return null;
  }
}

async function readCopy(request: Request): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!request.body || request.bodyUsed) return null;
  if (Number(request.headers.get("content-length") ?? 0) > BODY_LIMIT) return null;
  const reader = request.clone().body!.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > BODY_LIMIT) {
      void reader.cancel().catch(() => {});
      return null;
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
