// Every event in every state with every answer: no step may claim more than is
// known. The first part holds laws over the whole table; the second spells out
// what a person sees of each answer.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { INSIST, maySendAgain, newOrder, step } from "../../src/shop/order.js";
import { transactionOf } from "../../src/shop/uuid5.js";
import { no, ok, silence, START } from "./world.js";

/** @typedef {import("../../src/shop/contract.js").Order} Order */
/** @typedef {import("../../src/shop/contract.js").Answer} Answer */
/** @typedef {import("../../src/shop/order.js").Event} Event */

const LOCK = "0b2a4c1e-9b1f-4a55-8a5e-1d9a3c0f6e21";
const OTHER = "11111111-9b1f-4a55-8a5e-1d9a3c0f6e21";
const TX = transactionOf(LOCK);
const NOW = START + 30_000;
const CONTEXT = { now: NOW, random: () => 0.5 };

const fresh = newOrder({ key: "k", event: 999, eventName: "E", seats: ["A-1", "A-2"], amount: 5000, user: "u", userName: "Ana" }, START);
const locked = { ...fresh, lock: LOCK, tx: TX, until: NOW + 60_000, span: 90_000 };

/** @param {Order["state"]} state @param {Partial<Order>} [more] @returns {Order} */
const order = (state, more = {}) => ({ ...(state === "locking" || state === "lock_unknown" ? fresh : locked), state, ...more });

/** Every shape in which an order can be met. @type {Order[]} */
const ORDERS = [
  order("locking"),
  order("lock_unknown", { doubt: true, nextTry: NOW + 1 }),
  order("lock_unknown", { doubt: true, busy: "ask" }),
  order("held"),
  order("held", { until: NOW - 1 }),
  order("held", { busy: "extend" }),
  order("held", { busy: "extend", until: NOW - 1 }),
  order("held", { busy: "release" }),
  order("buying", { trying: true }),
  order("buying", { trying: true, attempt: 2 }),
  order("buying", { trying: false }),
  order("buying", { doubt: true }),
  order("buying", { doubt: true, missing: true }),
  order("waiting", { trying: true, attempt: 1, note: "queue_unavailable", nextTry: NOW + 1 }),
  order("waiting", { trying: true, attempt: 1, until: NOW - 1, nextTry: NOW + 1 }),
  order("waiting", { trying: true, attempt: 1, busy: "extend", nextTry: NOW + 1 }),
  order("unknown", { doubt: true, nextTry: NOW + 1 }),
  order("unknown", { doubt: true, busy: "ask" }),
  order("unknown", { doubt: true, missing: true, nextTry: NOW + 1 }),
  order("unknown", { doubt: true, note: "outcome_unknown", attempt: 1, nextTry: NOW + 1 }),
  order("unknown", { doubt: true, missing: true, busy: "ask" }),
  order("unknown", { doubt: true, missing: true, until: NOW - 1 }),
  order("queued", { nextTry: NOW + 1 }),
  order("queued", { busy: "ask" }),
  order("confirmed"),
  order("rejected", { reason: "seat_taken" }),
  order("lapsed"),
];

/** @param {Partial<Answer>} a @returns {Answer} */
const answer = (a) => ({ ok: false, status: 0, outcome: "", code: "", data: {}, node: "", stale: false, wait: 0, sentAt: NOW - 2000, arrivedAt: NOW, ...a });

const lock = (id = LOCK) => ({ lock_id: id, event_id: 999, seats: ["A-1", "A-2"], amount_cents: 5000, expires_at: "", expires_in_seconds: 600 });
/** @param {string} status @param {object} [more] */
const purchase = (status, more) => ({ transaction_id: TX, event_id: 999, seats: ["A-1"], amount_cents: 5000, status, ...more });

