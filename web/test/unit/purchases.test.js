// A purchase by its address, and the server's list.

import { effect, signal } from "@preact/signals";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPurchases } from "../../src/shop/purchases.js";
import { createSession } from "../../src/shop/session.js";
import { createBrowser, createServer, createWorld, no, ok } from "./world.js";

const TX = "666b418d-96f0-5a92-886e-6405da014a85";
const PASS = { user: { id: "u1", name: "Ana" }, token: "t1", kind: "guest", expires: 0 };

/** @param {boolean} [entered] @param {ReturnType<typeof createBrowser>} [browser] @param {number} [now] */
function open(entered = true, browser = createBrowser(), now = undefined) {
  if (entered) browser.storage.set("eventflow.session", JSON.stringify(PASS));
  const played = createWorld({ browser, now });
  const server = createServer(played);
  const session = createSession(played.world, server.call);
  const remembered = signal(/** @type {any} */ (undefined));
  return { ...played, server, session, remembered, ...createPurchases(played.world, session, () => remembered.value) };
}

/** @param {{ value: unknown }} s */
const look = (s) => effect(() => void s.value);

/** @param {string} status */
const standing = (status) => ok({ transaction_id: TX, event_id: 999, seats: ["A-1"], amount_cents: 2500, status });

/** @param {ReturnType<typeof open>} p @param {string} id @param {string} token */
async function enter(p, id, token) {
  p.session.logIn({ email: "a@b", password: "x" });
  const asked = p.server.open().find((r) => r.path === "/api/auth/login");
  await asked?.answer(ok({ user: { id, name: id }, token, expires_at: "" }));
}

describe("a purchase by its address", () => {
  test("is followed until the last word", async () => {
    const p = open();
    look(p.purchase(TX));
    await p.advance(0);
    await p.server.asked().answer(standing("queued"));
    assert.equal(p.purchase(TX).peek().server?.status, "queued");
    await p.advance(2400);
    await p.server.asked().answer(standing("confirmed"));
    await p.advance(600_000);
    assert.deepEqual([p.server.open().length, p.purchase(TX).peek().server?.status], [0, "confirmed"]);
  });

  test("that this browser made is not asked for twice", async () => {
    const p = open();
    p.remembered.value = { tx: TX, state: "unknown", toldAt: 5, node: "app-3", busy: "ask" };
    look(p.purchase(TX));
    await p.advance(60_000);
    const view = p.purchase(TX).peek();
    assert.deepEqual([p.server.all.length, view.order?.state, view.arrivedAt, view.node, view.asking], [0, "unknown", 5, "app-3", true]);
  });

  test("that the server does not know is asked for again: it may come to know it", async () => {
    const p = open();
    look(p.purchase(TX));
    await p.advance(0);
    await p.server.asked().answer(no(404, "no_purchase"));
    assert.equal(p.purchase(TX).peek().trouble?.gone, true);
    await p.advance(15_000);
    await p.server.asked().answer(standing("queued"));
    assert.deepEqual([p.purchase(TX).peek().trouble, p.purchase(TX).peek().server?.status], [undefined, "queued"]);
  });

  test("trouble takes nothing away", async () => {
    const p = open();
    look(p.purchase(TX));
    await p.advance(0);
    await p.server.asked().answer(standing("queued"));
    await p.advance(2400);
    await p.server.asked().answer(no(503, "outcome_unknown", "unknown"));
    const view = p.purchase(TX).peek();
    assert.deepEqual([view.server?.status, view.trouble?.code], ["queued", "outcome_unknown"]);
  });

  test("another purchase's words, or none, are no answer", async () => {
    const p = open();
    look(p.purchase(TX));
    await p.advance(0);
    await p.server.asked().answer(ok({ transaction_id: "x", status: "confirmed" }));
    assert.deepEqual([p.purchase(TX).peek().server, p.purchase(TX).peek().trouble?.code], [undefined, "unreadable"]);
  });

  test("needs somebody who has entered, and asks as soon as somebody has", async () => {
    const p = open(false);
    look(p.purchase(TX));
    await p.advance(60_000);
    assert.deepEqual([p.server.all.length, p.purchase(TX).peek().trouble?.code], [0, "enter_first"]);
    await enter(p, "u1", "t2");
    await p.advance(0);
    assert.deepEqual([p.server.asked().path, p.server.asked().token], [`/api/purchases/${TX}`, "t2"]);
  });
});

describe("the server's list", () => {
  const LIST = ok({ purchases: [{ transaction_id: TX, event_id: 999, seats: ["A-1"], amount_cents: 2500, status: "queued" }], partial: true });

  test("says when there may be more", async () => {
    const p = open();
    look(p.mine);
    await p.advance(0);
    await p.server.asked().answer(LIST);
    assert.deepEqual([p.mine.peek().value?.length, p.mine.peek().partial], [1, true]);
  });

  test("stays when the session ends, goes when the person leaves, and is never shown to another one", async () => {
    const p = open();
    look(p.mine);
    await p.advance(0);
    await p.server.asked().answer(LIST);
    await p.advance(6000);
    await p.server.asked().answer(no(401, "unauthorized"));
    assert.equal(p.mine.peek().value?.length, 1);
    await p.advance(60_000);
    assert.equal(p.server.open().length, 0, "asked although nobody is in");
    await enter(p, "u2", "t2");
    assert.equal(p.mine.peek().value, undefined);
    await p.advance(0);
    assert.equal(p.server.asked().token, "t2");
    await p.server.asked().answer(LIST);
    p.session.leave();
    assert.equal(p.mine.peek().value, undefined);
  });

  test("an answer to who was in before is not shown to who is in now", async () => {
    const p = open();
    look(p.mine);
    await p.advance(0);
    const old = p.server.asked();
    await enter(p, "u2", "t2");
    await old.answer(LIST);
    assert.equal(p.mine.peek().value, undefined);
  });

  test("is remembered for its own person", async () => {
    const p = open();
    look(p.mine);
    await p.advance(0);
    await p.server.asked().answer(LIST);
    const q = open(true, p.browser, p.now());
    assert.deepEqual([q.mine.peek().value?.length, q.mine.peek().remembered], [1, true]);
    p.browser.storage.set("eventflow.session", JSON.stringify({ ...PASS, user: { id: "u9", name: "Z" } }));
    assert.equal(open(false, p.browser, p.now()).mine.peek().value, undefined);
  });
});
