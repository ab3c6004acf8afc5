/** Every view in every state, as documents by name: what `bun run gallery` lays out. Pure; it knows no files and no browser. */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { VERBS } from "../../src/power/verb.ts";
import type { ChangedKey, PinnedEnd } from "../../src/target/host-key.ts";
import { ActionItem, ActionPage, ActionsPage } from "../../views/action.tsx";
import { ApprovalItem } from "../../views/approval.tsx";
import { CheckItem } from "../../views/check.tsx";
import { PartialWords } from "../../views/composer.tsx";
import { ConfirmPage } from "../../views/confirm.tsx";
import { EntryPage } from "../../views/entry.tsx";
import { Faults } from "../../views/faults.tsx";
import { HostKeyPage } from "../../views/host-key.tsx";
import { EntryItem } from "../../views/message.tsx";
import { Page } from "../../views/page.tsx";
import { RefusalFragment, RefusalPage } from "../../views/refusal.tsx";
import { SessionsPage } from "../../views/sessions.tsx";
import { Meta } from "../../views/sheet.tsx";
import { SignInFragment, SignInPage } from "../../views/sign-in.tsx";
import { StatusPage } from "../../views/status.tsx";
import { TailFoot, TailHead } from "../../views/tail.tsx";
import {
  actions,
  approvals,
  assets,
  check,
  entry,
  items,
  NOW,
  odd,
  page,
  SESSION,
  sessions,
  states,
  talk,
  target,
} from "./samples.tsx";

export interface Shown {
  readonly name: string;
  readonly html: string;
  readonly width: number;
  readonly height: number;
}

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };

const document = (element: Child) => `<!doctype html>${element}`;
const part = (element: Child) =>
  document(
    <html lang="en">
      <head>
        <Meta title="Part" />
      </head>
      <body class="sheet">
        <main>
          <h1 class="vh">Part</h1>
          <ol id="transcript">{element}</ol>
        </main>
      </body>
    </html>,
  );
const console = (more: Parameters<typeof page>[0]) => document(<Page assets={assets} {...page(more)} />);
/** The dialog as console.js fills and opens it. */
const asking = (html: string) =>
  html
    .replace('<dialog id="confirm"', '<dialog open id="confirm"')
    .replace('<h2 id="confirm-says">Sure?', '<h2 id="confirm-says">Cycle devvm (VM 102)?')
    .replace('<p id="confirm-more">', `<p id="confirm-more">${VERBS.cycle.will} Evidence is saved first.`)
    .replace(
      '<p id="confirm-state">',
      '<p id="confirm-state">State: Frozen. QEMU answers, its disk does not. (heard 12 s ago)',
    )
    .replace('id="confirm-yes">', 'id="confirm-yes">Cycle devvm');
const lamp = (html: string, name: string, words: string) =>
  html.replace(/(<p id="link")([^>]*)>[^<]*/, `$1 class="${name}"$2>${words}`);
const noticed = (html: string, notice: Child) =>
  html.replace('aria-live="polite"></div>', `aria-live="polite">${notice}</div>`);

const lab = { ...target, lab: true };
const SEVERAL = [target, { ...target, id: "db", name: "the database", vmid: 205 }];
const ends = (changed: ChangedKey): readonly PinnedEnd[] => [
  { end: "vm", host: changed.host, pinned: [changed.old!], pinned_by: "contact", changed },
  { end: "pve", host: "10.0.10.2", pinned: [changed.old!], pinned_by: "contact", changed: null },
];
const live = (more: Parameters<typeof page>[0] = {}) => lamp(console(more), "live", "live");

