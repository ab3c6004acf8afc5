/**
 * What axe finds on a page as it stands. Its source is put there by us: the package for Playwright opens a second page for each
 * look, which took five times as long.
 */
import { expect } from "bun:test";
import axe from "axe-core";
import type { Page } from "playwright";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** One line a violation, the rule and where; `only` runs a single rule. A page on which next to nothing was looked at throws. */
export async function violations(page: Page, only?: string): Promise<string[]> {
  const which = only ? { type: "rule", values: [only] } : { type: "tag", values: TAGS };
  await page.evaluate(axe.source);
  const found = await page.evaluate<{ passes: number; violations: string[] }>(
    `axe.run(document, ${JSON.stringify({ runOnly: which })}).then((all) => ({
      passes: all.passes.length,
      violations: all.violations.map((v) => v.id + ": " + v.nodes.map((node) => node.target).join(" ")),
    }))`,
  );
  expect(found.passes).toBeGreaterThanOrEqual(only ? 1 : 10); // else this proves nothing
  return found.violations;
}
