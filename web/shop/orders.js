// The buyer's orders: from asking for a hold to the word of the ledger.
//
// It draws nothing and must not know the page. Its one duty is never to say more
// than is known: a request without an answer is "unknown" until an answer that
// can only mean one thing arrives, and until then only the same request, with
// the same id, is sent again.

import { call, uuid } from "./api.js";
import { recall, remember } from "./memory.js";

/**
 * Where an order can stand:
 *   locking       asked for a hold, no answer yet
 *   lock_unknown  asked for a hold, it may exist
 *   held          the seats are ours until `until`
 *   buying        asked to buy, no answer yet
 *   unknown       asked to buy, it may have been accepted
 *   queued        accepted, not in the ledger yet
 *   confirmed     in the ledger
 *   rejected      refused for good, with a reason
 *   lapsed        the hold ended before it was bought
 *
 * @typedef {{key: string, state: string, event: number, name: string, seats: string[], amount: number,
 *   request: string, lock: string, until: number, span: number, tx: string, doubt: boolean,
 *   note: string, reason: string, node: string, extending: boolean}} Order
 */

const STORE = "eventflow.orders";
const OPEN = new Set(["locking", "lock_unknown", "held", "buying"]);
const OURS = new Set(["held", "buying", "unknown", "queued", "confirmed"]);

export class Orders {
  /**
   * @param {{token: string, drop: () => void}} session
   * @param {(order: Order|null, what: string) => void} changed called after every change that a buyer should hear of
   */
  constructor(session, changed) {
    this.session = session;
    this.changed = changed;
    /** @type {Order[]} */
    this.list = restore();
  }

  /** The order that must be finished before another is begun. */
  current() { return this.list.find((o) => OPEN.has(o.state)); }

  /** The seats of an event that are ours, or may be by an open question. */
  seats(event) {
    return new Set(this.list.filter((o) => o.event === event && OURS.has(o.state)).flatMap((o) => o.seats));
  }

  /** Asks for seats. Resolves to null or to the answer that refused them for certain. */
  begin(event, name, seats, amount) {
    const order = { key: uuid(), state: "locking", event, name, seats, amount, request: uuid(), lock: "", until: 0,
      span: 0, tx: "", doubt: false, note: "", reason: "", node: "", extending: false };
    this.list.unshift(order);
    return this.lock(order);
  }

  /** Sends the request for the hold; the id makes a repetition the same hold. */
  async lock(o) {
    this.set(o, { state: "locking", note: "" });
    const r = await this.send("POST", "/api/seats/lock", { event_id: o.event, seats: o.seats, request_id: o.request });
    if (r.ok) return this.held(o, r);
    if (r.outcome === "unknown") this.set(o, { state: "lock_unknown", doubt: true, note: r.code, node: r.node });
    else if (o.doubt && (r.status >= 500 || r.status === 401)) this.set(o, { state: "lock_unknown", note: r.code });
    else return this.drop(o), r;
    return null;
  }

  held(o, r) {
    const left = Math.max(0, Number(r.data.expires_in_seconds) || 0) * 1000;
    // Counted from when we asked: this page's clock never grants more than Redis does.
    this.set(o, { state: "held", doubt: false, note: "", node: r.node, lock: String(r.data.lock_id ?? o.lock),
      seats: r.data.seats ?? o.seats, amount: r.data.amount_cents ?? o.amount, until: r.sentAt + left, span: left });
    return null;
  }

  async extend(o) {
    this.set(o, { extending: true, note: "" }, "");
    const r = await this.send("POST", `/api/seats/lock/${encodeURIComponent(o.lock)}/extend`);
    this.set(o, { extending: false }, "");
    if (o.state !== "held") return;
    if (r.ok) this.held(o, r);
    else this.holdTrouble(o, r, "extend_failed");
  }

