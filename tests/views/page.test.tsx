import { expect, test } from "bun:test";
import { brotliCompressSync, constants } from "node:zlib";
import { MUTATING, VERB_NAMES } from "../../src/power/verb.ts";
import { TurnSlot } from "../../views/composer.tsx";
import { Partial, Renewal } from "../../views/hx.tsx";
import { Page } from "../../views/page.tsx";
import { PowerPanel, Running } from "../../views/power.tsx";
import { StatePanel } from "../../views/state.tsx";
import { STYLE } from "../../views/style.ts";
import { actions, assets, NOW, page, requestIds, SESSION, states, target } from "./samples.tsx";

const drawPage = (more: Parameters<typeof page>[0] = {}) =>
  `<!doctype html>${<Page assets={assets} {...page(more)} />}`;

async function attributes(html: string, selector: string): Promise<Record<string, string>[]> {
  const found: Record<string, string>[] = [];
  await new HTMLRewriter()
    .on(selector, { element: (e) => void found.push(Object.fromEntries(e.attributes)) })
    .transform(new Response(html))
    .text();
  return found;
}

test("the first screen of an incident stays under 10,000 bytes on the wire", () => {
  const html = drawPage();
  const wire = brotliCompressSync(html, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }).length;
  expect(html.length).toBeGreaterThan(20_000); // else this proves nothing
  expect(wire).toBeLessThan(10_000);
});

test("nothing on the page needs what the content policy forbids", async () => {
  const html = drawPage();
  expect(html).not.toMatch(/ style="| on[a-z]+="|hx-on|"js:|javascript:/);
  expect(STYLE).not.toMatch(/@import|url\(|<\//);
  expect((await attributes(html, "script")).map((a) => Object.keys(a))).toEqual([["src", "defer"]]);
});

test("no id stands twice on the page, and none of its forms shares a request id", async () => {
  const html = drawPage({ turn: { running: true, startedAt: NOW, by: "lab" } });
  const ids = (await attributes(html, "[id]")).map((a) => a.id!);
  expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  const requests = (await attributes(html, "[name=request_id]")).map((a) => a.value!);
  expect(requests.length).toBe(6 + 10 + 2);
  expect(new Set(requests).size).toBe(requests.length);
});

test("a mutating verb without JavaScript is a GET of its confirmation; with it, it asks and then posts", async () => {
  const html = `${<PowerPanel {...page()} />}`;
  for (const verb of VERB_NAMES) {
    const [form] = await attributes(html, `form#${verb}`);
    expect(form).toMatchObject({ action: `/api/pve/${verb}`, "hx-post": `/api/pve/${verb}` });
    expect(form!.method).toBe(MUTATING.includes(verb) ? "get" : "post");
    expect(form!["hx-confirm"] !== undefined).toBe(MUTATING.includes(verb));
    expect(form!["hx-sync"]).toBe("this:drop");
  }
  expect(html).toContain("Cycle devvm (VM 102)? Stops it hard, then starts a new QEMU process.");
});

test("while an action runs the line says which and by whom, and power is held", async () => {
  const running = `${<Running action={actions.running} now={NOW} seq={7} />}`;
  expect(running).toContain('class="busy held"');
  expect(running).toContain("00:34");
  expect(running).toContain("started by edge:operator");
  expect(`${<Running action={{ ...actions.status, state: "running" }} now={NOW} />}`).not.toContain("held");
  expect(`${<Running action={actions.done} last={actions.done} now={NOW} />}`).toContain("cycle done");
  expect(`${<Running now={NOW} />}`).toContain("nothing is running");
});

test("what goes to everybody carries no request id", () => {
  const shared = [
    <TurnSlot sessionId={SESSION} running startedAt={NOW} by="lab" now={NOW} />,
    <TurnSlot sessionId={SESSION} running={false} now={NOW} />,
    <Running action={actions.running} now={NOW} />,
    <StatePanel state={states.frozen} now={NOW} />,
  ];
  for (const part of shared) expect(`${part}`).not.toContain("request_id");
});

test("Stop needs no text, and says so to a browser that ignores formaction", async () => {
  const [stop] = await attributes(
    `${<TurnSlot sessionId={SESSION} running startedAt={NOW} by="lab" now={NOW} />}`,
    "button",
  );
  expect(stop).toMatchObject({ formaction: `/api/session/${SESSION}/cancel`, formnovalidate: "", name: "stop" });
});

test("a state says its age, is greyed when old, and owns up when nothing was heard", () => {
  expect(`${<StatePanel state={states.frozen} now={NOW} />}`).toContain(">12 s ago</time>");
  expect(`${<StatePanel state={states.unreachable} now={NOW} />}`).toContain("stale");
  expect(`${<StatePanel state={states.frozen} now={NOW} />}`).not.toContain("stale");
  expect(`${<StatePanel state={states.unknown} now={NOW} />}`).toContain("nothing heard yet");
});

test("a fresh request id reaches the form that asked, and no selector of a stranger's making", () => {
  expect(`${<Renewal source="form#ask-disk" requestId="abcdefgh" />}`).toContain('hx-target="#ask-disk .rid"');
  for (const source of [null, "", "form#a,body", "button#x", "form#%22"])
    expect(`${<Renewal source={source} requestId="abcdefgh" />}`).toBe("");
});

test("a part of the page is replaced by morphing unless it says otherwise", () => {
  expect(`${<Partial target="#state">x</Partial>}`).toBe(
    '<hx-partial hx-target="#state" hx-swap="outerMorph">x</hx-partial>',
  );
});

test("names of the target are text", () => {
  const html = drawPage({ target: { ...target, name: '<i>"x"' }, requestIds });
  expect(html).not.toContain("<i>");
});
