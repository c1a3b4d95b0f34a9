// The clock, the theme and the storage of every page.

import { effect } from "@preact/signals";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClock } from "../../src/shared/clock.js";
import { createWorld } from "./world.js";

describe("the clock", () => {
  test("ticks once a second while somebody reads it and the page is visible", async () => {
    const p = createWorld();
    const { now } = createClock(p.world);
    assert.deepEqual(p.timers(), []);
    let ticks = 0;
    const stop = effect(() => void (now.value, ticks++));
    ticks = 0;
    await p.advance(5000);
    assert.equal(ticks, 5);
    p.look(false);
    await p.advance(60_000);
    assert.equal(ticks, 5);
    p.look(true);
    assert.equal(now.peek(), p.now(), "right at once when it is seen again");
    stop();
    assert.deepEqual(p.timers(), []);
  });
});

/** As much of a browser as storage and themes need. */
const kept = new Map();
const html = { dataset: /** @type {Record<string, string>} */ ({}), lang: "" };
const storage = {
  getItem: (/** @type {string} */ k) => kept.get(k) ?? null,
  setItem: (/** @type {string} */ k, /** @type {string} */ v) => kept.set(k, v),
  removeItem: (/** @type {string} */ k) => kept.delete(k),
};
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
Object.assign(globalThis, { document: { documentElement: html, visibilityState: "visible", addEventListener() {} } });
const { world } = await import("../../src/shared/store.js");
const { setTheme, theme } = await import("../../src/shared/theme.js");

describe("the theme", () => {
  test("is the system's until somebody chooses, and again after", () => {
    assert.deepEqual([theme.peek(), html.dataset.theme], ["system", undefined]);
    setTheme("dark");
    assert.deepEqual([theme.peek(), html.dataset.theme, kept.get("eventflow.theme")], ["dark", "dark", '"dark"']);
    setTheme("system");
    assert.deepEqual([theme.peek(), html.dataset.theme, kept.has("eventflow.theme")], ["system", undefined, false]);
  });
});

describe("storage", () => {
  test("keeps, recalls and forgets", () => {
    world.remember("a", { b: 1 });
    assert.deepEqual(world.recall("a"), { b: 1 });
    world.remember("a", undefined);
    assert.equal(world.recall("a"), undefined);
    kept.set("a", "no json");
    assert.equal(world.recall("a"), undefined);
  });

  test("that is refused is a page that forgets, not one that breaks", () => {
    Object.defineProperty(globalThis, "localStorage", { get() { throw new Error("SecurityError"); }, configurable: true });
    world.remember("a", 1);
    assert.equal(world.recall("a"), undefined);
    assert.deepEqual(world.kept("a"), []);
  });
});
