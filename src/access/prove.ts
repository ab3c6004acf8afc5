/**
 * Whether what was shown proves who somebody is: the token, a password, or a recovery code. One place for the sign-in page and
 * for the question in between. It knows no request; a passkey would be a fourth kind here.
 */
import { sameSecret } from "./digest.ts";
import { isOperatorName, type Operators } from "./enrolled.ts";
import { LOCAL_PREFIX, SIGNED_IN_OPERATOR } from "./operator.ts";
import { isPassword } from "./password.ts";
import type { SignIn } from "./sign-ins.ts";
import type { HashTurns, Whose } from "./turns.ts";

export type Shown =
  | { readonly is: "token"; readonly token: string }
  | { readonly is: "password"; readonly name: string; readonly password: string }
  | { readonly is: "code"; readonly name: string; readonly code: string };

export interface Proven {
  /** Without its prefix; `token` for whoever showed that. */
  readonly short: string;
  /** The operator's full name. */
  readonly name: string;
  readonly how: SignIn["how"];
}

export interface Provers {
  readonly bearer: string | null;
  readonly operators: Operators;
  readonly turns: HashTurns;
}

/** Null when it proves nothing. Throws a Refusal when too many passwords wait to be looked at. */
export async function prove(shown: Shown, whose: Whose, p: Provers): Promise<Proven | null> {
  switch (shown.is) {
    case "token":
      return p.bearer !== null && sameSecret(shown.token, p.bearer)
        ? { short: "token", name: SIGNED_IN_OPERATOR, how: "token" }
        : null;
    case "code": {
      const name = nameOf(shown.name);
      return isOperatorName(name) && p.operators.useCode(name, shown.code)
        ? { short: name, name: LOCAL_PREFIX + name, how: "recovery code" }
        : null;
    }
    case "password": {
      const name = nameOf(shown.name);
      const hash = isOperatorName(name) ? p.operators.passwordOf(name) : null;
      const right = await p.turns.take(whose, () => isPassword(shown.password, hash));
      return right ? { short: name, name: LOCAL_PREFIX + name, how: "password" } : null;
    }
    default:
      return shown satisfies never;
  }
}

/** Phones begin a name with a capital and end it with a space. */
export const nameOf = (typed: string): string => typed.trim().toLowerCase();
