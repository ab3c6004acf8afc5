/**
 * What the console asks of a PVE host, and what it may hear: the contract that `pve.ts` keeps over ssh. The run belongs to the
 * host; here are only the words for it.
 */
import type { Line } from "../child.ts";
import type { Ending } from "../outcome.ts";
import type { Target } from "../target/target.ts";
import type { VerbName } from "./verb.ts";

/** `legacy` is a host with the first system's script: bare verbs, no ids, nothing to ask afterwards but `status`. */
export type HostKind = "unknown" | "v2" | "legacy";

export type Learnt =
  | { is: "running"; of: RecordOf | null }
  | { is: "ended"; of: RecordOf | null; exit_code: number; verdict: string; output: string }
  | { is: "never_ran" }
  /** `key_refused`: the host shows another key than the pinned one, and ssh sends it nothing. */
  | { is: "no_answer"; why: string; key_refused?: boolean };

/** What the host's record under a request id is of, as its first line says; another console may have used the id. */
export interface RecordOf {
  readonly verb: string;
  readonly vmid: number;
  /** Null: none was asked for. Undefined: the record does not say. */
  readonly override: string | null | undefined;
}

export interface PveRun {
  readonly ended: Promise<Ending>;
  /** Ends our ssh, and nothing on a host that owns its runs. */
  letGo(): void;
  /** Listens no longer; our ssh goes on, since a legacy run would end with it. */
  leave(): void;
}

export interface Pve {
  kindOf(target: Target): HostKind;
  meet(target: Target): Promise<HostKind>;
  inspect(target: Target, verb: VerbName, limit_ms: number, heard: (line: Line) => void): Promise<Ending>;
  mutate(target: Target, verb: VerbName, id: string, override: string | null, heard: (line: Line) => void): PveRun;
  report(target: Target, id: string): Promise<Learnt>;
  status(target: Target, limit_ms: number): Promise<{ ending: Ending; stdout: string; stderr: string }>;
  /** What a run's ssh wrote on this side, as far as it came; also after a restart. */
  leftBehind(target: Target, id: string): string;
}

export interface Request {
  readonly id: string;
  readonly verb: VerbName;
  readonly target: Target;
  readonly by: string;
  readonly override: string | null;
}
