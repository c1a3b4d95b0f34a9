// Orders as the page lives them: sent, kept, reloaded, asked on. The last part
// plays hundreds of buyers with bad luck and holds every word that their page
// says against what the box office knows.

import { effect, signal } from "@preact/signals";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createBasket } from "../../src/shop/basket.js";
import { createCatalogue } from "../../src/shop/catalogue.js";
import { createOrders } from "../../src/shop/orders.js";
import { createSeats } from "../../src/shop/seats.js";
import { createSession } from "../../src/shop/session.js";
import { transactionOf } from "../../src/shop/uuid5.js";
import { createBox } from "./box.js";
import { chance, createBrowser, createServer, createWorld, hall, no, ok, settle, silence, START } from "./world.js";

/** @typedef {import("../../src/shop/contract.js").Order} Order */

const LOCK = "0b2a4c1e-9b1f-4a55-8a5e-1d9a3c0f6e21";
const TX = transactionOf(LOCK);
const PASS = { user: { id: "u1", name: "Ana" }, token: "u1/t1", kind: "guest", expires: 0 };

/**
 * A tab of the shop.
 *
 * @param {{ browser?: ReturnType<typeof createBrowser>, now?: number, seed?: number, call?: (w: ReturnType<typeof createWorld>) => import("../../src/shop/contract.js").Call }} [how]
 */
function open({ browser = createBrowser(), now, seed, call } = {}) {
  const played = createWorld({ browser, now, seed });
  const server = createServer(played);
  const line = call?.(played) ?? server.call;
  const session = createSession(played.world, line);
  const map = { value: { value: hall(["ffff", "ffff"]) } };
  /** @type {any} */
  const seats = { map: () => ({ peek: () => map.value, get value() { return map.value; } }), onMap() {}, askNow() {} };
  const basket = createBasket(played.world, seats);
  /** @type {any} */
  const catalogue = { events: signal({}), event: () => signal({ value: { name: "Concierto" } }) };
  const orders = createOrders(played.world, session, basket, seats, catalogue);
  return { ...played, server, session, basket, ...orders, first: () => orders.orders.peek()[0] };
}

/** @param {Parameters<typeof open>[0]} [how] */
function enter(how = {}) {
  const browser = how.browser ?? createBrowser();
  browser.storage.set("eventflow.session", JSON.stringify(PASS));
  return open({ ...how, browser });
}

const lock = (id = LOCK) => ok({ lock_id: id, event_id: 999, seats: ["A-1", "A-2"], amount_cents: 5000, expires_in_seconds: 120 }, { status: 201 });
const accepted = ok({ status: "ACCEPTED_ASYNC", transaction_id: TX, lock_id: LOCK }, { status: 202 });
/** @param {string} status */
const standing = (status) => ok({ transaction_id: TX, event_id: 999, seats: ["A-1", "A-2"], amount_cents: 5000, status });

/** A tab with two seats on hold. */
async function held() {
  const p = enter();
  p.basket.pick(999, ["A-1", "A-2"]);
  const done = p.hold();
  await p.server.asked().answer(lock());
  assert.deepEqual(await done, { ok: true });
  return p;
}

/** The same page after a reload. @param {ReturnType<typeof open>} p */
function reload(p) {
  p.close();
  return open({ browser: p.browser, now: p.now() });
}