/** Everything that a server, an edge or the air can answer. @type {Answer[]} */
const ANSWERS = [
  ok(lock(), { status: 201 }),
  ok(lock()),
  ok(lock(OTHER), { status: 201 }),
  ok({ status: "ACCEPTED_ASYNC", transaction_id: TX, lock_id: LOCK }, { status: 202 }),
  ok(purchase("queued")),
  ok(purchase("confirmed")),
  ok(purchase("rejected", { reason: "seat_taken" })),
  ok(purchase("rejected")),
  ok({ ...purchase("confirmed"), transaction_id: OTHER }),
  ok(purchase("perhaps")),
  ok({}),
  ok({}, { status: 204 }),
  ...[400, 413, 422].map((status) => no(status, status === 400 ? "malformed_json" : status === 413 ? "body_too_large" : "invalid_request")),
  no(401, "unauthorized"),
  no(403, "not_owner"),
  no(404, "no_event"), no(404, "no_seat"), no(404, "no_lock"), no(404, "no_purchase"), no(404, "http_404"),
  no(405, "method_not_allowed"),
  no(409, "seat_taken"), no(409, "lock_in_use"), no(409, "purchase_rejected"), no(409, "http_409"),
  no(410, "lock_lapsed"),
  no(429, "http_429", "none", { wait: 3000 }),
  ...["unavailable", "database_unavailable", "redis_unavailable", "queue_unavailable", "busy"].map((code) => no(503, code, "none", { wait: 1000 })),
  no(503, "outcome_unknown", "unknown", { data: { code: "outcome_unknown", transaction_id: TX } }),
  no(500, "internal", "unknown"),
  no(502, "http_502", "unknown"), no(504, "http_504", "unknown"), no(408, "http_408", "unknown"),
  silence("timeout"), silence("network"), silence("unreadable"),
].map(answer);

const ANSWERED = /** @type {const} */ (["lock_answer", "buy_answer", "status_answer", "extend_answer", "release_answer"]);
const BARE = /** @type {const} */ (["lock_sent", "buy_sent", "status_sent", "extend_sent", "release_sent",
  "cancel", "give_up", "dismiss", "disown", "clock", "resume", "reloaded"]);

/** @type {Event[]} */
const EVENTS = [...BARE.map((type) => ({ type })), ...ANSWERED.flatMap((type) => ANSWERS.map((a) => ({ type, answer: a })))];

/** @param {Order} o @param {Event} e */
const said = (o, e) => {
  const a = "answer" in e ? e.answer : undefined;
  return `${o.state}${o.doubt ? " in doubt" : ""}${o.busy && ` busy ${o.busy}`} + ${e.type} ${a ? `${a.status} ${a.code || JSON.stringify(a.data)}` : ""}`;
};

/**
 * Checks a law on every step of the table.
 *
 * @param {(o: Order, e: Event, next: Order | null, a: Answer | undefined) => boolean} holds
 */
function everywhere(holds) {
  for (const o of ORDERS) {
    for (const e of EVENTS) {
      const next = step(o, e, CONTEXT);
      if (!holds(o, e, next, "answer" in e ? e.answer : undefined)) assert.fail(`${said(o, e)} -> ${next ? said(next, e) : "gone"}`);
    }
  }
}

const FINAL = ["confirmed", "rejected", "lapsed"];

