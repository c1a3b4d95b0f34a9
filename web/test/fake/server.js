// A shop that is pretended: the API of system/openapi.yaml from memory, with a
// switch for every outcome, and the built page beside it.
//
// For looking at the page while it is made. It proves nothing: the tests in
// test/browser use the real stack.
//
//   node test/fake/server.js [port]
//   curl -X PUT localhost:PORT/fake -d '{"buy": "none", "crowd": true}'

import { createServer } from "node:http";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { halls } from "./halls.js";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const NAMESPACE = "6f6a1a0e-6f0b-5c43-9d0a-2f6f5e5a7f10";
/** @type {Record<string, string>} */
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/**
 * What each part answers: "ok"; "none" or "unknown" (a 503 that says so); "edge" (nginx's 502 without a node);
 * "hang"; "drop"; or a code of the API that stands in REFUSALS.
 */
const HEALTHY = {
  guest: "ok", register: "ok", login: "ok", events: "ok", event: "ok", seats: "ok", lock: "ok", extend: "ok", release: "ok", buy: "ok",
  list: "ok", status: "ok",
  source: "database", age: 0, stale: false, holds: true, partial: false,
  /** Seconds of a hold; what the ledger says ("confirmed", "rejected", or "" for nothing yet) and after how many ms. */
  span: 600, ledger: "confirmed", settle: 1200,
  /** Whether other buyers come and go; how full the halls are. */
  crowd: false, full: 0.35,
};

/** @typedef {typeof HEALTHY} Mode */
/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {import("./halls.js").Hall} Hall */
/** @typedef {{lock_id: string, request_id: string, event_id: number, seats: string[], until: number, amount_cents: number, gone: boolean}} Lock */
/** @typedef {{transaction_id: string, event_id: number, seats: string[], amount_cents: number, status: string, at: number}} Purchase */
/** @typedef {"free" | "held" | "purchasing" | "sold"} State */
/** @typedef {{part: keyof Mode, go: (r: Response) => void}} Found */

/** @type {Record<string, [number, string]>} */
const REFUSALS = {
  not_found: [404, "none"], unauthorized: [401, "none"], wrong_credentials: [401, "none"], not_owner: [403, "none"], no_event: [404, "none"], no_seat: [404, "none"],
  no_lock: [404, "none"], no_purchase: [404, "none"], email_taken: [409, "none"], seat_taken: [409, "none"], lock_in_use: [409, "none"],
  purchase_rejected: [409, "none"], lock_lapsed: [410, "none"], invalid_request: [422, "none"], too_many_requests: [429, "none"],
  internal: [500, "unknown"], busy: [503, "none"], database_unavailable: [503, "none"], redis_unavailable: [503, "none"],
  queue_unavailable: [503, "none"], unavailable: [503, "none"], outcome_unknown: [503, "unknown"],
};

