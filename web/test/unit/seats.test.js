// Which seats are suggested, and what is in the basket.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createBasket } from "../../src/shop/basket.js";
import { bestOf, nearest } from "../../src/shop/seats.js";
import { createBrowser, createWorld, hall } from "./world.js";

/** @typedef {import("../../src/shop/contract.js").SeatMap} SeatMap */

/** @param {string[]} rows @returns {SeatMap} */
const map = (rows) => /** @type {any} */ (hall(rows));

/** @param {string[]} rows @param {number} n */
const best = (rows, n) => bestOf(map(rows), n)?.seats;

describe("the best seats together", () => {
  test("lie in the middle of the front row of an empty hall", () => {
    assert.deepEqual(best(["fffffff", "fffffff"], 1), ["A-4"]);
    assert.deepEqual(best(["fffffff", "fffffff"], 3), ["A-3", "A-4", "A-5"]);
    assert.deepEqual(bestOf(map(["fff"]), 1), { seats: ["A-2"], section: "Platea", row: "A", price_cents: 2500 });
  });
  test("the middle of the second row is better than the edge of the first", () => {
    assert.deepEqual(best(["fhhhhhf", "fffffff"], 1), ["B-4"]);
  });
  test("are beside each other, without anybody in between", () => {
    assert.deepEqual(best(["ffhff", "hfffh"], 3), ["B-2", "B-3", "B-4"]);
    assert.equal(best(["ffhff"], 3), undefined);
    assert.equal(best([], 1), undefined);
  });
  test("held, being bought and sold are not free", () => assert.deepEqual(best(["hpsf"], 1), ["A-4"]));
  test("a missing number is an aisle", () => {
    const m = map(["ffff"]);
    m.sections[0].rows[0].seats[2].id = "A-13";
    m.sections[0].rows[0].seats[3].id = "A-14";
    assert.deepEqual(bestOf(m, 2)?.seats, ["A-1", "A-2"]);
    assert.equal(bestOf(m, 3), undefined);
  });
  test("odd and even sides count down and up", () => {
    const m = map(["fff"]);
    ["A-3", "A-2", "A-1"].forEach((id, i) => { m.sections[0].rows[0].seats[i].id = id; });
    assert.deepEqual(bestOf(m, 3)?.seats, ["A-3", "A-2", "A-1"]);
  });
  test("of one section only, and not those that are ours", () => {
    const m = map(["fff"]);
    m.sections.push({ ...map(["fff"]).sections[0], name: "Palco", price_cents: 9000 });
    m.sections[1].rows[0].seats.forEach((s, i) => { s.id = `Z-${i + 1}`; });
    assert.deepEqual(bestOf(m, 2, "Palco")?.seats, ["Z-1", "Z-2"]);
    assert.equal(bestOf(m, 2, "Palco")?.price_cents, 9000);
    assert.deepEqual(bestOf(m, 1, undefined, new Set(["A-2"]))?.seats, ["A-1"]);
    assert.equal(bestOf(m, 1, "Nowhere"), undefined);
  });
});

describe("instead of one that is taken", () => {
  test("the nearest free ones, the nearest first", () => {
    assert.deepEqual(nearest(map(["fffff", "fffff"]), "A-1", 3), ["A-2", "B-1", "B-2"]);
    assert.deepEqual(nearest(map(["fhhhf", "hhhhh"]), "A-3", 9), ["A-1", "A-5"]);
    assert.deepEqual(nearest(map(["fff"]), "Q-9", 3), []);
  });
});

/** @param {SeatMap} [value] @param {ReturnType<typeof createBrowser>} [browser] */
function open(value = map(["fffffffff", "hhh"]), browser = createBrowser()) {
  const played = createWorld({ browser });
  const seats = { map: () => ({ peek: () => ({ value }) }) };
  return { browser, ...createBasket(played.world, seats) };
}

/** @param {ReturnType<typeof open>} p */
const ids = (p) => p.basket.peek().seats.map((s) => s.id);

describe("the basket", () => {
  test("takes and gives back, and knows the price", () => {
    const p = open();
    assert.equal(p.toggle(999, "A-1"), "picked");
    assert.equal(p.toggle(999, "A-3"), "picked");
    assert.deepEqual(p.basket.peek(), { event: 999, total: 5000, lost: [], seats: [
      { id: "A-1", section: "Platea", row: "A", price_cents: 2500 }, { id: "A-3", section: "Platea", row: "A", price_cents: 2500 }] });
    assert.equal(p.toggle(999, "A-1"), "unpicked");
    assert.deepEqual(ids(p), ["A-3"]);
  });
  test("does not take what is not free, nor a ninth", () => {
    const p = open();
    assert.equal(p.toggle(999, "B-1"), "taken");
    assert.equal(p.toggle(999, "Q-1"), "taken");
    p.pick(999, ["A-1", "A-2", "A-3", "A-4", "A-5", "A-6", "A-7", "A-8", "A-9"]);
    assert.equal(ids(p).length, 8);
    assert.equal(p.toggle(999, "A-9"), "full");
    assert.equal(p.toggle(999, "A-8"), "unpicked");
  });
  test("is of one event", () => {
    const p = open();
    p.toggle(999, "A-1");
    p.toggle(1, "A-2");
    assert.deepEqual([p.basket.peek().event, ids(p)], [1, ["A-2"]]);
  });
  test("loses what somebody else took, and says so until the person goes on", () => {
    const p = open();
    p.pick(999, ["A-1", "A-2", "A-3"]);
    p.reconcile(999, map(["fhfffffff"]), new Set());
    assert.deepEqual([ids(p), p.basket.peek().lost], [["A-1", "A-3"], ["A-2"]]);
    p.reconcile(999, map(["hhfffffff"]), new Set());
    assert.deepEqual(p.basket.peek().lost, ["A-2", "A-1"]);
    p.reconcile(999, map(["hhfffffff"]), new Set());
    assert.deepEqual(p.basket.peek().lost, ["A-2", "A-1"]);
    p.toggle(999, "A-4");
    assert.deepEqual(p.basket.peek().lost, []);
  });
  test("does not lose what is on hold for us", () => {
    const p = open();
    p.pick(999, ["A-1"]);
    p.reconcile(999, map(["hfff"]), new Set(["A-1"]));
    assert.deepEqual(ids(p), ["A-1"]);
  });
  test("hands over what is held now", () => {
    const p = open();
    p.pick(999, ["A-1", "A-2"]);
    p.hand(999, ["A-1"]);
    p.hand(1, ["A-2"]);
    assert.deepEqual(ids(p), ["A-2"]);
  });
  test("survives a reload, and nonsense does not", () => {
    const p = open();
    p.pick(999, ["A-1"]);
    assert.deepEqual(open(undefined, p.browser).basket.peek(), p.basket.peek());
    p.clear();
    assert.deepEqual(ids(open(undefined, p.browser)), []);
    p.browser.storage.set("eventflow.basket", '{"event":"x","seats":{}}');
    assert.deepEqual(ids(open(undefined, p.browser)), []);
  });
});
