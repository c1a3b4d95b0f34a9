// What the page knows of the catalogue and the seats, and how old it says it is.

import { effect } from "@preact/signals";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createCatalogue } from "../../src/shop/catalogue.js";
import { createSeats } from "../../src/shop/seats.js";
import { createBrowser, createServer, createWorld, hall, no, ok, silence } from "./world.js";

const LIST = { events: [{ id: 999, name: "Concierto", venue: "Auditorio", starts_at: "2026-06-01T18:00:00Z", seats: 8 }], source: "cache", age_seconds: 12 };

/** @param {Parameters<typeof createWorld>[0]} [how] */
function open(how) {
  const played = createWorld(how);
  const server = createServer(played);
  return { ...played, server, ...createCatalogue(played.world, server.call), seats: createSeats(played.world, server.call) };
}

/** Looks at a signal until it is told to stop. @param {{ value: unknown }} signal */
const look = (signal) => effect(() => void signal.value);

describe("a list that is looked at", () => {
  test("is asked for, and shown with its source and its age, the way here included", async () => {
    const p = open();
    assert.deepEqual(p.timers(), [], "nobody looks, nobody asks");
    look(p.events);
    await p.advance(0);
    assert.equal(p.events.peek().asking, true);
    p.sleep(700);
    await p.server.asked().answer(ok(LIST, { stale: true }));
    const known = p.events.peek();
    assert.deepEqual(known.value, LIST.events);
    assert.deepEqual([known.source, known.stale, known.node, known.asking, known.remembered, known.trouble], ["cache", true, "app-1", false, false, undefined]);
    assert.deepEqual([known.ageAtArrival, known.arrivedAt], [12_700, p.now()]);
  });

  test("keeps what it knows through trouble, says since when, and when it asks again", async () => {
    const p = open();
    look(p.events);
    await p.advance(0);
    await p.server.asked().answer(ok(LIST));
    await p.advance(12_000);
    const since = p.now();
    for (let attempt = 1; attempt < 6; attempt++) {
      await p.server.asked().answer(no(503, "database_unavailable", "none", { wait: 1000 }));
      const { trouble, value } = p.events.peek();
      assert.deepEqual(value, LIST.events);
      assert.deepEqual({ ...trouble, code: "database_unavailable", since, attempt, gone: false }, trouble);
      const pause = (trouble?.nextTry ?? 0) - p.now();
      assert.ok(pause >= 1000 && pause <= 15_000, `pause ${pause}`);
      await p.advance(pause);
      assert.equal(p.events.peek().trouble?.nextTry, 0, "it is asking now");
    }
    await p.server.asked().answer(ok(LIST));
    assert.equal(p.events.peek().trouble, undefined);
  });

  test("is not asked for any more when nobody looks", async () => {
    const p = open();
    const stop = look(p.events);
    await p.advance(0);
    stop();
    assert.equal(p.events.peek().asking, false);
    await p.advance(600_000);
    assert.equal(p.server.all.length, 1);
  });

  test("an ok that is no list is trouble, not an empty list", async () => {
    const p = open();
    look(p.events);
    await p.advance(0);
    await p.server.asked().answer(ok({}));
    assert.deepEqual([p.events.peek().value, p.events.peek().trouble?.code], [undefined, "unreadable"]);
  });

  test("a reload shows what was known, as what it remembers, with its age", async () => {
    const browser = createBrowser();
    const p = open({ browser });
    look(p.events);
    await p.advance(0);
    await p.server.asked().answer(ok(LIST));
    const q = open({ browser, now: p.now() + 60_000 });
    const known = q.events.peek();
    assert.deepEqual([known.value, known.remembered, known.source], [LIST.events, true, "cache"]);
    assert.equal(known.ageAtArrival + q.now() - known.arrivedAt, 72_000);
    look(q.events);
    await q.advance(0);
    await q.server.asked().answer(ok(LIST));
    assert.equal(q.events.peek().remembered, false);
  });

  test("asking now does not wait for its turn", async () => {
    const p = open();
    look(p.events);
    await p.advance(0);
    await p.server.asked().answer(no(503, "unavailable"));
    p.askNow();
    await p.advance(0);
    assert.equal(p.server.open().length, 1);
  });
});

