/** What a turn shows of itself: its model, its figures, and a second chance; and where the model is chosen. */
import { expect, test } from "bun:test";
import { markdown } from "../../src/console/markdown.ts";
import type { SessionBody } from "../../src/sessions/event.ts";
import { Composer } from "../../views/composer.tsx";
import { EntryItem } from "../../views/message.tsx";
import { entry, NOW, SESSION } from "./samples.tsx";

const words = (html: string) => html.replace(/<[^>]+>/g, "").trim();
const concluded = (more: Partial<SessionBody["concluded"]>) => {
  const body = { is_error: false, result: "", duration_ms: 18_000, cost_usd: null, ...more };
  return words(`${<EntryItem markdown={markdown} entry={entry("concluded", body)} now={NOW} />}`);
};

test("a turn's end says what it took, as far as that is known", () => {
  expect(concluded({ calls: 3, tokens: 12_345, cost_usd: 0.04 })).toBe(
    "finished · 18 s · 3 calls · 12.3k tokens · $0.04",
  );
  expect(concluded({ calls: 1, tokens: 950, cost_usd: 0.0004 })).toBe(
    "finished · 18 s · 1 call · 950 tokens · under $0.01",
  );
  expect(concluded({ calls: 0, tokens: null, cost_usd: 0 })).toBe("finished · 18 s");
  expect(concluded({})).toBe("finished · 18 s");
  expect(concluded({ is_error: true })).toBe("ended with an error · 18 s");
  expect(concluded({ is_error: true, result: "<b>no</b>" })).toBe("ended with an error: &lt;b&gt;no&lt;/b&gt; · 18 s");
});

test("a prompt says its model where it is not the usual one", () => {
  const prompted = (model: string | null) =>
    words(`${<EntryItem markdown={markdown} entry={entry("prompted", { text: "x", by: "lab", model })} now={NOW} />}`);
  expect(prompted("opus")).toMatch(/^lab, .* ago · opusx$/);
  expect(prompted(null)).toMatch(/^lab, .* agox$/);
});

test("a turn that failed can be sent again by a form without a script; it names the turn and not the words", () => {
  const failed = entry("failed", { error: "The API is overloaded (529)." });
  const html = `${<EntryItem markdown={markdown} entry={failed} again={{ requestId: "signed-id" }} now={NOW} />}`;
  expect(html).toContain(`<form method="post" action="/api/session/${SESSION}/prompt"`);
  expect(html).toContain('<input type="hidden" name="again" value="turn-1"/>');
  expect(html).toContain('name="request_id" value="signed-id"');
  expect(html).toContain("Try again</button>");
  expect(`${<EntryItem markdown={markdown} entry={failed} now={NOW} />}`).not.toContain("<form");
});

test("the model is chosen beside Send, where there is a choice", () => {
  const composer = (models?: readonly string[]) =>
    `${<Composer sessionId="s" requestId="r" running={false} now={NOW} models={models} />}`;
  const choice = '<select name="model" aria-label="Model"><option>big</option><option>small</option></select>';
  expect(composer(["big", "small"])).toContain(`${choice}<div id="turn"`);
  for (const none of [composer(), composer([]), composer(["big"])]) expect(none).not.toContain("<select");
});