describe("from the basket to the ticket", () => {
  test("a hold, a purchase, its confirmation", async () => {
    const p = enter();
    p.basket.pick(999, ["A-1", "A-2"]);
    const done = p.hold();
    assert.equal(p.first().state, "locking");
    assert.equal(p.basket.basket.peek().seats.length, 2, "kept until the hold is sure");
    const asked = p.server.asked();
    assert.deepEqual([asked.method, asked.path, asked.token], ["POST", "/api/seats/lock", "u1/t1"]);
    assert.deepEqual(asked.body, { event_id: 999, seats: ["A-1", "A-2"], request_id: p.first().key });
    await asked.answer(lock());
    assert.deepEqual(await done, { ok: true });
    assert.deepEqual([p.first().state, p.first().tx, p.first().eventName, p.first().amount], ["held", TX, "Concierto", 5000]);
    assert.equal(p.basket.basket.peek().seats.length, 0);

    const bought = p.buy(p.first().key);
    assert.equal(p.first().state, "buying");
    assert.deepEqual(p.server.asked().body, { lock_id: LOCK });
    await p.server.asked().answer(accepted);
    assert.deepEqual(await bought, { ok: true });
    assert.equal(p.byTx(TX)?.state, "queued");

    await p.advance(2400);
    assert.equal(p.server.asked().path, `/api/purchases/${TX}`);
    await p.server.asked().answer(standing("queued"));
    await p.advance(2400);
    await p.server.asked().answer(standing("confirmed"));
    assert.equal(p.first().state, "confirmed");
    await p.advance(600_000);
    assert.equal(p.server.open().length, 0, "asked on after the last word");
  });

  test("nothing is sent for who has not entered, picked nothing, or has an open order", async () => {
    const nobody = open();
    assert.deepEqual(await nobody.hold(), { ok: false, certainty: "none", code: "enter_first", seats: [], wait: 0 });
    const p = enter();
    assert.equal(/** @type {any} */ (await p.hold()).code, "nothing_picked");
    const h = await held();
    h.basket.pick(999, ["B-1"]);
    assert.equal(/** @type {any} */ (await h.hold()).code, "finish_first");
    assert.equal(p.server.all.length + nobody.server.all.length, 0);
  });

  test("refused for certain: the basket stays, no order does", async () => {
    const p = enter();
    p.basket.pick(999, ["A-1", "A-2"]);
    const done = p.hold();
    await p.server.asked().answer(no(409, "seat_taken", "none", { data: { code: "seat_taken", seats: ["A-2"] } }));
    assert.deepEqual(await done, { ok: false, certainty: "none", code: "seat_taken", seats: ["A-2"], wait: 0 });
    assert.deepEqual([p.orders.peek().length, p.basket.basket.peek().seats.length, p.farewell.peek()?.why], [0, 2, "refused"]);
  });

  test("the countdown ends by itself, and the same seats can be picked again", async () => {
    const p = await held();
    await p.advance(119_000);
    assert.equal(p.first().state, "held");
    await p.advance(1000);
    assert.equal(p.first().state, "lapsed");
  });

  /** A lapsed hold of, with the real map behind the basket. */
  async function lapsed() {
    const browser = createBrowser();
    browser.storage.set("eventflow.session", JSON.stringify(PASS));
    const played = createWorld({ browser });
    const server = createServer(played);
    const session = createSession(played.world, server.call);
    const seats = createSeats(played.world, server.call);
    const basket = createBasket(played.world, seats);
    const orders = createOrders(played.world, session, basket, seats, createCatalogue(played.world, server.call));
    const stop = effect(() => void seats.map(999).value);
    await played.advance(0);
    await server.asked().answer(ok(hall(["ffff"])));
    basket.pick(999, ["A-1", "A-2"]);
    orders.hold();
    await server.asked().answer(lock());
    stop();
    await played.advance(120_000);
    assert.equal(orders.orders.peek()[0].state, "lapsed");
    return { ...played, server, basket, ...orders, key: orders.orders.peek()[0].key };
  }

  test("the same seats again: those that are still free, by a fresh map", async () => {
    const p = await lapsed();
    const found = p.pickAgain(p.key);
    await p.advance(0);
    await p.server.asked().answer(ok(hall(["fsff"])));
    assert.equal(await found, 1);
    assert.deepEqual(p.basket.basket.peek().seats.map((s) => s.id), ["A-1"]);
    await p.advance(60_000);
    assert.equal(p.server.open().length, 0, "nobody looks at the map any more");
  });

  test("held again in one step, as a new order with a new request", async () => {
    const p = await lapsed();
    const done = p.holdAgain(p.key);
    await p.advance(0);
    await p.server.asked().answer(ok(hall(["ffff"])));
    await p.advance(0);
    assert.deepEqual(p.server.asked().body.seats, ["A-1", "A-2"]);
    assert.notEqual(p.server.asked().body.request_id, p.key);
    await p.server.asked().answer(lock(TX));
    assert.deepEqual([await done, p.orders.peek().map((o) => o.state)], [{ ok: true }, ["held"]]);
  });

  test("held again only if all of them are free; the others lie in the basket", async () => {
    const p = await lapsed();
    const done = p.holdAgain(p.key);
    await p.advance(0);
    await p.server.asked().answer(ok(hall(["hfff"])));
    assert.equal(/** @type {any} */ (await done).code, "some_gone");
    assert.deepEqual([p.basket.basket.peek().seats.length, p.orders.peek()[0].state, p.server.open().length], [1, "lapsed", 0]);
  });

  test("given back: gone, and said so", async () => {
    const p = await held();
    const done = p.release(p.first().key);
    assert.equal(p.server.asked().method, "DELETE");
    await p.server.asked().answer(ok({}, { status: 204 }));
    await done;
    assert.deepEqual([p.orders.peek(), p.farewell.peek()?.why], [[], "released"]);
  });

  test("extended twelve times", async () => {
    const p = await held();
    for (let i = 0; i < 12; i++) {
      await p.advance(100_000);
      const done = p.extend(p.first().key);
      await p.server.asked().answer(lock());
      await done;
    }
    assert.deepEqual([p.first().state, p.first().extensions], ["held", 12]);
  });
});

