/**
 * Request ids that prove our own page. A form carries one made for this very operator; a page elsewhere can't make one,
 * so it stands in for the headers that text browsers do not send. The same id posted again is the same request.
 * It knows no forms and no store: an id proves itself, also after a restart.
 */
import { randomBytes } from "node:crypto";
import { refuse } from "../refusal.ts";
import { sameSecret, seal } from "./digest.ts";

/** What any request id must look like, ours or a program's own. */
export const isRequestId = (text: string): boolean => /^[A-Za-z0-9_-]{8,64}$/.test(text);

/** A program's or a form's request id, or one of ours where there is none. Malformed: Refusal 422. */
export function requestIdOf(given: string | undefined): string {
  if (given === undefined || given === "") return crypto.randomUUID();
  if (!isRequestId(given)) refuse(422, "a request id is 8 to 64 letters, digits, - or _; send one of those, or none");
  return given;
}

export interface RequestIds {
  /** A fresh id that only `operatorName` can use. A purpose sets ids apart that must not stand for one another. */
  make(operatorName: string, purpose?: string): string;
  /**
   * Fresh ids for all forms of one page: one seal, continued with each form's name (`[a-z-]`, 19 characters at most). Seals
   * can't be compressed, and a page has some twenty forms.
   */
  forPage(operatorName: string): (form: string) => string;
  /** True for an id that `make` gave to this operator for this purpose. Programs' own ids prove nothing, and are fine. */
  proves(id: string, operatorName: string, purpose?: string): boolean;
}

const RANDOM = 22;

/** What may follow a seal: a form's name. Nothing secret is in it, so it needs no seal of its own. */
const FORM = /^(-[a-z]+)*$/;

export function requestIds(secret: Uint8Array): RequestIds {
  const sealed = (random: string, operatorName: string, purpose: string) =>
    seal(secret, ["request-id", purpose, operatorName, random]);
  const make: RequestIds["make"] = (operatorName, purpose = "act") => {
    const random = startingWithALetter();
    return random + sealed(random, operatorName, purpose);
  };
  return {
    make,
    forPage(operatorName) {
      const id = make(operatorName);
      return (form) => `${id}-${form}`;
    },
    proves(id, operatorName, purpose = "act") {
      if (!isRequestId(id) || !FORM.test(id.slice(2 * RANDOM))) return false;
      return sameSecret(id.slice(RANDOM, 2 * RANDOM), sealed(id.slice(0, RANDOM), operatorName, purpose));
    },
  };
}

/** 128 random bits; never a leading `-`, which a command line would take for an option. */
function startingWithALetter(): string {
  for (;;) {
    const text = randomBytes(16).toString("base64url");
    if (/^[A-Za-z]/.test(text)) return text;
  }
}
