// One browser for all tests, and a phone for each: a window of its own that shares
// nothing with the others, and that tells what went wrong inside.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { PATIENCE } from "./until.js";

/**
 * @typedef {import("playwright-core").Browser} Browser
 * @typedef {import("playwright-core").Page} Page
 * @typedef {import("node:test").TestContext} T
 * @typedef {{width?: number, height?: number, lang?: "es"|"en", theme?: "light"|"dark",
 *   motion?: "reduce"|"no-preference", forced?: "active"|"none"}} Looks
 */

/** @type {Promise<Browser> | undefined} */
let running;
let failures = 0;

/** Without a sandbox, for tests run as root in containers; the only pages it opens are our own. */
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-dev-shm-usage", "--no-first-run"];

function browser() {
  running ??= chromium.launch({ executablePath: process.env.CHROMIUM, args: flags, env: quiet() });
  return running;
}

/** Debian's wrapper of Chromium reads these as its own flags. */
function quiet() {
  const env = /** @type {Record<string, string>} */ ({ ...process.env });
  delete env.CHROMIUM_FLAGS;
  return env;
}

export async function closeBrowser() {
  await (await running)?.close();
  running = undefined;
}

/** What it looked like when a test failed. @param {Page} page @param {string} name */
async function picture(page, name) {
  const path = join(process.env.EVENTFLOW_SHOTS ?? tmpdir(), `failed-${name.replace(/[^a-z0-9]+/gi, "-").slice(0, 60)}-${++failures}.png`);
  await page.screenshot({ path }).then(() => console.log(`picture: ${path}`), (e) => console.log(`no picture: ${e.message}`));
}

/** A phone with an empty memory at this address. @param {T} t @param {string} url @param {Looks} [looks] */
export async function phone(t, url, looks = {}) {
  const { width = 390, height = 844, lang = "es", theme = "light", motion = "no-preference", forced = "none" } = looks;
  const context = await (await browser()).newContext({
    baseURL: url, viewport: { width, height }, locale: lang === "es" ? "es-ES" : "en-GB", timezoneId: "Europe/Madrid",
    colorScheme: theme, reducedMotion: motion, forcedColors: forced, hasTouch: width < 700,
  });
  const page = await context.newPage();
  /** @type {string[]} */
  const wrong = [];
  page.on("pageerror", (e) => wrong.push(e.stack ?? e.message));
  page.on("console", (m) => {
    // The browser's own line for each answer that is not a 2xx: those are what the tests are about.
    if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) wrong.push(m.text());
  });
  t.after(async () => {
    if (!(/** @type {any} */ (t).passed)) await picture(page, t.name);
    await context.close();
    assert.deepEqual(wrong, [], "the page's own errors");
  });
  page.setDefaultTimeout(PATIENCE);
  return page;
}