describe("while a part is gone", () => {
  test("503 none: tries with the same hold, more and more seldom, until it is accepted", async () => {
    const p = await held();
    p.buy(p.first().key);
    for (let i = 1; i <= 5; i++) {
      await p.server.asked().answer(no(503, "queue_unavailable", "none", { wait: 1000 }));
      assert.deepEqual([p.first().state, p.first().attempt, p.first().note], ["waiting", i, "queue_unavailable"]);
      const pause = p.first().nextTry - p.now();
      assert.ok(pause >= 1000 && pause <= 15_000);
      await p.advance(pause);
      assert.equal(p.first().state, "buying");
      assert.deepEqual(p.server.asked().body, { lock_id: LOCK });
    }
    await p.server.asked().answer(accepted);
    assert.equal(p.first().state, "queued");
  });

  test("cancelled: nothing is tried any more, and the seats are still held", async () => {
    const p = await held();
    p.buy(p.first().key);
    await p.server.asked().answer(no(503, "queue_unavailable"));
    p.cancel(p.first().key);
    await p.advance(60_000);
    assert.deepEqual([p.first().state, p.server.open().length], ["held", 0]);
  });

  test("it tries on while nobody looks, but asks how it stands only for who looks", async () => {
    const p = await held();
    p.look(false);
    p.buy(p.first().key);
    await p.server.asked().answer(no(503, "queue_unavailable"));
    await p.advance(15_000);
    await p.server.asked().answer(accepted);
    await p.advance(60_000);
    assert.equal(p.server.open().length, 0);
    p.look(true);
    await p.advance(500);
    assert.equal(p.server.asked().path, `/api/purchases/${TX}`);
  });

  test("no answer: asks by itself how it stands, and never buys again by itself", async () => {
    const p = await held();
    p.buy(p.first().key);
    await p.server.asked().answer(silence());
    assert.equal(p.first().state, "unknown");
    for (let i = 0; i < 20; i++) {
      await p.advance(15_000);
      assert.equal(p.server.asked().method, "GET");
      await p.server.asked().answer(i % 2 ? no(404, "no_purchase") : no(503, "outcome_unknown", "unknown"));
      assert.equal(p.first().state, "unknown");
    }
    assert.equal(p.server.all.filter((r) => r.path === "/api/purchase").length, 1);
  });

  test("sending again is the person's own act, with the same hold, and only after the server did not know it", async () => {
    const p = await held();
    p.buy(p.first().key);
    await p.server.asked().answer(silence());
    assert.equal((await p.sendAgain(p.first().key)).ok, false);
    p.ask(p.first().key);
    await p.server.asked().answer(no(404, "no_purchase"));
    p.sendAgain(p.first().key);
    assert.deepEqual(p.server.asked().body, { lock_id: LOCK });
    p.sendAgain(p.first().key);
    p.buy(p.first().key);
    assert.equal(p.server.open().length, 1, "pressed twice is sent once");
    await p.server.asked().answer(no(503, "redis_unavailable"));
    assert.equal(p.first().state, "unknown", "a none to the second takes back nothing of the first");
  });

  test("a hold without an answer is asked for again with the same request, and dropped if the person says so", async () => {
    const p = enter();
    p.basket.pick(999, ["A-1"]);
    p.hold();
    const { key } = p.first();
    await p.server.asked().answer(silence());
    await p.advance(2000);
    assert.equal(p.server.asked().body.request_id, key);
    await p.server.asked().answer(silence());
    p.giveUp(key);
    await p.advance(600_000);
    assert.deepEqual([p.orders.peek(), p.server.open().length, p.farewell.peek()?.why], [[], 0, "given_up"]);
  });
});

