/** The operator: the person or program signed in, how they proved it, and from where. Pure; it knows no headers. */
export interface Operator {
  /**
   * Namespaced by how they came, so that no name at the edge can pass for another kind of caller: `edge:<name>`,
   * `token:bearer`, `token:metrics`, `local:<name>` (signed in here), `local:token` (here, with the token), `kiosk:<who opened
   * it>`, and `lab`.
   */
  readonly name: string;
  readonly how: "lab" | "edge" | "bearer" | "cookie" | "kiosk";
  /** The peer's address: with an edge in front it is the edge's. */
  readonly from: string;
  /** Of those who signed in here: which of their sign-ins this is, and when password, code or token was last shown. */
  readonly sign_in?: { readonly id: string; readonly proved_at: number };
}

/** What Hono apps behind the guard may read: `c.get("operator")`. Not set on the few addresses that need no sign-in. */
export type Env = {
  Variables: {
    operator: Operator;
    /** The lab says so on every page, refusals too. */
    lab?: boolean;
    /** Of an act that leaves no entry: what came of it, for the audit. Left out: it was done. */
    came_of?: string;
  };
};

export const LAB_OPERATOR = "lab";
export const EDGE_PREFIX = "edge:";
export const BEARER_OPERATOR = "token:bearer";
export const METRICS_OPERATOR = "token:metrics";
export const LOCAL_PREFIX = "local:";
export const KIOSK_PREFIX = "kiosk:";
export const SIGNED_IN_OPERATOR = `${LOCAL_PREFIX}token`;

/** A wall board belongs to whoever opened it, and has no limit of its own: what ends their sign-ins ends it, too. */
export const isOf = (one: { readonly name: string }, operator: string): boolean =>
  one.name === operator || one.name === KIOSK_PREFIX + operator;
