// What every screen must pass: no accessibility violation, nothing to scroll
// sideways; and a picture of it for people.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";

/** @typedef {import("playwright-core").Page} Page */

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const folder = process.env.EVENTFLOW_SHOTS ?? "";

/** @type {{screen: string, width: number, theme: string, lang: string, forced: boolean, rules: number, elements: number, violations: object[]}[]} */
const report = [];

/**
 * In a window as high as the page: what lies half under the bar at the bottom is a
 * matter of where somebody has scrolled to.
 *
 * @param {Page} page
 * @param {string} screen
 */
export async function accessible(page, screen) {
  const window = page.viewportSize() ?? { width: 390, height: 844 };
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ ...window, height: Math.max(height, window.height) });
  try {
    await judge(page, screen);
  } finally {
    await page.setViewportSize(window);
  }
}

/** @param {Page} page @param {string} screen */
async function judge(page, screen) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  // What fades in is judged when it is there.
  await page.evaluate(() => Promise.allSettled(document.getAnimations()
    .filter((a) => a.effect?.getComputedTiming().iterations !== Infinity).map((a) => a.finished)));
  const result = await page.evaluate(async (tags) => {
    const found = await /** @type {any} */ (window).axe.run(document, { runOnly: tags, resultTypes: ["violations"], elementRef: false });
    return {
      rules: found.passes.length + found.violations.length,
      elements: document.querySelectorAll("*").length,
      violations: found.violations.map((/** @type {any} */ v) => ({
        rule: v.id, help: v.help, nodes: v.nodes.slice(0, 5).map((/** @type {any} */ n) => ({ at: n.target.join(" "), why: n.failureSummary, html: n.html.slice(0, 200) })),
      })),
      forced: matchMedia("(forced-colors: active)").matches,
      lang: document.documentElement.lang,
      theme: getComputedStyle(document.documentElement).colorScheme,
      width: innerWidth,
    };
  }, TAGS);
  report.push({ screen, ...result });
  assert.deepEqual(result.violations, [], `axe on ${screen} at ${result.width} px, ${result.theme}, ${result.lang}`);
}

/** Nothing to scroll sideways; the hall may, inside its own box. @param {Page} page @param {string} screen */
export async function noSidewaysScroll(page, screen) {
  const size = await page.evaluate(() => ({ has: document.documentElement.scrollWidth, may: document.documentElement.clientWidth }));
  assert.ok(size.has <= size.may, `${screen} is ${size.has} px wide in a window of ${size.may}`);
}

/** @param {Page} page @param {string} name */
export async function shoot(page, name) {
  if (!folder) return;
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

/** A picture and axe, for what can only be seen while something is broken. @param {Page} page @param {string} screen */
export async function inspect(page, screen) {
  await accessible(page, screen);
  await noSidewaysScroll(page, screen);
  await shoot(page, screen);
}

/** Writes down what was looked at. */
export function writeReport() {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `axe-${process.env.EVENTFLOW_LANE}.json`), `${JSON.stringify({ tags: TAGS, looked: report.length, violations: report.flatMap((r) => r.violations).length, screens: report }, null, 1)}\n`);
}
