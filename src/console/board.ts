/**
 * The wall board as a value: each target with what is true of it and what is at work there, and what happened last. Pure; it
 * knows no prompt, no output and no title: whoever passes a wall may read it.
 */
import type { CheckName } from "../checks/check.ts";
import type { Action } from "../power/action.ts";
import type { State, StateName } from "../target/state.ts";
import type { Target } from "../target/target.ts";

export interface Board {
  readonly targets: readonly OnBoard[];
  /** Newest first. */
  readonly happened: readonly Happening[];
  /** Changes with the board's own style and script: a page that was made by others loads itself anew. */
  readonly made: string;
  readonly now: number;
}

export interface OnBoard {
  readonly target: Target;
  readonly state: State;
  /** The action that holds the target. */
  readonly action: Action | null;
  /** The turn at work there, the one that began first. */
  readonly turn: { readonly by: string; readonly started_at: number } | null;
  /** The agent waits for an operator's answer. */
  readonly asks: boolean;
}

export type Happening = { readonly at: number; readonly target: Target } & (
  | { readonly is: "action"; readonly action: Action }
  | { readonly is: "check"; readonly name: CheckName; readonly bad: number; readonly warn: number }
  | { readonly is: "turn"; readonly ended: "done" | "failed" | "stopped"; readonly by: string }
  | { readonly is: "state"; readonly state: StateName; readonly was: StateName }
);

/** What is heard is old beyond this: a board has its targets asked twice a minute, and a question may take half of one. */
export const BOARD_STALE_MS = 120_000;

/** How many things that happened a board shows. */
export const HAPPENINGS = 6;
