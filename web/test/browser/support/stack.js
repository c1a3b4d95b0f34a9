// A running EventFlow and how to break it: links by Toxiproxy's HTTP API, services by
// whoever started the stack. It must not know what a page is.

import assert from "node:assert/strict";

/**
 * @typedef {{shop: string, status: string, toxiproxy: string, control: string}} Address
 * @typedef {import("node:test").TestContext} T
 */

/** What a call to one of the stack's own APIs said; anything but a 2xx is an error. @param {string} url @param {RequestInit} [init] */
async function ask(url, init) {
  const response = await fetch(url, { ...init, headers: { "User-Agent": "eventflow-tests", ...init?.headers } });
  const text = await response.text();
  assert.ok(response.ok, `${init?.method ?? "GET"} ${url}: ${response.status} ${text}`);
  return text;
}

export class Stack {
  /** @param {string} name of the environment variable that says where it is */
  constructor(name) {
    const value = process.env[name];
    assert.ok(value, `${name} is not set: these tests are started by \`go test ./web\``);
    /** @type {Address} */
    this.at = JSON.parse(value);
    this.url = this.at.shop;
  }

  /** Kills a service as a crash would; it is back at the latest when the test ends. @param {T} t @param {string} service */
  async kill(t, service) {
    t.after(() => this.revive(service));
    await ask(`${this.at.control}/kill/${service}`, { method: "POST" });
  }

  /** Returns when the service answers. @param {string} service */
  async revive(service) { await ask(`${this.at.control}/heal/${service}`, { method: "POST" }); }

  /** A seat is sold at a box office: the ledger knows, and no node does. @param {number} event @param {string} seat */
  async sell(event, seat) { await ask(`${this.at.control}/sell/${event}/${seat}`, { method: "POST" }); }

  /** Puts a hall of forty seats on sale: what is looked at sixteen times need not be large. @param {number} event */
  async open(event) { await ask(`${this.at.control}/open/${event}`, { method: "POST" }); }

  /** How many requests nginx has seen, without this question and those before it. */
  async requests() {
    this.asked = (this.asked ?? 0) + 1;
    const numbers = (await ask(this.at.status)).match(/^\s*\d+ \d+ (\d+)/m);
    assert.ok(numbers, "nginx counts its requests");
    return Number(numbers[1]) - this.asked;
  }

  /** @param {RegExp} pattern */
  async links(pattern) {
    const all = Object.keys(JSON.parse(await ask(`${this.at.toxiproxy}/proxies`)));
    const found = all.filter((name) => pattern.test(name));
    assert.ok(found.length, `no link is called ${pattern}; there are ${all.join(", ")}`);
    return found;
  }

  /** @param {T} t @param {RegExp} pattern */
  cut(t, pattern) { return Fault.begin(t, this, pattern, cut); }

  /** Requests are obeyed, answers are lost. @param {T} t @param {RegExp} pattern */
  loseReplies(t, pattern) {
    return Fault.begin(t, this, pattern, toxic("timeout", "downstream", { timeout: 0 }));
  }

  /** Requests are swallowed. @param {T} t @param {RegExp} pattern */
  loseRequests(t, pattern) { return Fault.begin(t, this, pattern, toxic("timeout", "upstream", { timeout: 0 })); }

  /** Every answer is late. @param {T} t @param {RegExp} pattern @param {number} ms */
  slow(t, pattern, ms) { return Fault.begin(t, this, pattern, toxic("latency", "downstream", { latency: ms, jitter: 0 })); }
}

/** @typedef {(link: string) => [method: string, path: string, body: object]} Change */

/** @type {Change} */
const cut = (link) => ["PATCH", `/proxies/${link}`, { enabled: false }];

/** @param {string} type @param {string} stream @param {object} attributes @returns {Change} */
const toxic = (type, stream, attributes) => (link) =>
  ["POST", `/proxies/${link}/toxics`, { name: `test_${type}`, type, stream, toxicity: 1, attributes }];

/** Links that are broken until heal, or until the lease lapses because nobody is left to heal them. */
class Fault {
  /** @param {Stack} stack @param {string} lease */
  constructor(stack, lease) {
    this.stack = stack;
    this.lease = lease;
    this.healed = false;
  }

  /** @param {T} t @param {Stack} stack @param {RegExp} pattern @param {Change} change */
  static async begin(t, stack, pattern, change) {
    const api = stack.at.toxiproxy;
    const links = await stack.links(pattern);
    const lease = JSON.parse(await ask(`${api}/leases`, { method: "POST", body: JSON.stringify({ owner: "browser tests", ttl: "2m" }) }));
    const fault = new Fault(stack, lease.id);
    t.after(() => fault.heal());
    for (const link of links) {
      const [method, path, body] = change(link);
      await ask(api + path, { method, headers: { "Toxiproxy-Lease": lease.id }, body: JSON.stringify(body) });
    }
    return fault;
  }

  async heal() {
    if (this.healed) return;
    this.healed = true;
    await ask(`${this.stack.at.toxiproxy}/leases/${this.lease}`, { method: "DELETE" });
  }
}

/** The links by what is gone when they are cut. */
export const links = {
  postgres: /_postgres$/,
  /** Without auth's: who enters is another question than what is sold. */
  redis: /_redis$/,
  /** The nodes' way to the queue; the consumer's is another. */
  queue: /^app-\d_rabbitmq$/,
  nodes: /^nginx_app-\d$/,
  auth: /^nginx_auth$/,
};