describe("401", () => {
  test("ends the session, never the basket nor an order", async () => {
    const p = await held();
    p.basket.pick(999, ["B-1"]);
    p.buy(p.first().key);
    await p.server.asked().answer(no(401, "unauthorized"));
    assert.deepEqual([p.session.session.peek(), p.session.ended.peek()?.name], [null, "Ana"]);
    assert.deepEqual([p.first().state, p.first().note, p.basket.basket.peek().seats.length], ["held", "unauthorized", 1]);
    assert.equal(/** @type {any} */ (await p.buy(p.first().key)).code, "enter_first");
  });

  test("another person cannot send for it, the same one can", async () => {
    const p = await held();
    p.buy(p.first().key);
    await p.server.asked().answer(accepted);
    await p.advance(2400);
    await p.server.asked().answer(no(401, "unauthorized"));
    assert.equal(p.first().state, "queued");
    await p.advance(60_000);
    assert.equal(p.server.open().length, 0);

    const other = p.session.enterGuest("Eva");
    await p.server.asked().answer(ok({ user: { id: "u2", name: "Eva" }, token: "u2/t", expires_at: "2026-05-04T22:00:00Z" }));
    await other;
    await p.advance(60_000);
    assert.deepEqual([p.server.open().length, p.isMine(p.first())], [0, false]);

    assert.equal(p.current.peek(), undefined, "nobody has to finish what another one began");
    const again = p.session.logIn({ email: "a@b", password: "x" });
    await p.server.asked().answer(ok({ user: { id: "u1", name: "Ana" }, token: "u1/t2", expires_at: "2026-05-04T22:00:00Z" }));
    await again;
    await p.advance(500);
    assert.equal(p.server.asked().token, "u1/t2");
    await p.server.asked().answer(standing("confirmed"));
    assert.equal(p.first().state, "confirmed");
  });
});

describe("somebody else's order", () => {
  test("holds up nobody, and can be taken off the list", async () => {
    const p = await held();
    const { key } = p.first();
    assert.equal(p.current.peek()?.key, key);
    p.session.leave();
    assert.equal(p.current.peek()?.key, key, "whoever comes back can finish it");
    p.dismiss(key);
    assert.equal(p.orders.peek().length, 1);
    const other = p.session.enterGuest("Eva");
    await p.server.asked().answer(ok({ user: { id: "u2", name: "Eva" }, token: "u2/t", expires_at: "" }));
    await other;
    assert.equal(p.current.peek(), undefined);
    p.basket.pick(999, ["B-1"]);
    p.hold();
    assert.equal(p.server.asked().token, "u2/t");
    p.dismiss(key);
    assert.equal(p.byKey(key), undefined);
  });
});

describe("a reload", () => {
  test("in the middle of a purchase: unknown, at its address, and it asks", async () => {
    const p = await held();
    p.buy(p.first().key);
    const q = reload(p);
    assert.deepEqual([q.byTx(TX)?.state, q.first().note], ["unknown", "reloaded"]);
    await q.advance(500);
    assert.equal(q.server.asked().path, `/api/purchases/${TX}`);
  });

  test("in the middle of asking for a hold: may exist, and the same is asked again", async () => {
    const p = enter();
    p.basket.pick(999, ["A-1"]);
    p.hold();
    const { key } = p.first();
    const q = reload(p);
    assert.equal(q.first().state, "lock_unknown");
    await q.advance(500);
    assert.equal(q.server.asked().body.request_id, key);
    await q.server.asked().answer(lock());
    assert.equal(q.first().state, "held");
  });

  test("an hour later nobody is asked for seats by itself", async () => {
    const p = enter();
    p.basket.pick(999, ["A-1"]);
    p.hold();
    p.sleep(3_600_000);
    const q = reload(p);
    await q.advance(60_000);
    assert.deepEqual([q.first().state, q.server.open().length], ["lock_unknown", 0]);
  });

  test("while waiting: tries on", async () => {
    const p = await held();
    p.buy(p.first().key);
    await p.server.asked().answer(no(503, "queue_unavailable"));
    const q = reload(p);
    await q.advance(15_000);
    assert.equal(q.server.asked().path, "/api/purchase");
  });

  test("after the hold is over: lapsed", async () => {
    const p = await held();
    p.sleep(3_600_000);
    const q = reload(p);
    await q.advance(0);
    assert.equal(q.first().state, "lapsed");
  });

  test("what another version wrote is left alone", () => {
    const browser = createBrowser();
    browser.storage.set("eventflow.order.x", '{"version":0,"order":{"key":"x","state":"confirmed"}}');
    browser.storage.set("eventflow.order.y", '{"version":1,"order":{"key":"z"}}');
    assert.deepEqual(open({ browser }).orders.peek(), []);
    assert.equal(browser.storage.size, 2);
  });
});

