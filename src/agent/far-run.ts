/**
 * What a command of the agent is wrapped in on the VM, and what the wrapper says back. The command runs in a session of its
 * own; the wrapper ends that whole session when its stdin closes (our ssh died, or we stopped it) or when the limit passes.
 * Pure: texts in, texts out. It knows neither ssh nor the agent.
 *
 * What it can't end: a process that made a session of its own (setsid, a daemon) has left. It is found by a variable that it
 * inherits, as far as we may look, and named; sudo takes that variable away.
 */

/** The name under which the lab and a process list know the wrapper. */
export const WRAPPER = "breakglass-run";
const ASKER = "breakglass-left";

/** How long TERM has before KILL, in tenths of a second; and what outlives its shell by itself, before it is ended. */
const TERM_FOR = 10;
const LINGER_FOR = 5;

/**
 * `left`: the files of the processes of group or session $g that live. `kill -0` would not do: it can't tell a process of
 * root from none. Group 0 is the kernel's, and 1 is init's: where no number came, nothing is looked for and nothing is ended. `NSpgid` and `NSsid` hold more numbers in a container; ours is the first.
 */
const LEFT = `left() {
[ "\${g:-0}" -gt 1 ] || return 0
f=$(grep -lsE "^NS(pg|s)id:[[:space:]]+$g([[:space:]]|\\$)" /proc/[0-9]*/status)
[ -z "$f" ] || grep -lsE "^State:[[:space:]]+[^ZX]" $f; }
hit() { [ "\${g:-0}" -gt 1 ] || return 0
kill -s "$1" -- "-$g"
for p in $(left); do p=\${p#/proc/}; p=\${p%/status}; kill -s "$1" "$p" || sudo -n kill -s "$1" "$p"; done; }
gone() { i=0; while [ -n "$(left)" ]; do [ $i -lt "$1" ] || return 1; i=$((i+1)); sleep 0.1 || sleep 1; done; }
end() { hit TERM; gone ${TERM_FOR} || { hit KILL; gone 10; }; }`;

/**
 * The command runs in the foreground of the left half: what a shell puts into the background ignores INT and QUIT. Its
 * session's number is told before it begins. The nonce comes by stdin, so that it stands in nobody's argv.
 */
const RUN = `IFS= read -r n || exit 125
l=$1 r=$2 c=$3
command -v setsid >/dev/null && command -v timeout >/dev/null || { echo "this machine has no setsid or no timeout (util-linux, coreutils): nothing was run" >&2; exit 126; }
s=bash; command -v bash >/dev/null || s=sh
exec 3<&0 5>&1 6>&2 </dev/null 2>/dev/null
{ { sh -c 'echo watch $$; exec timeout "$1" cat <&3 3<&- >/dev/null 5>&- 6>&-' sh "$l"; echo "over $?"; } 5>&- 6>&- &
exec 3<&-
BREAKGLASS_RUN=$r setsid sh -c 'echo "group $$" >&4; echo "$1 group $$"; exec 4>&-; exec "$2" -c "$3"' sh "$n" "$s" "$c" 4>&1 >&5 2>&6 5>&- 6>&-
echo "code $?"
} | {
trap '' HUP INT TERM PIPE
exec 3<&- 6>&-
${LEFT}
w= g= why=self k=125 swept=0
while read -r a b; do case $a in
watch) w=$b ;;
group) g=$b ;;
over) case $b in 124 | 143) why=limit ;; *) why=told ;; esac; [ -z "$g" ] || end ;;
code) k=$b; break ;;
esac; done
[ -z "$w" ] || kill "$w"
[ "$why" != self ] || gone ${LINGER_FOR} || { swept=$(left | grep -c .); end; }
printf '\\n%s end %s %s %s %s\\n' "$n" "$why" "$k" "$swept" "$(left | grep -c .)" >&5
exit "$k"
}`;

/** Ends what is left of the group, too, and at once: whoever asks has closed the run before. */
const ASK = `g=$1 r=$2
exec 2>/dev/null
${LEFT}
[ -r /proc/1/status ] && echo sees all
gone 4 || { hit KILL; gone 10; }
echo "left $(left | sed 's/[^0-9]//g' | tr '\\n' ' ')"
for f in $(grep -ls "BREAKGLASS_RUN=$r" /proc/[0-9]*/environ); do p=\${f#/proc/}; p=\${p%/environ}; [ "$p" = $$ ] || echo "stray $p $(tr '\\000' ' ' </proc/$p/cmdline | cut -c1-80)"; done
echo asked`;