describe("laws of the whole table", () => {
  test("confirmed is said only when the server says so of this purchase", () => everywhere((o, e, next, a) =>
    next?.state !== "confirmed" || o.state === "confirmed" ||
    (e.type === "status_answer" && a?.ok === true && a.data.status === "confirmed" && a.data.transaction_id === TX)));

  test("queued is said only when the server accepted it", () => everywhere((o, e, next, a) =>
    next?.state !== "queued" || o.state === "queued" ||
    (a?.ok === true && ((e.type === "buy_answer" && a.data.status === "ACCEPTED_ASYNC") ||
      (e.type === "status_answer" && a.data.status === "queued" && a.data.transaction_id === TX)))));

  test("rejected is said only when the server refused this purchase for good", () => everywhere((o, e, next, a) =>
    next?.state !== "rejected" || o.state === "rejected" || (e.type === "buy_answer" && a?.code === "purchase_rejected") ||
    (e.type === "status_answer" && a?.ok === true && a.data.status === "rejected" && a.data.transaction_id === TX)));

  test("a doubt about a purchase ends in queued, confirmed or rejected, or with the person", () => everywhere((o, e, next) => {
    if (!o.doubt || (o.state !== "unknown" && o.state !== "buying")) return true;
    if (next === null) return e.type === "disown" || (e.type === "dismiss" && o.missing);
    return ["queued", "confirmed", "rejected"].includes(next.state) || (next.doubt && ["unknown", "buying"].includes(next.state));
  }));

  test("unknown is sent again only by the person, and only when the server did not know it either", () => everywhere((o, e, next) =>
    o.state !== "unknown" || next?.state !== "buying" || (e.type === "buy_sent" && maySendAgain(o))));

  test("what may have been accepted is never called held or lapsed", () => everywhere((o, e, next, a) => {
    const asked = o.state === "buying" && e.type === "buy_answer";
    const mayHave = asked && a !== undefined && (a.ok || a.outcome !== "none");
    return !mayHave || (next !== null && ["unknown", "queued"].includes(next.state));
  }));

  test("accepted is accepted: queued becomes confirmed or rejected, or stays", () => everywhere((o, e, next) =>
    o.state !== "queued" || (next === null ? e.type === "disown" : ["queued", "confirmed", "rejected"].includes(next.state))));

  test("what is final stays until it is taken off the list", () => everywhere((o, e, next) =>
    !FINAL.includes(o.state) || (next === null ? /dis(miss|own)/.test(e.type) : next === o || (e.type === "reloaded" && next.state === o.state))));

  test("held is said only of a hold that the server gave, or of one that nothing was bought with", () => everywhere((o, e, next, a) => {
    if (next?.state !== "held" || o.state === "held") return true;
    if (o.doubt && o.state !== "lock_unknown") return false;
    if (o.state === "locking" || o.state === "lock_unknown") return e.type === "lock_answer" && a?.ok === true && "lock_id" in a.data;
    return (o.state === "waiting" && e.type === "cancel") || (o.state === "buying" && e.type === "buy_answer" && a?.outcome === "none");
  }));

  test("lapsed is said only when no purchase is in doubt, and by the clock or by the server", () => everywhere((o, e, next, a) =>
    next?.state !== "lapsed" || o.state === "lapsed" ||
    (!o.doubt && ((e.type === "clock" && NOW >= o.until) || (a?.outcome === "none" && ["lock_lapsed", "no_lock", "not_owner"].includes(a.code))))));

  test("an order goes without a trace only when nothing is held or bought for sure", () => everywhere((o, e, next, a) => {
    if (next !== null) return true;
    if (e.type === "lock_answer") return (o.state === "locking" || o.state === "lock_unknown") && a?.outcome === "none";
    if (e.type === "release_answer") return (o.state === "held" || o.state === "waiting") && a?.status === 204;
    return e.type === "dismiss" || e.type === "disown" || (e.type === "give_up" && o.state === "lock_unknown");
  }));

  test("a refusal that did not look at the seats does not end a doubt about a hold", () => everywhere((o, e, next, a) =>
    !(o.state === "lock_unknown" && e.type === "lock_answer" && a && !a.ok && (a.status >= 500 || a.status === 401 || a.status === 429)) ||
    next?.state === "lock_unknown"));

  test("a lock, once known, is the lock of the order for ever, and so is its address", () => everywhere((o, _e, next) =>
    !next || !o.lock || (next.lock === o.lock && next.tx === o.tx && next.tx === transactionOf(next.lock))));

  test("a reload never invents anything", () => everywhere((o, e, next) => {
    if (e.type !== "reloaded") return true;
    const want = { locking: "lock_unknown", buying: "unknown" }[/** @type {string} */ (o.state)] ?? o.state;
    return next?.state === want && next.busy === "" && (next.doubt || !["lock_unknown", "unknown"].includes(next.state));
  }));

  test("an order without an address is never about a purchase", () => everywhere((_o, _e, next) =>
    !next || next.tx !== "" || ["locking", "lock_unknown"].includes(next.state)));

  test("what asks by itself says when", () => everywhere((o, e, next) => {
    if (!next || next === o || !/_answer$/.test(e.type) || next.busy) return true;
    const unauthorized = "answer" in e && e.answer.status === 401;
    return !["waiting", "unknown", "queued"].includes(next.state) || next.nextTry > NOW || unauthorized;
  }));

  test("the countdown never grants more than the server did when it was asked", () => everywhere((o, _e, next, a) =>
    !next || next.until === o.until || next.until === /** @type {Answer} */ (a).sentAt + 600_000));
});

