// A buyer without a page, by the public API: a rival, or a witness who asks the
// ledger what it says. It must not use the page's own code: what the page gets
// wrong it would get wrong, too.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { until } from "./until.js";

/** @typedef {{transaction_id: string, seats: string[], status: string}} Purchase */

export class Buyer {
  /** @param {string} url @param {string} token */
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  /** @param {string} url @param {string} [nickname] */
  static async enter(url, nickname = "Rival") {
    const r = await new Buyer(url, "").insist("/api/auth/guest", { nickname });
    assert.equal(r.status, 200, JSON.stringify(r.data));
    return new Buyer(url, r.data.token);
  }

  /** @param {string} method @param {string} path @param {object} [body] */
  send(method, path, body) { return send(this.url, method, path, body, this.token); }

  /** Repeats a request that is safe to repeat for as long as the answer is "not now" or "who knows". @param {string} path @param {object} body */
  insist(path, body) {
    return until(`${path} is answered`, async () => {
      const r = await this.send("POST", path, body);
      return r.status < 500 ? r : undefined;
    }, { every: 500 });
  }

  /** @param {number} event @param {string[]} seats */
  async hold(event, seats) {
    const body = { event_id: event, seats, request_id: randomUUID() };
    const r = await this.insist("/api/seats/lock", body);
    assert.equal(r.status, 201, JSON.stringify(r.data));
    return String(r.data.lock_id);
  }

  /** Returns when the ledger has them. @param {number} event @param {string[]} seats */
  async buy(event, seats) {
    const lock = await this.hold(event, seats);
    const r = await this.insist("/api/purchase", { lock_id: lock });
    assert.equal(r.status, 202, JSON.stringify(r.data));
    await this.settled(r.data.transaction_id, "confirmed");
    return String(r.data.transaction_id);
  }

  /** @param {string} tx @param {string} status */
  async settled(tx, status) {
    await until(`${tx} is ${status}`, async () => (await this.send("GET", `/api/purchases/${tx}`)).data.status === status);
  }

  /** @returns {Promise<Purchase[]>} */
  async purchases() {
    const r = await until("the list is whole", async () => {
      const answer = await this.send("GET", "/api/purchases");
      return answer.status === 200 && answer.data.partial === false ? answer.data : undefined;
    });
    return r.purchases;
  }
}

/** @param {string} url @param {string} method @param {string} path @param {object} [body] @param {string} [token] */
async function send(url, method, path, body, token) {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, data: /** @type {any} */ (text ? JSON.parse(text) : {}) };
}

/** @param {string} url @param {number} event @returns {Promise<{id: string, state: string, row: string}[]>} in the order of the hall */
export async function seats(url, event) {
  const r = await until("the seats are told", async () => {
    const answer = await send(url, "GET", `/api/events/${event}/seats`);
    return answer.status === 200 ? answer : undefined;
  }, { every: 500 });
  return r.data.sections.flatMap((/** @type {any} */ s) =>
    s.rows.flatMap((/** @type {any} */ row) => row.seats.map((/** @type {any} */ x) => ({ ...x, row: row.name }))));
}
