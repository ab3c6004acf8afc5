/** The console for those who zoom, choose their own colours, use a keyboard, or listen: real server and lab, an agent that does what it is told. */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { BrowserContextOptions, Page } from "playwright";
import { openPage } from "../support/browser.ts";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { openStage } from "../support/stage.ts";

setDefaultTimeout(120_000);

const stage = openStage("senses", callingClaude);

async function live(width: number, height: number, more: BrowserContextOptions = {}) {
  const opened = await openPage(stage.browser, `${stage.server.url}/`, { viewport: { width, height }, ...more });
  await opened.page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();
  return opened;
}

/** What has the focus, whether a ring shows it, and whether something lies over its middle. */
const FOCUSED = `(() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
  const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return { what: e.id || e.getAttribute("aria-label") || e.textContent.trim(), ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: !!over && (e.contains(over) || over.contains(e)) && right > left && bottom > top };
})()`;
async function tabbed(page: Page): Promise<{ what: string; ring: boolean; seen: boolean }[]> {
  const seen: { what: string; ring: boolean; seen: boolean }[] = [];
  while (seen.at(-1)?.what !== "turn-send" && seen.length < 60) {
    await page.keyboard.press("Tab");
    seen.push(await page.evaluate(FOCUSED));
  }
  return seen;
}

test("zoomed to 320 px, in large type and in a flat window, nothing is cut or covered, and the focus goes by importance, always in sight", async () => {
  for (const [width, height] of [
    [320, 640], // 400 % on a desktop, or an old phone
    [195, 422], // 200 % on a phone
    [320, 256], // 400 % on a small desktop
  ] as const) {
    const { page, close } = await live(width, height);
    const wide =
      await page.evaluate(`[...document.querySelectorAll("body *")].filter((e) => !e.closest("#presets, #faults, .vh, .rid, .brief, .long, #confirm")
      && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.id || e.className || e.tagName)`);
    expect({ width, wide }).toEqual({ width, wide: [] });
    // No control's words reach out of it, nor into its neighbour's.
    const crowded =
      await page.evaluate(`[...document.querySelectorAll("header h1, header .tag, #link, header .button, header button, .verbs button, .verbs summary")]
      .filter((e, i, all) => { const a = e.getBoundingClientRect();
        return e.scrollWidth > e.clientWidth + 1 || all.some((o) => { const b = o.getBoundingClientRect();
          return o !== e && (e.closest("header") === o.closest("header")) && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1; }); })
      .map((e) => e.id || e.textContent)`);
    expect({ width, crowded }).toEqual({ width, crowded: [] });
    const order = await tabbed(page);
    const names = order.map(({ what }) => what);
    const important = ["state", "do-status", "do-cycle", "do-stop", "log", "prompt", "turn-send"];
    expect(names.filter((name) => important.includes(name))).toEqual(important);
    expect(order.filter(({ ring }) => !ring)).toEqual([]);
    // Below 320 px, which nobody promises, bars and keyboard may leave less than a button between them.
    if (width >= 320) expect({ width, hidden: order.filter(({ seen }) => !seen) }).toEqual({ width, hidden: [] });
    await close();
  }
});

test("in forced colours shape and border still tell lamp, state, power and what is pressed apart; without motion nothing moves", async () => {
  const { page, close } = await live(390, 844, { forcedColors: "active", reducedMotion: "reduce" });
  expect(await page.evaluate(`matchMedia("(forced-colors: active)").matches`)).toBe(true); // else this proves nothing
  const drawn = (selector: string, pseudo = "") =>
    page.evaluate(
      `(() => { const e = document.querySelector(${JSON.stringify(selector)}), s = getComputedStyle(e, ${JSON.stringify(pseudo)} || null);
        return { content: s.content.replace(/ \\/ ""$/, ""), border: s.borderTopWidth + " " + s.borderTopStyle }; })()`,
    ) as Promise<{ content: string; border: string }>;
  const lamp = await drawn("#link", "::before");
  await page.evaluate(`document.getElementById("link").className = "dead"`);
  expect((await drawn("#link", "::before")).content).not.toBe(lamp.content);
  expect(lamp.content).toMatch(/●/);
  expect((await drawn("#state h2", "::before")).content).toMatch(/●/);
  const [quiet, cycle, send] = await Promise.all([drawn("#do-status"), drawn("#do-cycle"), drawn("#turn-send")]);
  expect([quiet.border, cycle.border, send.border]).toEqual(["1px solid", "2px solid", "3px solid"]);
  expect((await drawn(`#faults [aria-pressed="true"]`)).border).toBe("3px solid");
  expect((await drawn(`#faults [aria-pressed="false"]`)).border).toBe("1px dashed");
  const moving = await page.evaluate(`[...document.querySelectorAll("*")].filter((e) => { const s = getComputedStyle(e);
    return s.transitionDuration.split(",").some((d) => parseFloat(d) > 0) && s.transitionProperty !== "none" || s.animationName !== "none"; }).length`);
  expect(moving).toBe(0);
  await close();
});

test("an incident of 100 entries is no chatter: machines' output is not read out, and the other live regions speak on a change only", async () => {
  const { page, close } = await live(390, 844);
  await page.evaluate(`
    window.said = { log: [], other: {} };
    const politely = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest("[aria-live], [role=log], [role=status], [role=alert]");
    new MutationObserver((changes) => {
      for (const { type, target, addedNodes } of changes) {
        const region = politely(target);
        if (!region || region.getAttribute("aria-live") === "off") continue;
        if (region.id === "log") {
          // aria-relevant="additions": what is added as an element, unless it keeps quiet itself.
          for (const node of addedNodes) if (node.nodeType === 1 && politely(node) === region && node.innerText) said.log.push(node.innerText.slice(0, 60));
        } else if (type === "characterData" || [...addedNodes].some((n) => n.textContent.trim())) {
          const name = region.id || region.tagName + " " + region.closest("[id]").id;
          (said.other[name] ||= []).push(region.textContent.slice(0, 80));
        }
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  `);
  const calls = Array.from({ length: 50 }, (_, i) =>
    CALL("vm_run", { command: `echo reading-${i}`, reason: "to look" }),
  );
  await page.getByRole("textbox", { name: "Describe the problem" }).fill(["look around", ...calls].join("\n"));
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#turn.running").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
  await page.getByText("That was all.").waitFor();
  expect(await page.locator("#transcript > .call, #transcript > .ret").count()).toBeGreaterThanOrEqual(100); // else this proves nothing
  const said = (await page.evaluate("said")) as { log: string[]; other: Record<string, string[]> };
  expect(said.log.length).toBeLessThanOrEqual(6);
  expect(said.log.join("\n")).toContain("That was all.");
  expect(Object.values(said.other).flat().length).toBeLessThanOrEqual(4);
  await close();
});
