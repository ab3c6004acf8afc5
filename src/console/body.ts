/** What a POST says: JSON or a form, checked by a schema. 400 not JSON, 413 too long, 422 not what is asked for. */
import type { Context } from "hono";
import type { z } from "zod";
import { refuse } from "../refusal.ts";

/** The most a body may weigh, bytes: a prompt in its worst encoding and a little more. */
export const BODY_LIMIT = 400 * 1024;

export async function readBody<T>(c: Context, schema: z.ZodType<T>, otherwise: string): Promise<T> {
  const type = c.req.header("content-type") ?? "";
  const raw = /^(application\/x-www-form-urlencoded|multipart\/form-data)/i.test(type)
    ? await c.req.parseBody().catch(() => refuse(400, "the form could not be read; send it again"))
    : fromJson(await c.req.text());
  const read = schema.safeParse(raw);
  if (!read.success) {
    const issue = read.error.issues[0];
    const where = issue && issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
    refuse(422, `${where}${issue?.message ?? "not understood"}; ${otherwise}`);
  }
  return read.data;
}

function fromJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    refuse(400, "the body is not JSON; send JSON with Content-Type: application/json, or a form");
  }
}