describe("one event", () => {
  test("that does not exist is not asked for again by itself", async () => {
    const p = open();
    look(p.event(7));
    await p.advance(0);
    await p.server.asked().answer(no(404, "no_event"));
    assert.deepEqual([p.event(7).peek().trouble?.gone, p.event(7).peek().trouble?.nextTry], [true, 0]);
    await p.advance(600_000);
    assert.equal(p.server.all.length, 1);
  });

  test("a 404 of something in between is only trouble", async () => {
    const p = open();
    look(p.event(7));
    await p.advance(0);
    await p.server.asked().answer(no(404, "http_404"));
    assert.equal(p.event(7).peek().trouble?.gone, false);
    assert.notEqual(p.event(7).peek().trouble?.nextTry, 0);
  });

  test("is not taken for another one that was kept", async () => {
    const browser = createBrowser();
    const p = open({ browser });
    look(p.event(1));
    await p.advance(0);
    await p.server.asked().answer(ok({ ...LIST.events[0], id: 1, sections: [], source: "database", age_seconds: 0 }));
    const q = open({ browser, now: p.now() });
    assert.equal(q.event(2).peek().value, undefined);
    assert.equal(q.event(1).peek().value?.id, 1);
    assert.equal(q.event(1), q.event(1));
  });
});

describe("the seat map", () => {
  test("is asked for every two seconds, give or take, and not by all phones at once", async () => {
    const gaps = [];
    for (let seed = 1; seed <= 20; seed++) {
      const p = open({ seed });
      look(p.seats.map(999));
      await p.advance(0);
      await p.server.asked().answer(ok(hall(["ff"])));
      gaps.push(p.timers()[0]);
    }
    assert.ok(gaps.every((g) => g >= 1600 && g <= 2400), String(gaps));
    assert.ok(new Set(gaps).size > 15);
  });

  test("tells what changed while somebody looked, and not what an earlier visit saw", async () => {
    const browser = createBrowser();
    const p = open({ browser });
    const map = p.seats.map(999);
    look(map);
    await p.advance(0);
    await p.server.asked().answer(ok(hall(["fff"])));
    assert.equal(map.peek().lastChange.size, 0, "the first map is no news");
    await p.advance(2400);
    await p.server.asked().answer(ok(hall(["fhf"])));
    assert.deepEqual([...map.peek().lastChange], [["A-2", { from: "free", to: "held", at: p.now() }]]);
    const before = map.peek().lastChange;
    await p.advance(2400);
    await p.server.asked().answer(ok(hall(["fhf"])));
    assert.equal(map.peek().lastChange, before, "nothing new, nothing to draw");
    await p.advance(2400);
    await p.server.asked().answer(ok(hall(["shf"])));
    assert.deepEqual([...map.peek().lastChange.keys()], ["A-2", "A-1"]);

    const q = open({ browser, now: p.now() + 60_000 });
    look(q.seats.map(999));
    assert.equal(q.seats.map(999).peek().remembered, true);
    await q.advance(0);
    await q.server.asked().answer(ok(hall(["sss"])));
    assert.equal(q.seats.map(999).peek().lastChange.size, 0);
  });

  test("that has not changed is the same object, whatever its age", async () => {
    const p = open();
    const map = p.seats.map(999);
    look(map);
    await p.advance(0);
    await p.server.asked().answer(ok(hall(["ff"])));
    const before = map.peek().value;
    await p.advance(2400);
    await p.server.asked().answer(ok(hall(["ff"], { age_seconds: 2, source: "cache" })));
    assert.equal(map.peek().value, before);
    assert.deepEqual([map.peek().source, map.peek().ageAtArrival >= 2000, map.peek().arrivedAt], ["cache", true, p.now()]);
    await p.advance(2400);
    await p.server.asked().answer(ok(hall(["fh"])));
    assert.notEqual(map.peek().value, before);
  });

  test("old news is forgotten", async () => {
    const p = open();
    const map = p.seats.map(999);
    look(map);
    await p.advance(0);
    await p.server.asked().answer(ok(hall(["ff"])));
    await p.advance(2400);
    await p.server.asked().answer(ok(hall(["fh"])));
    p.sleep(300_000);
    await p.advance(2400);
    await p.server.asked().answer(ok(hall(["fh"])));
    assert.equal(map.peek().lastChange.size, 0);
  });

  test("says when nobody knows which seats are held", async () => {
    const p = open();
    look(p.seats.map(999));
    await p.advance(0);
    await p.server.asked().answer(ok(hall(["ff"], { holds_known: false })));
    assert.equal(p.seats.map(999).peek().holdsKnown, false);
  });

  test("sixty phones after two minutes without an answer do not come back together", async () => {
    const seconds = new Map();
    for (let phone = 1; phone <= 60; phone++) {
      const p = open({ seed: phone });
      look(p.seats.map(999));
      const end = p.now() + 120_000;
      while (p.now() < end) {
        await p.advance(50);
        for (const asked of p.server.open()) await asked.answer(silence("network"));
      }
      const second = Math.floor(p.timers()[0] / 1000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    assert.ok(Math.max(...seconds.values()) <= 14, `in one second: ${[...seconds.values()]}`);
  });
});