/** @param {Order} o @param {Event["type"]} type @param {Partial<Answer>} [a] */
function after(o, type, a) {
  const next = step(o, /** @type {Event} */ (a ? { type, answer: answer(a) } : { type }), CONTEXT);
  assert.ok(next, "gone");
  return next;
}

describe("asking for a hold", () => {
  test("given: held, with its address, counted from when it was asked", () => {
    const o = after(order("locking"), "lock_answer", ok(lock(), { status: 201 }));
    assert.deepEqual([o.state, o.lock, o.tx, o.until, o.span], ["held", LOCK, TX, NOW - 2000 + 600_000, 600_000]);
  });
  test("no answer: may exist, and the same is asked again by itself", () => {
    const o = after(order("locking"), "lock_answer", silence());
    assert.deepEqual([o.state, o.doubt, o.note, o.attempt], ["lock_unknown", true, "timeout", 1]);
    assert.ok(o.nextTry > NOW);
  });
  test("not for ever: later nobody may want the seats any more", () => {
    const o = { ...order("locking"), createdAt: NOW - INSIST };
    assert.equal(after(o, "lock_answer", silence()).nextTry, 0);
  });
  test("somebody was faster: no order", () => {
    assert.equal(step(order("locking"), { type: "lock_answer", answer: answer(no(409, "seat_taken")) }, CONTEXT), null);
  });
  test("in doubt, and now the register is gone: still in doubt", () => {
    assert.equal(after(order("lock_unknown", { doubt: true, busy: "ask" }), "lock_answer", no(503, "redis_unavailable")).state, "lock_unknown");
  });
});

describe("buying", () => {
  const buying = order("buying", { trying: true });
  test("accepted: queued", () => {
    const o = after(buying, "buy_answer", ok({ status: "ACCEPTED_ASYNC", transaction_id: TX, lock_id: LOCK }, { status: 202 }));
    assert.deepEqual([o.state, o.doubt, o.note], ["queued", false, ""]);
  });
  test("an ok that does not say accepted is no answer", () => {
    assert.deepEqual([after(buying, "buy_answer", ok({})).state, after(buying, "buy_answer", ok({})).note], ["unknown", "unreadable"]);
  });
  test("503 none: waits, by lot but at least as long as asked, and counts", () => {
    const first = after(buying, "buy_answer", no(503, "queue_unavailable", "none", { wait: 5000 }));
    assert.deepEqual([first.state, first.attempt, first.note], ["waiting", 1, "queue_unavailable"]);
    assert.ok(first.nextTry >= NOW + 5000 && first.nextTry <= NOW + 6000);
    const second = after(after(first, "buy_sent"), "buy_answer", no(503, "queue_unavailable"));
    assert.deepEqual([second.state, second.attempt, second.lock], ["waiting", 2, LOCK]);
  });
  test("cancelled while waiting: held again", () => {
    const o = after(order("waiting", { trying: true, attempt: 3, note: "queue_unavailable" }), "cancel");
    assert.deepEqual([o.state, o.attempt, o.nextTry, o.trying], ["held", 0, 0, false]);
  });
  test("cancelled while a try is on its way: its none ends the tries, its silence does not end the doubt", () => {
    const o = after(order("buying", { trying: true, attempt: 2 }), "cancel");
    assert.equal(o.state, "buying");
    assert.equal(after(o, "buy_answer", no(503, "queue_unavailable")).state, "held");
    assert.equal(after(o, "buy_answer", silence()).state, "unknown");
  });
  test("no answer: unknown, with its address, and it asks", () => {
    const o = after(buying, "buy_answer", silence());
    assert.deepEqual([o.state, o.doubt, o.tx, o.note], ["unknown", true, TX, "timeout"]);
    assert.ok(o.nextTry > NOW);
  });
  test("401: held, the hold is not over because a token is", () => {
    const o = after(buying, "buy_answer", no(401, "unauthorized"));
    assert.deepEqual([o.state, o.note], ["held", "unauthorized"]);
    assert.equal(after(o, "resume").note, "");
  });
  test("the hold is over: lapsed", () => assert.equal(after(buying, "buy_answer", no(410, "lock_lapsed")).state, "lapsed"));
  test("the same in doubt: unknown", () => {
    const o = after(order("buying", { doubt: true }), "buy_answer", no(410, "lock_lapsed"));
    assert.deepEqual([o.state, o.note], ["unknown", "lock_lapsed"]);
  });
});

