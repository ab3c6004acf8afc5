/** Every view in every state, as documents by name: what `bun run gallery` lays out. Pure; it knows no files and no browser. */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { OnBoard } from "../../src/console/board.ts";
import { markdown } from "../../src/console/markdown.ts";
import { VERBS } from "../../src/power/verb.ts";
import type { ChangedKey, PinnedEnd } from "../../src/target/host-key.ts";
import { AccessPage } from "../../views/access.tsx";
import { ActionItem, ActionPage, ActionsPage } from "../../views/action.tsx";
import { AgainPage, ProofAsked } from "../../views/again.tsx";
import { ApprovalItem } from "../../views/approval.tsx";
import { AuditPage } from "../../views/audit.tsx";
import { CheckItem } from "../../views/check.tsx";
import { PartialWords } from "../../views/composer.tsx";
import { ConfirmPage } from "../../views/confirm.tsx";
import { CodesPage, EnrolPage } from "../../views/enrol.tsx";
import { EntryPage } from "../../views/entry.tsx";
import { Faults } from "../../views/faults.tsx";
import { HostKeyPage } from "../../views/host-key.tsx";
import { KioskPage } from "../../views/kiosk.tsx";
import { EntryItem } from "../../views/message.tsx";
import { OfflinePage } from "../../views/offline.tsx";
import { Page } from "../../views/page.tsx";
import { RefusalFragment, RefusalPage } from "../../views/refusal.tsx";
import { SessionsPage } from "../../views/sessions.tsx";
import { Meta } from "../../views/sheet.tsx";
import { SignInFragment, SignInPage } from "../../views/sign-in.tsx";
import { StatusPage } from "../../views/status.tsx";
import { KIOSK_STYLE, LATER_STYLE, OFFLINE_STYLE } from "../../views/style.ts";
import { TailFoot, TailHead } from "../../views/tail.tsx";
import { audit } from "./audit-samples.ts";
import {
  actions,
  approvals,
  assets,
  check,
  entry,
  happened,
  items,
  NOW,
  odd,
  page,
  questions,
  SESSION,
  sessions,
  signIns,
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
/** With the later part of the style in the place of the link to it: a gallery has no server. */
const console = (more: Parameters<typeof page>[0]) =>
  document(<Page assets={assets} {...page(more)} />).replace(
    `<link rel="stylesheet" href="${assets.style}"/>`,
    `<style>${LATER_STYLE}</style>`,
  );
/** The dialog as console.js fills and opens it. */
const asking = (html: string) =>
  html
    .replace(/(<dialog) (id="confirm"[^>]*>)<!--(.*?)-->/s, "$1 open $2$3")
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
/** Linked style sheets are not to be had here. */
const styled = (html: string, style: string) =>
  html.replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${style}</style>`);
const TABLET = { width: 1280, height: 800 };
const onBoard = (id: string, more: Partial<OnBoard>): OnBoard => ({
  target: { ...target, id, name: id },
  state: states.running,
  action: null,
  turn: null,
  asks: false,
  ...more,
});
const board = (targets: readonly OnBoard[]) =>
  styled(
    document(
      <KioskPage
        board={{ targets, happened: happened(targets[0]!.target), made: "x", now: NOW }}
        assets={{ ...assets, style: "/static/kiosk-0123456789ab.css" }}
        heartbeat_ms={20_000}
      />,
    ),
    KIOSK_STYLE,
  );
const hung = (targets: readonly OnBoard[]) => lamp(board(targets), "live", "live");
const frozen = onBoard("devvm", {
  state: states.frozen,
  action: actions.running,
  turn: { by: "edge:operator", started_at: NOW - 150_000 },
  asks: true,
});
const unheard = onBoard("mail", { state: states.unreachable });
const MANY = ["devvm", "db", "mail", "build", "files", "git", "wiki", "cache", "proxy"];
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
    name: "console, the agent asks a question",
    html: live({
      turn: { running: true, startedAt: NOW - 34_000, by: "edge:operator" },
      approvals: [questions.open],
      items: [...items(), <ApprovalItem approval={questions.open} now={NOW} />],
    }),
    ...PHONE,
  },
  {
    name: "questions",
    html: part(Object.values(questions).map((approval) => <ApprovalItem approval={approval} now={NOW} />)),
    width: 780,
    height: 640,
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
  {
    name: "a conversation",
    html: part(talk.map((e) => <EntryItem markdown={markdown} entry={e} now={NOW} />)),
    width: 780,
    height: 1100,
  },
  {
    name: "how turns end; words not said yet",
    html: part(
      <>
        <EntryItem
          markdown={markdown}
          entry={entry("failed", {
            error: "The model's service wants a sign-in (401). Run the checks; they need no AI.",
          })}
          now={NOW}
        />
        <EntryItem
          markdown={markdown}
          entry={entry("cancelled", { by: "edge:operator", ended: "2 processes ended" })}
          now={NOW}
        />
        <EntryItem
          markdown={markdown}
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
    html: part(
      Object.values(odd).map((text) => <EntryItem markdown={markdown} entry={entry("said", { text })} now={NOW} />),
    ),
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
  {
    name: "an entry, whole",
    html: document(<EntryPage markdown={markdown} entry={talk[5]!} sessionId={SESSION} now={NOW} />),
    ...PHONE,
  },
  {
    name: "sessions",
    html: document(
      <SessionsPage
        targets={[target]}
        sessions={sessions}
        older="/sessions?before=1200"
        first
        now={NOW}
        requestId="x1234567"
      />,
    ),
    ...PHONE,
  },
  { name: "audit", html: document(<AuditPage {...audit.whole} />), ...PHONE },
  { name: "audit, broken, and the disk refuses", html: document(<AuditPage {...audit.broken} />), ...PHONE },
  {
    name: "sign in",
    html: document(
      <SignInPage requestId="x1234567" note="That is not the token. Nothing is locked; try again." next="/" />,
    ),
    ...PHONE,
  },
  {
    name: "sign in, by name",
    html: document(<SignInPage requestId="x1234567" names token next="/" name="viktor" note="Once more." lab />),
    ...PHONE,
  },
  {
    name: "sign in, refused over plain http",
    html: document(<SignInPage requestId={null} names warning="This page came over plain http, so nobody signs in." />),
    ...PHONE,
  },
  {
    name: "enrol",
    html: document(<EnrolPage name="viktor" address="/enrol/x" requestId="x1234567" note="Type them again." again />),
    ...PHONE,
  },
  {
    name: "recovery codes",
    html: document(<CodesPage name="viktor" codes={Array(10).fill("abcde-fghjk-mnpqr")} fresh lab />),
    ...PHONE,
  },
  { name: "sign-ins", html: document(<AccessPage {...signIns} />), ...PHONE },
  {
    name: "sign-ins, the password not given lately",
    html: document(<AccessPage {...signIns} proved={false} />),
    ...PHONE,
  },
  {
    name: "the password once more",
    html: document(
      <AgainPage name="local:viktor" token={false} needed requestId="x1234567" next="/" note="That is not it." />,
    ),
    ...PHONE,
  },
  {
    name: "the password is asked for",
    html: document(
      <ProofAsked sentence="Stop, reset and cycle want your password once more." way="/access/again" page />,
    ),
    ...PHONE,
  },
  {
    name: "status",
    html: document(<StatusPage target={target} state={states.stopped} last={actions.failed} now={NOW} />),
    ...PHONE,
  },
  { name: "a refusal", html: document(<RefusalPage status={404} sentence="session not found" />), ...PHONE },
  { name: "wall board, all is well", html: hung([onBoard("devvm", {})]), ...TABLET },
  { name: "wall board, frozen, a cycle runs", html: hung([frozen]), ...TABLET },
  { name: "wall board, upright", html: hung([frozen]), width: 800, height: 1280 },
  { name: "wall board, a long word", html: hung([onBoard("devvm", { state: states["io-error"] })]), ...TABLET },
  {
    name: "wall board, no link",
    html: lamp(board([frozen]), "dead", "no link since 03:09; what stands here is old").replace(
      '<body class="',
      '<body class="lost ',
    ),
    ...TABLET,
  },
  { name: "wall board, three targets", html: hung([frozen, onBoard("db", {}), unheard]), ...TABLET },
  {
    name: "wall board, three targets, upright",
    html: hung([frozen, onBoard("db", {}), unheard]),
    width: 800,
    height: 1280,
  },
  {
    name: "wall board, many targets",
    html: hung(MANY.map((id) => (id === "devvm" ? frozen : id === "mail" ? unheard : onBoard(id, {})))),
    width: 1920,
    height: 1080,
  },
  {
    name: "nothing answers",
    html: styled(document(<OfflinePage style="/static/offline.css" script="/static/offline.js" />), OFFLINE_STYLE),
    ...PHONE,
  },
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
