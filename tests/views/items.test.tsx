import { expect, test } from "bun:test";
import type { Approval } from "../../src/agent/approval-event.ts";
import { markdown } from "../../src/console/markdown.ts";
import { VERBS } from "../../src/power/verb.ts";
import type { SessionEntry } from "../../src/sessions/event.ts";
import { ActionItem, ActionPage } from "../../views/action.tsx";
import { ApprovalItem, Asking } from "../../views/approval.tsx";
import { CheckItem } from "../../views/check.tsx";
import { ConfirmPage } from "../../views/confirm.tsx";
import { EntryItem } from "../../views/message.tsx";
import { statusText } from "../../views/text.ts";
import { agoWords, clockWords, durationWords } from "../../views/time.tsx";
import { actions, approvals, check, entry, NOW, questions, SESSION, states, talk, target } from "./samples.tsx";

const item = (e: SessionEntry) => `${<EntryItem markdown={markdown} entry={e} now={NOW} />}`;

test("every item carries the id of its entry, and entries with nothing to say draw nothing", () => {
  for (const e of talk) {
    const html = item(e);
    if (e.kind === "turn_ended") expect(html).toBe("");
    else expect(html).toStartWith(`<li id="e${e.seq}"`);
  }
  expect(item(entry("opened", { target: "devvm", by: "lab" }))).toBe("");
});

test("a call shows its command and the reason, without the console's own prefix", () => {
  const html = item(
    entry("called", { name: "mcp__breakglass__vm_run", input: { command: "df -h", reason: "disk" }, tool_id: "t" }),
  );
  expect(html).toContain("<b>vm_run</b> <code>df -h</code><small>disk</small>");
});

test("a result says done or failed, how long it took, and when there was no output", () => {
  const returned = (output: string, is_error = false) =>
    item(entry("returned", { name: "vm_run", tool_id: "t", output, is_error, left_out: 0, duration_ms: 3400 }));
  expect(returned("ok")).toContain(">done</b> 3.4 s");
  expect(returned("no", true)).toContain(">failed</b>");
  expect(returned("  \n")).toContain("(no output)");
  expect(returned("1\n2\n3\n4\n5\n6")).toContain("<details>");
  expect(returned("1\n2")).not.toContain("<details>");
});

test("prose keeps its paragraphs and code, and markup in it is text", () => {
  const html = item(entry("said", { text: "One `a<b`.\n\nTwo\n```sh\nrm <x>\n```" }));
  expect(html).toContain("<p>One <code>a&lt;b</code>.</p><p>Two</p><small>sh</small><pre>rm &lt;x&gt;</pre>");
});

test("an action says how it stands in words, and unknown says why", () => {
  const card = (a: (typeof actions)["done"]) => `${<ActionItem action={a} now={NOW} />}`;
  expect(card(actions.running)).toContain(">running</b>");
  expect(card(actions.overdue)).toContain("outcome not known yet: no answer within 150 s");
  expect(card(actions.done)).toContain(">done</b> in 31 s");
  expect(card(actions.failed)).toContain(">failed</b>");
  expect(card(actions.refused)).toContain("nothing ran: the VM is locked (backup)");
  expect(card(actions.unknown)).toContain(">unknown</b> ssh did not answer for 25 s.");
  for (const action of Object.values(actions)) expect(card(action)).toStartWith(`<li id="a-${action.id}"`);
});

test("an approval says to the letter what would run; only an open one can be answered, only a lapsed one asked again", () => {
  const card = (a: (typeof approvals)["open"], requestId?: string) =>
    `${<ApprovalItem approval={a} now={NOW} requestId={requestId} />}`;
  const buttons = (html: string) => [...html.matchAll(/<button[^>]*>([^<]+)</g)].map((m) => m[1]);
  for (const approval of Object.values(approvals)) {
    const html = card(approval);
    expect(html).toStartWith(`<li id="p-${approval.approval_id}"`);
    expect(buttons(html)).toEqual(
      approval.state === "open" ? ["Allow", "Deny"] : approval.state === "lapsed" ? ["Ask again"] : [],
    );
  }
  expect(card(approvals.open)).toContain("power cycle</b> on devvm (VM 102)");
  expect(card(approvals.open)).toContain(">09:20</time> left");
  expect(card(approvals.command)).toContain("sudo rm -rf ⟨U+202E⟩/srv/␛[8mx");
  expect(card(approvals.command)).toContain("can destroy");
  expect(card(approvals.denied)).toContain("by edge:operator,");
  expect(card(approvals.lapsed)).toContain("nobody answered within 10 min");
  // The stream's cards go to everybody; two taps on Ask again are one prompt all the same.
  expect(card(approvals.open)).not.toContain("request_id");
  expect(card(approvals.open, "x1234567")).toContain('name="request_id" value="x1234567"');
  expect(card(approvals.lapsed)).toContain(`value="again-${approvals.lapsed.approval_id}"`);
});