export const gallery = (): readonly Shown[] => [
  ...Object.values(states).map((state) => ({ name: `console, ${state.is}`, html: live({ state }), ...PHONE })),
  {
    name: "console, several targets",
    html: live({ targets: SEVERAL }).replace('<details class="whose">', '<details class="whose" open="">'),
    ...PHONE,
  },
  {
    name: "host keys, the VM's changed",
    html: document(
      <HostKeyPage target={target} ends={ends(states["key-changed"].keys![0]!)} requestId="x1234567" now={NOW} />,
    ),
    ...PHONE,
  },
  { name: "console, an action at work", html: live({ action: actions.running }), ...PHONE },
  {
    name: "console, a turn at work",
    html: live({ turn: { running: true, startedAt: NOW - 34_000, by: "edge:operator" } }),
    ...PHONE,
  },
  {
    name: "console, the agent asks",
    html: live({
      turn: { running: true, startedAt: NOW - 34_000, by: "edge:operator" },
      approvals: [approvals.open],
      items: [...items(), <ApprovalItem approval={approvals.open} now={NOW} />],
    }),
    ...PHONE,
  },
  {
    name: "approvals",
    html: part(Object.values(approvals).map((approval) => <ApprovalItem approval={approval} now={NOW} />)),
    width: 780,
    height: 1250,
  },
  { name: "console, asked before power", html: asking(live()), ...PHONE },
  { name: "console, no link", html: lamp(console({}), "dead", "no link"), ...PHONE },
  { name: "console, catching up", html: lamp(console({}), "catching", "catching up"), ...PHONE },
  { name: "console, signed out", html: noticed(lamp(console({}), "out", "signed out"), <SignInFragment />), ...PHONE },
  { name: "console, server restarting", html: lamp(console({}), "restarting", "restarting"), ...PHONE },
  {
    name: "console, refused",
    html: noticed(
      live(),
      <RefusalFragment sentence="cycle is running on devvm since 03:11, started by edge:operator. Watch it below." />,
    ),
    ...PHONE,
  },
  { name: "console, a first system's host", html: live({ legacy: true }), ...PHONE },
  {
    name: "console, the lab, nothing said yet",
    html: live({
      target: lab,
      items: [],
      earlier: null,
      state: states.running,
      last: null,
      faults: <Faults fault="none" />,
    }),
    ...PHONE,
  },
  { name: "console, wide", html: live(), ...DESK },
  {
    name: "console, wide, the lab",
    html: live({ target: lab, action: actions.running, faults: <Faults fault="qemu_wedged" /> }),
    ...DESK,
  },
  { name: "a conversation", html: part(talk.map((e) => <EntryItem entry={e} now={NOW} />)), width: 780, height: 1100 },
  {
    name: "how turns end; words not said yet",
    html: part(
      <>
        <EntryItem
          entry={entry("failed", {
            error: "The model's service wants a sign-in (401). Run the checks; they need no AI.",
          })}
          now={NOW}
        />
        <EntryItem entry={entry("cancelled", { by: "edge:operator", ended: "2 processes ended" })} now={NOW} />
        <EntryItem
          entry={entry("concluded", { is_error: true, result: "budget reached", duration_ms: 91_000, cost_usd: 2 })}
          now={NOW}
        />
        <li>
          <PartialWords text="The journal holds thirty giga" />
        </li>
      </>,
    ),
    width: 780,
    height: 360,
  },
  {
    name: "actions",
    html: part(Object.values(actions).map((action) => <ActionItem action={action} now={NOW} />)),
    width: 780,
    height: 1150,
  },
  {
    name: "a check, under way and ended",
    html: part([check.started, check.ended].map((e) => <CheckItem entry={e} title="Triage" now={NOW} />)),
    width: 780,
    height: 480,
  },
  {
    name: "odd output",
    html: part(Object.values(odd).map((text) => <EntryItem entry={entry("said", { text })} now={NOW} />)),
    width: 780,
    height: 320,
  },
  {
    name: "confirmation",
    html: document(
      <ConfirmPage
        target={target}
        verb={VERBS.cycle}
        preflight={["2 people are logged in (41 s ago).", "Staged: scsihw virtio-scsi-single will apply."]}
        state={states.frozen}
        now={NOW}
        requestId="x1234567"
        lock="backup"
      />,
    ),
    ...PHONE,
  },
  {
    name: "confirmation, held",
    html: document(
      <ConfirmPage
        target={lab}
        lab
        verb={VERBS.stop}
        action={actions.running}
        preflight={[]}
        state={states.frozen}
        now={NOW}
        requestId="x1234567"
      />,
    ),
    ...PHONE,
  },
  { name: "an action", html: document(<ActionPage action={actions.done} now={NOW} />), ...PHONE },
  { name: "all actions", html: document(<ActionsPage actions={Object.values(actions)} now={NOW} />), ...PHONE },
  { name: "an entry, whole", html: document(<EntryPage entry={talk[5]!} sessionId={SESSION} now={NOW} />), ...PHONE },
  {
    name: "sessions",
    html: document(<SessionsPage targets={[target]} sessions={sessions} now={NOW} requestId="x1234567" />),
    ...PHONE,
  },
  {
    name: "sign in",
    html: document(
      <SignInPage requestId="x1234567" note="That is not the token. Nothing is locked; try again." next="/" />,
    ),
    ...PHONE,
  },
  {
    name: "status",
    html: document(<StatusPage target={target} state={states.stopped} last={actions.failed} now={NOW} />),
    ...PHONE,
  },
  { name: "a refusal", html: document(<RefusalPage status={404} sentence="session not found" />), ...PHONE },
  {
    name: "the transcript's tail without JavaScript",
    html: TailHead() + items().join("") + TailFoot({ now: NOW }),
    width: 390,
    height: 500,
  },
];

const TOKENS = ["ground", "panel", "raised", "line", "ink", "soft", "live", "work", "good", "power"];

/** The tokens, for the top of the page. */
export const Tokens = () => (
  <ul class="tokens">
    {TOKENS.map((name) => (
      <li>
        {raw(`<i style="background:var(--${name})"></i>`)} {name}
      </li>
    ))}
  </ul>
);