describe("two tabs of one browser", () => {
  test("see the same orders, and only one of them sends", async () => {
    const browser = createBrowser();
    const a = enter({ browser });
    const b = enter({ browser });
    a.basket.pick(999, ["A-1"]);
    a.hold();
    await a.server.asked().answer(lock());
    assert.equal(b.first().state, "held");
    a.buy(a.first().key);
    assert.equal((await b.buy(b.first().key)).ok, false, "before b has heard of it");
    await settle();
    assert.equal(b.first().state, "buying");
    assert.equal((await b.buy(b.first().key)).ok, false);
    assert.equal(b.server.all.length, 0);
    await a.server.asked().answer(accepted);
    await settle();
    assert.equal(b.first().state, "queued");
  });

  test("a tab that goes away in the middle leaves an unknown, not a wait for ever", async () => {
    const browser = createBrowser();
    const a = enter({ browser });
    const b = enter({ browser });
    a.basket.pick(999, ["A-1"]);
    a.hold();
    await a.server.asked().answer(lock());
    a.buy(a.first().key);
    a.close();
    await b.advance(9000);
    assert.equal(b.first().state, "buying");
    await b.advance(1000);
    assert.equal(b.first().state, "unknown");
  });

  test("what one has cancelled the other does not try, even if the news of it is still on its way", async () => {
    const browser = createBrowser();
    const a = enter({ browser });
    a.basket.pick(999, ["A-1"]);
    a.hold();
    await a.server.asked().answer(lock());
    a.buy(a.first().key);
    await a.server.asked().answer(no(503, "queue_unavailable"));
    const b = enter({ browser, now: a.now() });
    assert.equal(b.first().state, "waiting");
    browser.listeners.length = 0;
    a.cancel(a.first().key);
    assert.equal(b.first().state, "waiting", "not told yet");
    await b.advance(60_000);
    assert.deepEqual([b.first().state, b.server.all.length], ["held", 0]);
  });

  test("what one forgets the other forgets", async () => {
    const browser = createBrowser();
    const a = enter({ browser });
    const b = enter({ browser });
    a.basket.pick(999, ["A-1"]);
    a.hold();
    await a.server.asked().answer(lock());
    a.release(a.first().key);
    await a.server.asked().answer(ok({}, { status: 204 }));
    assert.deepEqual(b.orders.peek(), []);
  });
});