describe("asking how it stands", () => {
  const unknown = order("unknown", { doubt: true, busy: "ask" });
  test("no such purchase: unknown still, sending again is on offer, and it asks on", () => {
    const o = after(unknown, "status_answer", no(404, "no_purchase"));
    assert.deepEqual([o.state, o.missing, o.note], ["unknown", true, "no_purchase"]);
    assert.ok(o.nextTry > NOW);
    assert.equal(after(o, "buy_sent").state, "buying");
    assert.equal(after(o, "buy_sent").doubt, true);
  });
  test("a 404 of something in between offers nothing", () => {
    assert.equal(after(unknown, "status_answer", no(404, "http_404")).missing, false);
  });
  test("nobody can tell: it asks on, more and more seldom", () => {
    let o = unknown;
    const pauses = [];
    for (let i = 0; i < 6; i++) {
      o = after({ ...o, busy: "ask" }, "status_answer", no(503, "outcome_unknown", "unknown"));
      pauses.push(o.nextTry - NOW);
    }
    assert.deepEqual(pauses, [1500, 2500, 4500, 8000, 8000, 8000]);
  });
  test("the shop itself cannot tell: sending again is on offer, and nothing is forgotten", () => {
    const asked = after(order("buying"), "buy_answer", no(503, "outcome_unknown", "unknown"));
    assert.ok(!maySendAgain(asked), "it has not been asked about yet");
    assert.equal(after(asked, "buy_sent"), asked);
    const o = after({ ...asked, busy: "ask" }, "status_answer", no(503, "outcome_unknown", "unknown"));
    assert.ok(maySendAgain(o));
    assert.equal(after(o, "buy_sent").state, "buying");
    assert.equal(after(o, "dismiss"), o);
    assert.ok(!maySendAgain(after({ ...o, busy: "ask" }, "status_answer", no(502, "unavailable"))), "what lies in between says nothing of it");
  });
  test("queued and now no such purchase: queued", () => {
    const o = after(order("queued", { busy: "ask" }), "status_answer", no(404, "no_purchase"));
    assert.deepEqual([o.state, o.note, o.missing], ["queued", "no_purchase", false]);
  });
  test("rejected: with the ledger's reason", () => {
    const o = after(order("queued", { busy: "ask" }), "status_answer", ok(purchase("rejected", { reason: "seat_taken" })));
    assert.deepEqual([o.state, o.reason], ["rejected", "seat_taken"]);
  });
});

describe("more time, and giving back", () => {
  test("extended: anew, and counted", () => {
    const o = after(order("held", { busy: "extend" }), "extend_answer", ok(lock()));
    assert.deepEqual([o.state, o.until, o.extensions, o.busy], ["held", NOW - 2000 + 600_000, 1, ""]);
  });
  test("extended while waiting: waiting", () => {
    assert.equal(after(order("waiting", { trying: true, busy: "extend" }), "extend_answer", ok(lock())).state, "waiting");
  });
  test("no answer: the time that is shown is the time that is sure", () => {
    const o = after(order("held", { busy: "extend" }), "extend_answer", silence());
    assert.deepEqual([o.state, o.until, o.note], ["held", locked.until, "extend_failed"]);
  });
  test("the time ends while an extension is on its way: not before its answer", () => {
    const o = order("held", { busy: "extend", until: NOW - 1 });
    assert.equal(after(o, "clock").state, "held");
    assert.equal(after(after(o, "extend_answer", silence()), "clock").state, "lapsed");
  });
  test("somebody is buying with it, and that can only be us: unknown", () => {
    assert.equal(after(order("held", { busy: "release" }), "release_answer", no(409, "lock_in_use")).state, "unknown");
  });
  test("given back without an answer: held still", () => {
    assert.deepEqual([after(order("held", { busy: "release" }), "release_answer", silence()).note], ["release_failed"]);
  });
  test("a page of somebody else's instead of the answer gives nothing back", () => {
    assert.equal(after(order("held", { busy: "release" }), "release_answer", ok({})).state, "held");
  });
});
