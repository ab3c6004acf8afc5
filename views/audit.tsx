/** The audit: what is true of its chain, a filter, and the rows, newest first. For a page, a fragment and a terminal. Pure. */
import type { AuditRow } from "../src/audit/audit.ts";
import type { Standing } from "../src/audit/look.ts";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";
import { agoWords, utcWords } from "./time.tsx";

export interface AuditShown {
  readonly rows: readonly AuditRow[];
  readonly standing: Standing;
  /** Rows before this one are on the next page; null when there are none. */
  readonly before: number | null;
  /** What the filter was given, as it was written. */
  readonly asked: Asked;
  readonly targets: readonly { readonly id: string; readonly name: string; readonly lab: boolean }[];
  readonly now: number;
}

type Asked = { readonly [K in "target" | "who" | "since" | "until"]?: string };

export const AuditPage = (shown: AuditShown) => (
  <Sheet title="Audit" lab={shown.targets[0]?.lab}>
    <h1>Audit</h1>
    <details open={Object.values(filterOf(shown.asked)).some(Boolean)}>
      <summary>Filter</summary>
      <FilterForm {...shown} />
    </details>
    <AuditFragment {...shown} />
  </Sheet>
);

export const AuditFragment = ({ rows, standing, before, asked, now }: AuditShown) => (
  <section id="audit" aria-label="Audit" class="stack">
    <Chain standing={standing} asked={asked} now={now} />
    {rows.length === 0 && <p>No row fits this filter.</p>}
    <ul class="list">
      {rows.map((row) => (
        <Row row={row} head={standing.head.n} now={now} />
      ))}
    </ul>
    <p>
      {before !== null && <a href={address(asked, { before: String(before) })}>Earlier</a>}
      {before !== null && " · "}
      <a href={address(asked, { format: "jsonl" })}>Export as JSON lines</a>
    </p>
  </section>
);

const Chain = ({ standing, asked, now }: { standing: Standing; asked: Asked; now: number }) => (
  <>
    <p role={standing.checked.is === "broken" ? "alert" : undefined} class="lead">
      {plain(chainInWords(standing, now))}
    </p>
    {standing.trouble !== "" && <p role="alert">{plain(troubleInWords(standing))}</p>}
    <p class="soft">
      Head <code>{`${standing.head.n}:${standing.head.hash}`}</code>
      {" · "}
      <a href={address(asked, { check: "whole" })}>Check all of it</a>
    </p>
  </>
);

const Row = ({ row, head, now }: { row: AuditRow; head: number; now: number }) => (
  <li>
    <b>{plain(row.what)}</b>
    {row.target !== "" && ` on ${plain(row.target)}`}{" "}
    {verdictOf(row) !== "" && <b class={`tag ${toneOf(row)}`}>{plain(verdictOf(row))}</b>} {plain(row.who)}
    {row.n > head && (
      <>
        {" "}
        <b class="tag work">not on disk</b>
      </>
    )}
    {row.detail !== "" && <p>{plain(row.detail)}</p>}{" "}
    <small>
      #{row.n} · {utcWords(row.at, now)}
      {fromWords(row) !== "" && ` · ${plain(fromWords(row))}`}
      {row.request_id !== "" && (
        <>
          {" · "}
          <code>{plain(row.request_id)}</code>
        </>
      )}
    </small>
  </li>
);

const FilterForm = ({ asked, targets }: AuditShown) => (
  <form method="get" action="/audit">
    {targets.length > 1 && (
      <p>
        <label>
          Target{" "}
          <select name="target">
            <option value="">all</option>
            {targets.map(({ id, name }) => (
              <option value={id} selected={asked.target === id}>
                {plain(name)}
              </option>
            ))}
          </select>
        </label>
      </p>
    )}
    <p>
      <label>
        Who <input name="who" value={asked.who ?? ""} maxlength={200} />
      </label>
    </p>
    <p>
      <label>
        Since (UTC) <input name="since" value={asked.since ?? ""} placeholder="2026-11-22 03:10" />
      </label>{" "}
      <label>
        Until (UTC) <input name="until" value={asked.until ?? ""} placeholder="2026-11-22" />
      </label>
    </p>
    <button type="submit" class="quiet">
      Show
    </button>
  </form>
);

export function auditText(shown: AuditShown): string {
  const { rows, standing, before, now } = shown;
  const lines = [chainInWords(standing, now)];
  if (standing.trouble !== "") lines.push(troubleInWords(standing));
  lines.push(`Head ${standing.head.n}:${standing.head.hash}`);
  for (const row of rows) {
    const on = row.target === "" ? "" : ` on ${row.target}`;
    lines.push(
      `#${row.n} ${utcWords(row.at, 0)} ${row.who}: ${row.what}${on}${verdictOf(row) && `, ${verdictOf(row)}`}`,
    );
    const more = [row.detail, fromWords(row), row.request_id].filter(Boolean).join(" · ");
    if (more !== "") lines.push(`   ${more}`);
  }
  if (before !== null) lines.push(`Earlier rows: /audit?before=${before}`);
  return `${lines.flatMap((text) => wrapped(plain(text))).join("\n")}\n`;
}

/** One sentence on what was checked, and when. */
export function chainInWords({ checked, checked_at, whole_at, head }: Standing, now: number): string {
  if (checked.is === "broken")
    return `The audit does not hold at row ${checked.n}: ${checked.why} Keep a copy of the file, and compare with the anchors noted elsewhere.`;
  const n = checked.head.n;
  const rest = n < head.n ? ` ${head.n - n} more rows are checked at the next look.` : "";
  const all =
    whole_at === null
      ? `each checked once since the console started, the newest ${agoWords(checked_at, now)}.`
      : `all of them checked ${agoWords(whole_at, now)}, with every anchor, the newest ${agoWords(checked_at, now)}.`;
  return `The chain is whole: rows 1 to ${n}, ${all}${rest}`;
}

const troubleInWords = ({ pending, trouble }: Standing): string =>
  `The audit can't be written (${trouble}): ${pending === 1 ? "1 row is" : `${pending} rows are`} in memory and on stderr alone, and will be written when the disk takes them.`;

const verdictOf = ({ decision, outcome }: AuditRow): string => [decision, outcome].filter(Boolean).join(" ");

/** Red is for power and a dead link; what went wrong waits for somebody, and is amber. */
const toneOf = ({ decision, outcome }: AuditRow): string =>
  outcome === "done" || decision === "allowed"
    ? "good"
    : decision === "refused" || decision === "denied" || outcome === "failed" || outcome === "unknown"
      ? "work"
      : "";

const fromWords = ({ how, peer }: AuditRow): string =>
  [how && `by ${how}`, peer && `from ${peer}`].filter(Boolean).join(" ");

const filterOf = ({ target, who, since, until }: Asked): Asked => ({ target, who, since, until });

function address(asked: Asked, more: Record<string, string>): string {
  const given = Object.entries({ ...filterOf(asked), ...more }).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== "",
  );
  return `/audit?${new URLSearchParams(given)}`;
}

const COLUMNS = 80;

/** Words that are longer than a line (a hash) are cut where the line ends. */
function wrapped(text: string): string[] {
  const indent = /^ */.exec(text)![0];
  const lines: string[] = [];
  let rest = text.trimEnd();
  while (rest.length > COLUMNS) {
    const space = rest.lastIndexOf(" ", COLUMNS);
    const at = space > indent.length ? space : COLUMNS;
    lines.push(rest.slice(0, at).trimEnd());
    rest = `${indent === "" ? "  " : indent}${rest.slice(at).trimStart()}`;
  }
  return [...lines, rest];
}