/** @param {string} name @param {string} space */
export function uuid5(name, space) {
  const h = createHash("sha1").update(Buffer.from(space.replaceAll("-", ""), "hex")).update(name).digest().subarray(0, 16);
  h[6] = (h[6] & 0x0f) | 0x50;
  h[8] = (h[8] & 0x3f) | 0x80;
  return h.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The same halls look the same on every run: a small generator with a seed instead of Math.random. @param {number} seed */
function dice(seed) {
  let s = seed;
  return () => {
    s = (s * 1664525 + 1013904223) % 4294967296;
    return s / 4294967296;
  };
}

/** A pretended shop that listens. `set` throws switches; `reset` heals everything and forgets all buyers. */
export async function pretend({ port = 0 } = {}) {
  const shop = new Shop();
  const server = createServer((request, response) => void shop.answer(request, response));
  await new Promise((ready) => server.listen(port, "127.0.0.1", () => ready(undefined)));
  const at = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${at.port}`,
    shop,
    /** @param {Partial<Mode>} change */
    set: (change) => shop.set(change),
    reset: () => shop.reset(),
    close: () => { shop.set({ crowd: false }); server.closeAllConnections(); server.close(); },
  };
}

class Shop {
  /** @type {Mode} */ mode = { ...HEALTHY };
  /** @type {Map<string, Lock>} */ locks = new Map();
  /** @type {Map<string, Purchase>} */ purchases = new Map();
  /** What people who are not real have: "999/A-12" -> held, purchasing or sold. @type {Map<string, State>} */ taken = new Map();
  roll = dice(7);
  turn = 0;
  /** @type {NodeJS.Timeout | undefined} */ walking;

  constructor() { this.reset(); }

  reset() {
    clearInterval(this.walking);
    this.mode = { ...HEALTHY };
    this.locks.clear();
    this.purchases.clear();
    this.roll = dice(7);
    this.fill();
  }

  /** @param {Partial<Mode>} change */
  set(change) {
    Object.assign(this.mode, change);
    if ("full" in change) this.fill();
    clearInterval(this.walking);
    if (this.mode.crowd) this.walking = setInterval(() => this.walk(), 700);
  }

  /** Sells and holds seats in clumps, as people come in pairs and like the middle. */
  fill() {
    this.taken.clear();
    for (const hall of halls) for (const s of hall.sections) for (const [row, width] of s.rows) {
      for (let n = 1; n <= width; n++) {
        const middle = 1 - Math.abs(n - (width + 1) / 2) / (width / 2);
        const group = 1 + Math.floor(this.roll() * 3);
        if (this.roll() >= this.mode.full * (0.45 + middle * 0.9)) continue;
        const what = this.roll();
        for (let i = 0; i < group && n <= width; i++, n++) {
          this.taken.set(`${hall.id}/${row}-${n}`, what < 0.78 ? "sold" : what < 0.94 ? "held" : "purchasing");
        }
      }
    }
  }

  walk() {
    for (const hall of halls) {
      const seats = hall.sections.flatMap((s) => s.rows.flatMap(([row, width]) => Array.from({ length: width }, (_, i) => `${row}-${i + 1}`)));
      for (let i = 0; i < 3; i++) {
        const key = `${hall.id}/${seats[Math.floor(this.roll() * seats.length)]}`;
        const now = this.taken.get(key);
        if (now === "held") this.roll() < 0.6 ? this.taken.set(key, "purchasing") : this.taken.delete(key);
        else if (now === "purchasing") this.taken.set(key, "sold");
        else if (!now && this.seat(hall.id, key.split("/")[1] ?? "") === "free") this.taken.set(key, "held");
      }
    }
  }

  /** What everybody may see of a seat. @param {number} event @param {string} id @returns {State} */
  seat(event, id) {
    for (const l of this.locks.values()) {
      if (l.event_id !== event || !l.seats.includes(id)) continue;
      const p = this.purchases.get(uuid5(l.lock_id, NAMESPACE));
      if (p) return p.status === "confirmed" ? "sold" : p.status === "queued" ? "purchasing" : "free";
      if (!l.gone && l.until > Date.now()) return this.mode.holds ? "held" : "free";
    }
    const other = this.taken.get(`${event}/${id}`) ?? "free";
    return this.mode.holds || other === "sold" ? other : "free";
  }

  /** @param {Request} request @param {Response} response */
  async answer(request, response) {
    const url = new URL(request.url ?? "/", "http://shop");
    const body = await read(request);
    if (url.pathname === "/fake") { this.set(body ?? {}); return send(response, 200, this.mode); }
    if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
    const found = this.route(request.method ?? "", url.pathname, body, request);
    const mode = found && this.mode[found.part];
    if (mode === "hang") return;
    if (mode === "drop") return request.socket.destroy();
    const node = `app-${(this.turn++ % 3) + 1}`;
    if (mode === "edge") return send(response, 502, problem(502, "unavailable"), { "X-Outcome": "none", "Retry-After": "1" });
    if (!found) return refuse(response, "not_found");
    response.setHeader("X-EventFlow-Node", ["guest", "register", "login"].includes(found.part) ? "auth" : node);
    if (mode === "none") return refuse(response, found.part === "lock" ? "redis_unavailable" : found.part === "buy" ? "queue_unavailable" : "unavailable");
    if (mode === "unknown") return refuse(response, "outcome_unknown");
    if (mode !== "ok") return refuse(response, String(mode));
    found.go(response);
  }

  /** @param {string} method @param {string} path @param {any} body @param {Request} request @returns {Found | undefined} */
  route(method, path, body, request) {
    /** @param {string} m @param {RegExp} pattern */
    const is = (m, pattern) => (method === m ? pattern.exec(path) : null);
    /** @type {RegExpExecArray | null} */
    let m;
    if (is("POST", /^\/api\/auth\/guest$/)) return { part: "guest", go: (r) => send(r, 200, pass("guest-", body?.nickname)) };
    if (is("POST", /^\/api\/auth\/register$/)) return { part: "register", go: (r) => send(r, 201, pass("", body?.name, body?.email)) };
    if (is("POST", /^\/api\/auth\/login$/)) return { part: "login", go: (r) => send(r, 200, pass("", "Ana", body?.email)) };
    if (is("GET", /^\/api\/events$/)) return { part: "events", go: (r) => this.fresh(r, { events: halls.map(poster) }) };
    if ((m = is("GET", /^\/api\/events\/(\d+)$/))) return { part: "event", go: this.ofHall(m[1], (r, h) => this.fresh(r, {
      ...poster(h), sections: h.sections.map((s) => ({ name: s.name, price_cents: s.price_cents })) })) };
    if ((m = is("GET", /^\/api\/events\/(\d+)\/seats$/))) return { part: "seats", go: this.ofHall(m[1], (r, h) => this.fresh(r, this.map(h))) };
    if (!/^Bearer ./.test(request.headers.authorization ?? "")) return { part: "events", go: (r) => refuse(r, "unauthorized") };
    if (is("POST", /^\/api\/seats\/lock$/)) return { part: "lock", go: (r) => this.lock(r, body) };
    if ((m = is("POST", /^\/api\/seats\/lock\/([0-9a-f-]{36})\/extend$/))) return { part: "extend", go: this.ofLock(m[1], (r, l) => {
      l.until = Date.now() + this.mode.span * 1000;
      send(r, 200, lockView(l));
    }) };
    if ((m = is("DELETE", /^\/api\/seats\/lock\/([0-9a-f-]{36})$/))) return { part: "release", go: this.ofLock(m[1], (r, l) => {
      l.gone = true;
      r.writeHead(204).end();
    }) };
    if (is("POST", /^\/api\/purchase$/)) return { part: "buy", go: this.ofLock(body?.lock_id, (r, l) => this.buy(r, l)) };
    if (is("GET", /^\/api\/purchases$/)) return { part: "list", go: (r) => send(r, 200, { purchases: [...this.purchases.values()].map((p) => this.purchase(p)), partial: this.mode.partial }) };
    if ((m = is("GET", /^\/api\/purchases\/([0-9a-f-]{36})$/))) {
      const p = this.purchases.get(m[1]);
      return { part: "status", go: (r) => (p ? send(r, 200, this.purchase(p)) : refuse(r, "no_purchase")) };
    }
    return undefined;
  }

  /** @param {string | undefined} id @param {(r: Response, h: Hall) => void} then */
  ofHall(id, then) {
    const hall = halls.find((h) => h.id === Number(id));
    return (/** @type {Response} */ r) => (hall ? then(r, hall) : refuse(r, "no_event"));
  }

  /** @param {string | undefined} id @param {(r: Response, l: Lock) => void} then */
  ofLock(id, then) {
    const l = this.locks.get(id ?? "");
    return (/** @type {Response} */ r) => (!l ? refuse(r, "no_lock") : l.gone || l.until < Date.now() ? refuse(r, "lock_lapsed") : then(r, l));
  }

  /** @param {Response} response @param {object} data */
  fresh(response, data) {
    const { source, age, stale } = this.mode;
    response.setHeader("Cache-Status", source === "cache" ? `eventflow; hit${stale ? "; detail=stale" : ""}` : "eventflow; fwd=miss; stored");
    response.setHeader("Age", String(Math.floor(age)));
    send(response, 200, { ...data, source, age_seconds: age });
  }

  /** @param {Hall} hall */
  map(hall) {
    /** @type {Record<State, number>} */
    const counts = { free: 0, held: 0, purchasing: 0, sold: 0 };
    const sections = hall.sections.map((s) => ({ name: s.name, price_cents: s.price_cents, rows: s.rows.map(([row, width]) => ({
      name: row, seats: Array.from({ length: width }, (_, i) => {
        const id = `${row}-${i + 1}`, state = this.seat(hall.id, id);
        counts[state]++;
        return { id, state };
      }) })) }));
    return { event_id: hall.id, holds_known: this.mode.holds, counts, sections };
  }

  /** @param {Response} response @param {any} body */
  lock(response, body) {
    const known = [...this.locks.values()].find((l) => l.request_id && l.request_id === body?.request_id);
    if (known) return send(response, 201, lockView(known));
    const hall = halls.find((h) => h.id === body?.event_id);
    if (!hall) return refuse(response, "no_event");
    /** @type {string[]} */
    const seats = body.seats;
    const taken = seats.filter((id) => this.seat(hall.id, id) !== "free");
    if (taken.length) return send(response, 409, { ...problem(409, "seat_taken"), seats: taken }, { "X-Outcome": "none" });
    /** @param {string} id */
    const price = (id) => hall.sections.find((s) => s.rows.some(([row]) => id.startsWith(`${row}-`)))?.price_cents ?? 0;
    const l = { lock_id: randomUUID(), request_id: body.request_id, event_id: hall.id, seats, until: Date.now() + this.mode.span * 1000,
      amount_cents: seats.reduce((sum, id) => sum + price(id), 0), gone: false };
    this.locks.set(l.lock_id, l);
    send(response, 201, lockView(l));
  }

  /** @param {Response} response @param {Lock} l */
  buy(response, l) {
    const tx = uuid5(l.lock_id, NAMESPACE);
    if (!this.purchases.has(tx)) {
      this.purchases.set(tx, { transaction_id: tx, event_id: l.event_id, seats: l.seats, amount_cents: l.amount_cents, status: "queued", at: Date.now() });
    }
    send(response, 202, { status: "ACCEPTED_ASYNC", transaction_id: tx, lock_id: l.lock_id });
  }

  /** What the owner may see of a purchase; looking is what lets the ledger speak. @param {Purchase} p */
  purchase(p) {
    if (p.status === "queued" && this.mode.ledger && Date.now() - p.at > this.mode.settle) p.status = this.mode.ledger;
    const { at: _, ...view } = p;
    return { ...view, ...(p.status === "rejected" ? { reason: "seat_taken" } : {}) };
  }
}

/** @param {Lock} l */
function lockView(l) {
  return { lock_id: l.lock_id, event_id: l.event_id, seats: l.seats, amount_cents: l.amount_cents,
    expires_at: new Date(l.until).toISOString(), expires_in_seconds: (l.until - Date.now()) / 1000 };
}

/** @param {Hall} h */
function poster(h) {
  const d = new Date();
  d.setUTCDate(d.getUTCDate() + h.days);
  d.setUTCHours(h.hour, 0, 0, 0);
  return { id: h.id, name: h.name, venue: h.venue, starts_at: d.toISOString(), seats: h.sections.flatMap((s) => s.rows).reduce((n, [, w]) => n + w, 0) };
}

/** @param {string} prefix @param {string} [name] @param {string} [email] */
function pass(prefix, name = "", email = undefined) {
  return { user: { id: prefix + randomUUID(), name, ...(email ? { email } : {}) }, token: "aa.bb.cc", expires_at: new Date(Date.now() + 12 * 3600e3).toISOString() };
}

/** @param {number} status @param {string} code */
function problem(status, code) {
  return { type: "about:blank", title: "Problem", status, code, detail: "pretended" };
}

/** @param {Response} response @param {string} code */
function refuse(response, code) {
  const [status, outcome] = REFUSALS[code] ?? [500, "unknown"];
  send(response, status, problem(status, code), { "X-Outcome": outcome, ...(status === 503 || status === 429 ? { "Retry-After": "2" } : {}) });
}

/** @param {Response} response @param {number} status @param {unknown} data @param {Record<string, string>} [headers] */
function send(response, status, data, headers = {}) {
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "Content-Type": type, ...headers }).end(JSON.stringify(data));
}

/** As nginx does it: files, and index.html for every address of the page itself. @param {string} path @param {Response} response */
function file(path, response) {
  const wanted = extname(path) ? join(DIST, normalize(path)) : join(DIST, "index.html");
  try {
    const text = readFileSync(wanted);
    response.writeHead(200, { "Content-Type": TYPES[extname(wanted)] ?? "application/octet-stream", "Cache-Control": "no-cache",
      "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'" }).end(text);
  } catch {
    response.writeHead(404).end();
  }
}

/** @param {Request} request */
async function read(request) {
  let text = "";
  for await (const piece of request) text += piece;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await pretend({ port: Number(process.argv[2]) || 5170 });
  console.log(url);
}