describe("buyers with bad luck", () => {
  const BUYERS = Number(process.env.BUYERS ?? 100);
  const STEPS = 60;

  test(`${BUYERS} of them: the page never says more than the box office knows`, async () => {
    const seen = new Set();
    for (let seed = 1; seed <= BUYERS; seed++) {
      try {
        await life(seed, seen);
      } catch (cause) {
        throw new Error(`buyer ${seed}: ${/** @type {Error} */ (cause).message}`, { cause });
      }
    }
    const all = ["locking", "lock_unknown", "held", "buying", "waiting", "unknown", "queued", "confirmed", "rejected", "lapsed"];
    assert.deepEqual(all.filter((s) => !seen.has(s)), [], "never came about");
  });

  /** @param {number} seed @param {Set<string>} seen */
  async function life(seed, seen) {
    const random = chance(seed * 7919);
    const browser = createBrowser();
    browser.storage.set("eventflow.session", JSON.stringify(PASS));
    let now = START;
    const box = createBox(() => now, random);
    box.tokens.add(PASS.token);
    let tabs = [tab(1)];
    /** Which locks were bought for an order. @type {Map<string, Set<string>>} */
    const locks = new Map();
    /** What the person took off the list. @type {Set<string>} */
    const left = new Set();
    /** Orders whose seats the person wanted to give back: from then on the page cannot be sure. @type {Set<string>} */
    const givenBack = new Set();
    let passes = 1;

    /** @param {number} n */
    function tab(n) {
      return open({ browser, now, seed: seed * 100 + n, call: () => box.line() });
    }
    /** @template T @param {T[]} list */
    const any = (list) => list[Math.floor(random() * list.length)];

    /** @param {number} ms */
    async function pass(ms) {
      for (let gone = 0; gone < ms; gone += 250) {
        now += 250;
        box.work();
        await settle();
        for (const t of tabs) await t.advance(now - t.now());
        check();
      }
    }

    function check() {
      assert.ok(box.most() <= 1, "two purchase requests of one order on their way");
      for (const t of tabs) {
        for (const o of t.orders.peek()) {
          seen.add(o.state);
          if (o.lock) locks.set(o.key, (locks.get(o.key) ?? new Set()).add(o.lock));
          const truth = box.purchases.get(o.tx);
          const say = `${o.state}, and the truth is ${truth ?? "no purchase"}`;
          if (o.state === "confirmed") assert.equal(truth, "confirmed", say);
          if (o.state === "rejected") assert.equal(truth, "rejected", say);
          if (o.state === "queued") assert.ok(truth, say);
          if (o.state === "held" || o.state === "waiting" || o.state === "lapsed") assert.equal(truth, undefined, say);
          if (o.state === "held" && o.until > now && o.busy === "") {
            assert.ok((box.locks.get(o.lock)?.until ?? 0) >= o.until, "more time than the server gave");
            if (!givenBack.has(o.key)) assert.equal(box.locks.get(o.lock)?.state, "locked", "held, but not there");
          }
        }
      }
      for (const [key, some] of locks) assert.equal(some.size, 1, `order ${key} had ${some.size} locks`);
      const shown = new Set(tabs.flatMap((t) => t.orders.peek().map((o) => o.tx)));
      for (const [tx, state] of box.purchases) assert.ok(shown.has(tx) || left.has(tx), `a ${state} purchase is nowhere to be seen`);
    }

    for (let i = 0; i < STEPS; i++) {
      const t = any(tabs);
      const o = any(t.orders.peek()) ?? /** @type {any} */ ({ key: "" });
      await any([
        () => { t.basket.pick(999, any([["A-1"], ["A-2", "A-3"], ["B-1"]])); t.hold(); },
        () => { t.hold(); },
        () => { t.buy(o.key); },
        () => { t.buy(o.key); t.buy(o.key); },
        () => { t.buy(t.current.peek()?.key ?? ""); },
        () => { t.cancel(o.key); },
        () => { t.extend(o.key); },
        () => { if (random() < 0.3) { givenBack.add(o.key); t.release(o.key); } },
        () => { t.ask(o.key); },
        () => { t.sendAgain(o.key); },
        () => { t.askLock(o.key); },
        () => { if (random() < 0.3) t.giveUp(o.key); },
        () => { if (o.tx) left.add(o.tx); t.dismiss(o.key); },
        () => { t.close(); tabs = tabs.map((x) => (x === t ? tab(i + 2) : x)); },
        () => { if (tabs.length < 2) tabs.push(tab(i + 200)); },
        () => { if (tabs.length > 1) { t.close(); tabs = tabs.filter((x) => x !== t); } },
        () => { t.look(random() < 0.5); },
        () => { Object.assign(box.faults, { network: random() < 0.5 ? 0 : random(), redis: random() < 0.2, queue: random() < 0.4, vague: random() < 0.5 ? 0 : random(), ledger: random() < 0.3 }); },
        () => { Object.assign(box.faults, { network: 0, redis: false, queue: false, vague: 0, ledger: false }); },
        async () => {
          box.tokens.clear();
          await pass(1000);
          const token = `u1/t${++passes}`;
          box.tokens.add(token);
          browser.storage.set("eventflow.session", JSON.stringify({ ...PASS, token }));
          for (const x of tabs) x.close();
          tabs = [tab(i + 400)];
        },
        () => pass(any([250, 1000, 5000])),
        () => pass(any([250, 1000, 5000])),
        () => pass(any([20_000, 130_000]) * (random() < 0.3 ? 1 : 0.05)),
      ])();
      await settle();
      check();
    }

    // Everything works again, and somebody looks: every question finds its answer.
    Object.assign(box.faults, { network: 0, redis: false, queue: false, vague: 0, ledger: false });
    for (const t of tabs) t.look(true);
    await pass(150_000);
    for (const o of tabs[0].orders.peek().filter((x) => x.state === "unknown")) {
      assert.ok(o.missing, "unknown although the server answers");
      tabs[0].sendAgain(o.key);
    }
    await pass(30_000);
    for (const o of tabs[0].orders.peek()) {
      const settled = ["lock_unknown", "held", "confirmed", "rejected", "lapsed"].includes(o.state);
      assert.ok(settled || (o.state === "unknown" && !box.purchases.has(o.tx)), `ends as ${o.state}: ${o.note}`);
    }
  }
});
