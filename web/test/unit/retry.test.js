import assert from "node:assert/strict";
import { test } from "node:test";
import { around, backoff, CEILING, createLoop, FLOOR } from "../../src/shop/retry.js";
import { chance, createWorld, settle } from "./world.js";

test("a pause lies between one second and a ceiling that doubles up to 15 s", () => {
  const ceilings = [2000, 4000, 8000, 15_000, 15_000, 15_000];
  for (const [i, ceiling] of ceilings.entries()) {
    assert.equal(backoff(i + 1, () => 0), FLOOR);
    assert.ok(Math.abs(backoff(i + 1, () => 1 - 1e-9) - ceiling) < 1, `attempt ${i + 1}`);
  }
  assert.ok(backoff(10_000, () => 1 - 1e-9) <= CEILING);
});

test("what the server asks to wait is waited, and not by all at once", () => {
  const random = chance(3);
  const pauses = Array.from({ length: 60 }, () => backoff(1, random, 5000));
  assert.ok(pauses.every((p) => p >= 5000 && p <= 6000));
  assert.ok(new Set(pauses.map((p) => Math.round(p / 10))).size > 30);
});

test("sixty phones that failed together come back apart", () => {
  for (const attempt of [3, 4, 5]) {
    const random = chance(attempt);
    const seconds = new Map();
    for (let phone = 0; phone < 60; phone++) {
      const second = Math.floor(backoff(attempt, random) / 1000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    assert.ok(Math.max(...seconds.values()) <= 60 / (2 ** Math.min(attempt, 3)) * 2.5, `attempt ${attempt}: ${[...seconds.values()]}`);
  }
});

test("around is give or take", () => {
  assert.equal(around(2000, 0.2, () => 0), 1600);
  assert.equal(around(2000, 0.2, () => 0.5), 2000);
  assert.ok(Math.abs(around(2000, 0.2, () => 1) - 2400) < 1e-9);
});

/** A loop whose questions a test answers. */
function loop() {
  const played = createWorld();
  /** @type {((pause: number) => Promise<void>)[]} */
  const waiting = [];
  /** @type {AbortSignal[]} */
  const signals = [];
  /** @type {number[]} */
  const due = [];
  const l = createLoop(played.world, (signal) => new Promise((resolve) => {
    signals.push(signal);
    waiting.push(async (pause) => { resolve(pause); await settle(); });
  }), (at) => { due.push(at && at - played.now()); });
  return { ...played, l, waiting, signals, due };
}

test("a loop asks at once, then after each pause, one question at a time", async () => {
  const w = loop();
  w.l.start();
  await w.advance(0);
  assert.equal(w.waiting.length, 1);
  w.l.now();
  await w.advance(60_000);
  assert.equal(w.waiting.length, 1, "asked again while it was waiting for an answer");
  await w.waiting[0](2000);
  assert.equal(w.due.at(-1), 2000);
  await w.advance(1999);
  assert.equal(w.waiting.length, 1);
  await w.advance(1);
  assert.equal(w.waiting.length, 2);
});

test("a hidden page asks nothing, and asks within half a second when it is seen again", async () => {
  const w = loop();
  w.l.start();
  await w.advance(0);
  await w.waiting[0](2000);
  w.look(false);
  assert.equal(w.due.at(-1), 0, "it says that nothing is planned");
  await w.advance(600_000);
  assert.equal(w.waiting.length, 1);
  w.look(true);
  await w.advance(500);
  assert.equal(w.waiting.length, 2);
});

test("an answer that comes while the page is hidden plans nothing", async () => {
  const w = loop();
  w.l.start();
  await w.advance(0);
  w.look(false);
  await w.waiting[0](2000);
  assert.deepEqual(w.timers(), []);
});

test("who stops gives up the question under way, and its answer changes nothing", async () => {
  const w = loop();
  w.l.start();
  await w.advance(0);
  w.l.stop();
  assert.equal(w.signals[0].aborted, true);
  await w.waiting[0](2000);
  assert.deepEqual(w.timers(), []);
  w.l.start();
  await w.advance(0);
  assert.equal(w.waiting.length, 2);
});

test("who looks away and back at once does not ask sooner", async () => {
  const w = loop();
  w.l.start();
  await w.advance(0);
  await w.waiting[0](2000);
  w.l.stop();
  w.l.start();
  await w.advance(1999);
  assert.equal(w.waiting.length, 1);
});

test("what is final is asked again only by hand", async () => {
  const w = loop();
  w.l.start();
  await w.advance(0);
  await w.waiting[0](Infinity);
  w.look(false);
  w.look(true);
  await w.advance(600_000);
  assert.equal(w.waiting.length, 1);
  w.l.now();
  await w.advance(0);
  assert.equal(w.waiting.length, 2);
});