  /** Gives the seats back. An unknown answer keeps the order: the hold ends by itself. */
  async release(o) {
    this.set(o, { extending: true, note: "" }, "");
    const r = await this.send("DELETE", `/api/seats/lock/${encodeURIComponent(o.lock)}`);
    this.set(o, { extending: false }, "");
    if (o.state !== "held") return;
    if (r.ok) this.drop(o, "released");
    else this.holdTrouble(o, r, "release_failed");
  }

  holdTrouble(o, r, note) {
    if ([401, 404, 410].includes(r.status)) this.set(o, { state: "lapsed", note: r.code });
    else if (r.code === "lock_in_use") this.set(o, { state: "unknown", doubt: true, note: r.code });
    else this.set(o, { note });
  }

  /** Asks to buy, for the first time or again: the same lock is the same purchase. */
  async buy(o) {
    this.set(o, { state: "buying", note: "" });
    const r = await this.send("POST", "/api/purchase", { lock_id: o.lock });
    const tx = typeof r.data.transaction_id === "string" ? r.data.transaction_id : o.tx;
    const seen = { tx, node: r.node || o.node };
    if (r.ok) this.set(o, { ...seen, state: "queued", doubt: false });
    else if (r.outcome === "unknown") this.set(o, { ...seen, state: "unknown", doubt: true, note: r.code });
    else this.refused(o, r);
  }

  /**
   * A "none" speaks for the request it answers, not for an earlier one that got no
   * answer. With such a doubt only what looks at the order itself settles it.
   */
  refused(o, r) {
    if (r.status === 409) this.set(o, { state: "rejected", reason: String(r.data.reason ?? r.code), note: "" });
    else if (r.status === 410) this.set(o, { state: "lapsed", note: r.code });
    else if (o.doubt) this.set(o, { state: "unknown", note: r.code });
    else if ([401, 403, 404].includes(r.status)) this.set(o, { state: "lapsed", note: r.code });
    else this.set(o, { state: "held", note: r.code, node: r.node });
  }

  /** Asks after every purchase whose end is open, one by one. */
  async check(signal) {
    for (const o of this.list.filter((x) => x.tx && (x.state === "queued" || x.state === "unknown"))) {
      const r = await this.send("GET", `/api/purchases/${encodeURIComponent(o.tx)}`, undefined, signal);
      if (signal?.aborted) return;
      if (o.state === "queued" || o.state === "unknown") this.heard(o, r);
    }
  }

  heard(o, r) {
    const state = { queued: "queued", confirmed: "confirmed", rejected: "rejected" }[r.data.status];
    if (r.ok && state) {
      this.set(o, { state, doubt: false, note: "", reason: String(r.data.reason ?? ""), node: r.node });
    } else if (o.state === "queued") {
      this.set(o, { note: "no_news" }); // accepted is accepted: silence takes nothing back
    }
  }

  /** Ends holds whose time is over. */
  tick() {
    for (const o of this.list) {
      if (o.state === "held" && Date.now() >= o.until) this.set(o, { state: "lapsed", note: "" });
    }
  }

  /** Takes an order off the page; the page only offers it where nothing is open, or says what is. */
  drop(o, what = "") {
    this.list = this.list.filter((x) => x !== o);
    this.save();
    this.changed(null, what);
  }

  async send(method, path, body, signal) {
    const r = await call(method, path, { body, token: this.session.token, signal });
    if (r.status === 401) this.session.drop();
    return r;
  }

  set(o, change, what) {
    const before = `${o.state} ${o.note}`;
    Object.assign(o, change);
    this.save();
    this.changed(o, what ?? (before === `${o.state} ${o.note}` ? "" : "order"));
  }

  save() { remember("sessionStorage", STORE, this.list); }
}

/** What was asked when the page went away has no answer now, and may have happened. */
function restore() {
  const kept = recall("sessionStorage", STORE);
  const list = Array.isArray(kept) ? kept : [];
  for (const o of list) {
    o.extending = false;
    if (o.state === "locking") Object.assign(o, { state: "lock_unknown", doubt: true, note: "reloaded" });
    if (o.state === "buying") Object.assign(o, { state: "unknown", doubt: true, note: "reloaded" });
  }
  return list;
}
