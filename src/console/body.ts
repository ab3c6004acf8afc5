/** What a POST says: JSON or a form, checked by a schema. 400 not JSON, 413 too long, 422 not what is asked for. */
import type { Context } from "hono";
import type { z } from "zod";
import { refuse } from "../refusal.ts";

/** The most a body may weigh, bytes: a prompt in its worst encoding and a little more. */
export const BODY_LIMIT = 400 * 1024;

/**
 * What the socket lets in, bytes: anything. Bun's own limit answers with an empty 413; ours says a sentence, and takes as little. What
 * is not read stays with the sender while we think, and is thrown away unread once we answered (300 MB, with a length and in chunks:
 * 8 MiB more at the most, Bun 1.4.5). So every route that reads a body must count, as here; none may use hono's own readers.
 */
export const SOCKET_BODY_LIMIT = Number.MAX_SAFE_INTEGER;

export async function readBody<T>(c: Context, schema: z.ZodType<T>, otherwise: string): Promise<T> {
  const type = c.req.header("content-type") ?? "";
  const body = await bytesOf(c);
  const raw = /^(application\/x-www-form-urlencoded|multipart\/form-data)/i.test(type)
    ? await fromForm(body, type)
    : fromJson(new TextDecoder().decode(body));
  const read = schema.safeParse(raw);
  if (!read.success) {
    const issue = read.error.issues[0];
    const where = issue && issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
    refuse(422, `${where}${issue?.message ?? "not understood"}; ${otherwise}`);
  }
  return read.data;
}

/** The length that they say is no proof: what comes is counted, and what is over is not read. */
async function bytesOf(c: Context): Promise<Buffer<ArrayBuffer>> {
  const { body } = c.req.raw;
  if (Number(c.req.header("content-length") ?? 0) > BODY_LIMIT) tooLong();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = body?.getReader();
  for (;;) {
    // Cut by the sender, or chunks that are none.
    const got = await reader?.read().catch(() => refuse(400, "the body could not be read; send it again"));
    if (!got || got.done) return Buffer.concat(parts);
    size += got.value.length;
    if (size > BODY_LIMIT) {
      void reader?.cancel().catch(() => {});
      tooLong();
    }
    parts.push(got.value);
  }
}

function tooLong(): never {
  refuse(413, `the body has more than ${BODY_LIMIT} bytes, and nothing here needs so many; send less`);
}

async function fromForm(body: Buffer<ArrayBuffer>, type: string): Promise<unknown> {
  try {
    return Object.fromEntries(await new Response(body, { headers: { "content-type": type } }).formData());
  } catch {
    refuse(400, "the form could not be read; send it again");
  }
}

function fromJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    refuse(400, "the body is not JSON; send JSON with Content-Type: application/json, or a form");
  }
}