test("the line over the composer is there and empty until the agent asks", () => {
  const line = (open: readonly Approval[], session = SESSION) =>
    `${<Asking approvals={open} session={session} seq={7} />}`;
  expect(line([])).toBe('<p id="asking" data-seq="7"></p>');
  const two = line([approvals.open, approvals.command]);
  expect(two).toContain(`<a href="#p-${approvals.open.approval_id}">The agent asks: power cycle (and 1 more)</a>`);
  const elsewhere = line([approvals.open], "another-session");
  expect(elsewhere).toContain(`<a href="/sessions/${SESSION}#p-${approvals.open.approval_id}">`);
  expect(elsewhere).toContain("The agent asks in another session: power cycle");
  // The page's own comes first.
  const own = { ...approvals.command, session: "another-session" };
  expect(line([approvals.open, own], "another-session")).toContain(`href="#p-${own.approval_id}"`);
});

test("a question stands to the letter; an open one has its answers to tap and a line, an answered one who said what", () => {
  const card = (a: Approval) => `${<ApprovalItem approval={a} now={NOW} requestId="x1234567" />}`;
  const buttons = (html: string) => [...html.matchAll(/<button[^>]*>([^<]+)</g)].map((m) => m[1]);
  const open = card(questions.open);
  expect(open).toStartWith(`<li id="p-${questions.open.approval_id}"`);
  expect(buttons(open)).toEqual(["“keep it”", "“delete it”", "Answer"]);
  expect(open).toContain("the agent asks</b>");
  expect(open).toContain("⟨U+202E⟩");
  expect(open).toContain("␛[2K");
  expect(open).not.toMatch(/[\x1b\u202e]/);
  // One id a form, and Enter in the line sends the line.
  expect(open.match(/name="request_id" value="x1234567"/g)).toHaveLength(2);
  expect(open.indexOf("“keep it”")).toBeLessThan(open.indexOf("</form>"));
  expect(open.indexOf("</form>")).toBeLessThan(open.indexOf('aria-label="Your answer"'));
  expect(buttons(card(questions.answered))).toEqual([]);
  expect(card(questions.answered)).toContain("<p>delete it</p>");
  expect(card(questions.answered)).toContain("by edge:operator,");
  expect(buttons(card(questions.lapsed))).toEqual(["Ask again"]);
  expect(card(questions.lapsed)).toContain("Nobody answered your question “Is the backup");
});

test("a page of an action asks again by itself while it runs and while the guest's word is awaited, and then no more", () => {
  expect(`${<ActionPage action={actions.running} now={NOW} />}`).toContain('http-equiv="refresh"');
  const refreshes = (guest: string, now: number) =>
    `${<ActionPage action={{ ...actions.done, guest }} now={now} />}`.includes('http-equiv="refresh"');
  expect(refreshes("", NOW)).toBe(true);
  expect(refreshes("ssh answered after 14 s", NOW)).toBe(false);
  expect(refreshes("", NOW + 3_600_000)).toBe(false);
});

test("a check's end takes the place of its start", () => {
  const started = `${<CheckItem entry={check.started} title="Triage" now={NOW} />}`;
  const ended = `${<CheckItem entry={check.ended} title="Triage" now={NOW} />}`;
  expect(started).toStartWith('<li id="c-run1"');
  expect(ended).toStartWith('<li id="c-run1"');
  expect(ended).toContain("The root disk is full");
  expect(ended).toContain("no answer in 10 s");
});

test("the confirmation page names the target, what will happen, and who holds it", () => {
  const html = `${<ConfirmPage target={target} verb={VERBS.cycle} action={actions.running} preflight={["Two are logged in."]} state={states.frozen} now={NOW} requestId="x1234567" lock="backup" />}`;
  expect(html).toContain("Cycle devvm (VM 102)?");
  expect(html).toContain('method="post" action="/api/pve/cycle"');
  // Typed, never filled in: a lock is overridden by somebody who has read its name.
  expect(html).toMatch(/<input name="override" required/);
  expect(html).toContain("type its name, backup");
  expect(html).toContain("cycle is running on devvm");
});

test("the status for a terminal fits 80 columns and 1,000 bytes, whatever is in it", () => {
  const long = "ein sehr langer Satz mit Umlauten äöü ".repeat(40);
  for (const state of [
    ...Object.values(states),
    { ...states.frozen, says: long, because: Array(30).fill(long), advice: long },
  ]) {
    const text = statusText({ target, state, action: actions.running, last: actions.unknown, now: NOW });
    expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(1000);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(text).toEndWith("As of 03:12:04 UTC.\n");
  }
});

test("times are said as people say them", () => {
  const ago = (s: number) => agoWords(NOW - s * 1000, NOW);
  expect([-5, 0, 59, 60, 3599, 3600, 172_799, 172_800].map(ago)).toEqual([
    "0 s ago",
    "0 s ago",
    "59 s ago",
    "1 min ago",
    "59 min ago",
    "1 h ago",
    "47 h ago",
    "2 d ago",
  ]);
  expect([940, 3400, 9949, 9951, 12_000, 250_000].map(durationWords)).toEqual([
    "940 ms",
    "3.4 s",
    "9.9 s",
    "10 s",
    "12 s",
    "4 min 10 s",
  ]);
  expect([34, 61, 3723].map((s) => clockWords(NOW - s * 1000, NOW))).toEqual(["00:34", "01:01", "1:02:03"]);
});
