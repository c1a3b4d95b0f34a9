// A box office for tests: keeps the promises of openapi.yaml and no other, behind
// a network that loses, delays and repeats nothing but forgets a lot. What it
// knows is the truth that the page's words are held against.

import { transactionOf } from "../../src/shop/uuid5.js";
import { no, ok, silence } from "./world.js";

/** @typedef {import("../../src/shop/contract.js").Answer} Answer */
/** @typedef {"fine" | "lost" | "mute" | "late" | "edge" | "portal"} Weather */

/** How long a page waits for an answer. */
const PATIENCE = 3000;
const HOLD = 120_000;

/**
 * @param {() => number} now
 * @param {() => number} random
 */
export function createBox(now, random) {
  /** @type {Map<string, { user: string, seats: string[], until: number, state: "locked" | "released" | "purchasing" | "accepted", vague: boolean }>} */
  const locks = new Map();
  /** @type {Map<string, "queued" | "confirmed" | "rejected">} */
  const purchases = new Map();
  /** @type {Set<string>} */
  const tokens = new Set();
  /** @type {{ at: number, happen: () => void }[]} */
  let coming = [];
  const faults = { network: 0, redis: false, queue: false, vague: 0, ledger: false };
  let most = 0;

  /** @param {string} token */
  const userOf = (token) => token.split("/")[0];

  /** @param {string} method @param {string} path @param {any} body @param {string} token @returns {Partial<Answer>} */
  function handle(method, path, body, token) {
    if (!tokens.has(token)) return no(401, "unauthorized");
    const user = userOf(token);
    if (path === "/api/seats/lock") return lock(user, body);
    if (path === "/api/purchase") return buy(user, body.lock_id);
    const held = /^\/api\/seats\/lock\/([^/]+)/.exec(path);
    if (held) return change(user, held[1], method);
    return status(path.split("/")[3]);
  }

  /** @param {string} user @param {any} body @returns {Partial<Answer>} */
  function lock(user, body) {
    if (faults.redis) return no(503, "redis_unavailable");
    const id = transactionOf(`${user} ${body.request_id}`);
    const known = locks.get(id);
    if (known && known.state !== "locked" && known.state !== "released") return no(409, "lock_in_use");
    const taken = body.seats.filter((/** @type {string} */ seat) => [...locks].some(([other, l]) =>
      other !== id && l.seats.includes(seat) && !(l.state === "released" || (l.state === "locked" && l.until <= now()))));
    if (taken.length > 0) return no(409, "seat_taken", "none", { data: { code: "seat_taken", seats: taken } });
    if (!known || known.state === "released" || known.until <= now()) {
      locks.set(id, { user, seats: body.seats, until: now() + HOLD, state: "locked", vague: false });
    }
    return ok(words(id), { status: 201 });
  }

  /** @param {string} id */
  function words(id) {
    const l = /** @type {any} */ (locks.get(id));
    return { lock_id: id, event_id: 999, seats: l.seats, amount_cents: 2500 * l.seats.length, expires_at: "",
      expires_in_seconds: Math.max(0, l.until - now()) / 1000 };
  }

  /** @param {string} user @param {string} id @param {string} method @returns {Partial<Answer>} */
  function change(user, id, method) {
    if (faults.redis) return no(503, "redis_unavailable");
    const l = locks.get(id);
    if (!l) return no(404, "no_lock");
    if (l.user !== user) return no(403, "not_owner");
    if (l.state === "purchasing" || l.state === "accepted") return no(409, "lock_in_use");
    if (l.state === "released" && method === "DELETE") return ok({}, { status: 204 });
    if (l.state === "released" || l.until <= now()) return no(410, "lock_lapsed");
    if (method === "DELETE") {
      l.state = "released";
      return ok({}, { status: 204 });
    }
    l.until = now() + HOLD;
    return ok(words(id));
  }

  /** @param {string} user @param {string} id @returns {Partial<Answer>} */
  function buy(user, id) {
    if (faults.redis) return no(503, "redis_unavailable");
    const l = locks.get(id);
    const tx = transactionOf(id);
    if (!l) return no(404, "no_lock");
    if (l.user !== user) return no(403, "not_owner");
    if (l.state === "accepted") {
      return purchases.get(tx) === "rejected" ? no(409, "purchase_rejected") : ok({ status: "ACCEPTED_ASYNC", transaction_id: tx, lock_id: id }, { status: 202 });
    }
    if (l.state === "released" || (l.state === "locked" && l.until <= now())) return no(410, "lock_lapsed");
    if (random() < faults.vague) {
      l.state = "purchasing";
      l.vague = true;
      if (random() < 0.5) accept(id);
      return no(503, "outcome_unknown", "unknown", { data: { code: "outcome_unknown", transaction_id: tx } });
    }
    if (faults.queue) return l.vague ? no(503, "outcome_unknown", "unknown") : no(503, "queue_unavailable", "none", { wait: 1000 });
    accept(id);
    return ok({ status: "ACCEPTED_ASYNC", transaction_id: tx, lock_id: id }, { status: 202 });
  }

  /** @param {string} id */
  function accept(id) {
    /** @type {any} */ (locks.get(id)).state = "accepted";
    purchases.set(transactionOf(id), "queued");
  }

  /** @param {string} tx @returns {Partial<Answer>} */
  function status(tx) {
    if (faults.redis && faults.ledger) return no(503, "outcome_unknown", "unknown");
    const known = purchases.get(tx);
    if (!known) return no(404, "no_purchase");
    if (known === "queued" && faults.redis) return no(503, "outcome_unknown", "unknown");
    return ok({ transaction_id: tx, event_id: 999, seats: ["A-1"], amount_cents: 2500, status: known,
      ...(known === "rejected" && { reason: "seat_taken" }) });
  }

  /** @returns {Weather} */
  function weather() {
    if (random() >= faults.network) return "fine";
    return /** @type {const} */ (["lost", "mute", "late", "edge", "portal"])[Math.floor(random() * 5)];
  }

  return {
    faults, locks, purchases, tokens,
    /** The most purchase requests of one lock that one page ever waited for at once. */
    most: () => most,

    /** What one tab sends. @returns {import("../../src/shop/contract.js").Call} */
    line() {
      /** @type {Map<string, number>} */
      const mine = new Map();
      return (method, path, request = {}) => new Promise((resolve) => {
        const sentAt = now();
        const lockId = path === "/api/purchase" ? /** @type {any} */ (request.body).lock_id : "";
        if (lockId) {
          mine.set(lockId, (mine.get(lockId) ?? 0) + 1);
          most = Math.max(most, mine.get(lockId) ?? 0);
        }
        /** @param {Partial<Answer>} a */
        const answer = (a) => {
          if (lockId) mine.set(lockId, (mine.get(lockId) ?? 1) - 1);
          const quiet = a.status === 0 && method === "GET" ? { outcome: /** @type {const} */ ("none") } : {};
          resolve({ ok: false, status: 0, outcome: "", code: "", data: {}, node: "", stale: false, wait: 0, sentAt, arrivedAt: now(), ...a, ...quiet });
        };
        const obey = () => handle(method, path, request.body, request.token ?? "");
        /** @param {number} ms @param {() => void} happen */
        const in_ = (ms, happen) => coming.push({ at: now() + ms, happen });
        const delay = random() * 1000;
        const sky = weather();
        if (sky === "fine") in_(delay, () => { const a = obey(); in_(delay / 4, () => answer(a)); });
        else if (sky === "edge") in_(delay, () => { if (random() < 0.5) obey(); answer(no(random() < 0.5 ? 502 : 504, "http_502", method === "GET" ? "none" : "unknown")); });
        else if (sky === "portal") in_(delay, () => answer(ok({})));
        else {
          if (sky === "mute") in_(delay, obey);
          if (sky === "late") in_(PATIENCE + random() * 8000, obey);
          in_(PATIENCE, () => answer(silence()));
        }
      });
    },
    /** Lets arrive what has arrived by now; now and then the ledger reads its queue. */
    work() {
      for (;;) {
        const next = coming.filter((c) => c.at <= now()).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        coming = coming.filter((c) => c !== next);
        next.happen();
      }
      if (faults.ledger) return;
      for (const [tx, state] of purchases) if (state === "queued" && random() < 0.3) purchases.set(tx, random() < 0.8 ? "confirmed" : "rejected");
    },
  };
}
