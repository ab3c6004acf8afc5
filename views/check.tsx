/** A run of a check as one item: under way, then its findings, large, with what was read folded under them. */
import type { CheckEntry } from "../src/checks/event.ts";
import type { Finding, Reading } from "../src/checks/finding.ts";
import { Excerpt, plain } from "./plain.tsx";
import { Ago, Clock, durationWords } from "./time.tsx";

const LEVELS: Readonly<Record<Finding["level"], { word: string; tone: string }>> = {
  bad: { word: "act now", tone: "strong" },
  warn: { word: "look", tone: "work" },
  fine: { word: "fine", tone: "good" },
  unknown: { word: "unknown", tone: "" },
};

export interface CheckItemProps {
  readonly entry: CheckEntry;
  readonly now: number;
  /** The preset's name; the check's own without it. */
  readonly title?: string;
  /** Where the whole of it is to be had. With it, outputs over 2 kB are shown by head and tail. */
  readonly whole?: (seq: number) => string;
}

/** One id for both of its entries: `check_ended` takes the place of `check_started`. */
export function CheckItem({ entry, now, title = entry.body.name, whole }: CheckItemProps) {
  const id = `c-${entry.about}`;
  if (entry.kind === "check_started")
    return (
      <li id={id} class="card is-work">
        <p>
          <b class="verb">{title}</b> <b class="tag work">reading</b> <Clock from={entry.at} now={now} />
          <small>
            check, {plain(entry.body.by)}, <Ago at={entry.at} now={now} />
          </small>
        </p>
      </li>
    );
  const { findings, readings, after_ms } = entry.body;
  return (
    <li id={id} class="card">
      <p>
        <b class="verb">{title}</b>
        <small>
          check, {durationWords(after_ms)}, <Ago at={entry.at} now={now} />
        </small>
      </p>
      <ul class="findings">
        {findings.map((finding) => (
          <li>
            <b class={`tag ${LEVELS[finding.level].tone}`}>{LEVELS[finding.level].word}</b>{" "}
            <span>
              {plain(finding.says)}
              {finding.next && <small>{plain(finding.next)}</small>}
            </span>
          </li>
        ))}
      </ul>
      {findings.length === 0 && <p>Nothing was found.</p>}
      {readings.length > 0 && (
        <details>
          <summary>
            what was read · {readings.length} {readings.length === 1 ? "command" : "commands"}
          </summary>
          {readings.map((reading) => (
            <Read reading={reading} whole={whole?.(entry.seq)} />
          ))}
        </details>
      )}
    </li>
  );
}

const Read = ({ reading, whole }: { reading: Reading; whole?: string }) => (
  <>
    <p class="read">
      <code>{plain(reading.command)}</code>
      {reading.exit_code !== 0 && (
        <small>{reading.exit_code === null ? plain(reading.why) : `exit code ${reading.exit_code}`}</small>
      )}
    </p>
    {reading.output.trim() ? <Excerpt text={reading.output} whole={whole} /> : <p class="soft">(no output)</p>}
  </>
);