export interface FarRun {
  readonly run: string;
  readonly command: string;
  readonly limit_s: number;
}

/** The login shell may be any; only quoting is asked of it. */
export const farCommand = ({ run, command, limit_s }: FarRun): string =>
  `exec sh -c ${quoted(RUN)} ${WRAPPER} ${limit_s} ${run} ${quoted(command)}`;

/** Asks a second time, over another connection, what is left of a run; `group` null when it was never told. */
export const farQuestion = (group: number | null, run: string): string =>
  `exec sh -c ${quoted(ASK)} ${ASKER} ${group ?? 0} ${run}`;

/** What the lab's guest is asked, taken apart; null when it is neither of the two. */
export function farAsked(
  line: string,
):
  | { is: "run"; limit_s: number; run: string; command: string }
  | { is: "question"; group: number; run: string }
  | null {
  const run = /^(\d+) (\S+) '([\s\S]*)'$/.exec(behind(line, `exec sh -c ${quoted(RUN)} ${WRAPPER} `));
  if (run) return { is: "run", limit_s: Number(run[1]), run: run[2]!, command: run[3]!.replaceAll("'\\''", "'") };
  const question = /^(\d+) (\S+)$/.exec(behind(line, `exec sh -c ${quoted(ASK)} ${ASKER} `));
  return question ? { is: "question", group: Number(question[1]), run: question[2]! } : null;
}

const behind = (line: string, start: string): string => (line.startsWith(start) ? line.slice(start.length) : "");
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export interface FarEnd {
  readonly why: "self" | "limit" | "told";
  /** The command's own, as a shell tells it: 128 and its number after a signal. */
  readonly code: number;
  /** Processes that it had left in the background, and that were ended with it. */
  readonly swept: number;
  /** Processes of the group that live on all the same. */
  readonly left: number;
}

/** Takes the wrapper's lines out of stdout. The nonce is known to nobody before the first of them. */
export class FarMarks {
  group: number | null = null;
  end: FarEnd | null = null;
  private blank = false;

  constructor(private readonly nonce: string) {}

  /** The lines of output in one line of stdout: mostly itself, none for a mark and for the empty line before it. */
  line(text: string): readonly string[] {
    const held = this.blank ? [""] : [];
    this.blank = false;
    const at = text.indexOf(`${this.nonce} `);
    if (at >= 0) {
      const [what, first = "", ...numbers] = text.slice(at + this.nonce.length + 1).split(" ");
      if (what === "group" && this.group === null && /^\d+$/.test(first)) {
        this.group = Number(first);
        // A banner of the login shell may stand before it, without an end of its own.
        return at > 0 ? [...held, text.slice(0, at)] : held;
      }
      if (what === "end" && (first === "self" || first === "limit" || first === "told")) {
        const [code = 125, swept = 0, left = 0] = numbers.map(Number);
        this.end = { why: first, code, swept, left };
        return [];
      }
    }
    if (text === "") {
      this.blank = true;
      return held;
    }
    return [...held, text];
  }

  /** Called when no more lines come. */
  rest(): readonly string[] {
    const held = this.blank ? [""] : [];
    this.blank = false;
    return held;
  }
}

export interface FarLeft {
  readonly left: readonly number[];
  readonly strays: readonly string[];
  /** Whether the far user may see everybody's processes. */
  readonly sees_all: boolean;
}

/** The answer to `farQuestion`; null when it is not whole. */
export function readLeft(stdout: string): FarLeft | null {
  const lines = stdout.split("\n");
  const left = lines.find((line) => line.startsWith("left "));
  if (left === undefined || !lines.includes("asked")) return null;
  return {
    left: left.slice(5).split(" ").filter(Boolean).map(Number),
    strays: lines.filter((line) => line.startsWith("stray ")).map((line) => line.slice(6).trim()),
    sees_all: lines.includes("sees all"),
  };
}
