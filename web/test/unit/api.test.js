import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { call, outcomeOf } from "../../src/shop/api.js";

afterEach(() => mock.restoreAll());

/** @param {number} status @param {string} [body] @param {Record<string, string>} [headers] */
function server(status, body = "{}", headers = {}) {
  return mock.method(globalThis, "fetch", async () => new Response(status === 204 ? null : body, { status, headers }));
}

/** @type {[string, "GET" | "POST", number, string, Record<string, string>, object][]} */
const answers = [
  ["a good answer", "POST", 202, '{"status":"ACCEPTED_ASYNC"}', { "X-EventFlow-Node": "app-2" }, { ok: true, outcome: "", code: "", node: "app-2" }],
  ["a good answer without words", "POST", 204, "", {}, { ok: true, outcome: "", data: {} }],
  ["a proxy's page instead of an answer", "POST", 200, "<html>", {}, { ok: false, status: 0, outcome: "unknown", code: "unreadable" }],
  ["the same to a question", "GET", 200, "<html>", {}, { ok: false, outcome: "none", code: "unreadable" }],
  ["a list where an object belongs", "GET", 200, "[]", {}, { ok: false, code: "unreadable" }],
  ["a no that is certain", "POST", 503, '{"code":"queue_unavailable"}', { "X-Outcome": "none", "Retry-After": "2" },
    { ok: false, outcome: "none", code: "queue_unavailable", wait: 2000 }],
  ["an answer that does not know", "POST", 503, '{"code":"outcome_unknown"}', { "X-Outcome": "unknown" }, { outcome: "unknown", code: "outcome_unknown" }],
  ["an edge that does not know what happened behind it", "POST", 502, "<html>", {}, { ok: false, outcome: "unknown", code: "http_502" }],
  ["an edge that gave up waiting", "POST", 504, "", {}, { outcome: "unknown", code: "http_504" }],
  ["an edge whose reader gave up", "POST", 408, "", {}, { outcome: "unknown", code: "http_408" }],
  ["an edge that let nothing through", "POST", 429, "", {}, { outcome: "none", code: "http_429" }],
  ["a word nobody agreed on", "POST", 503, "{}", { "X-Outcome": "perhaps" }, { outcome: "unknown", code: "http_503" }],
  ["a question changes nothing, whoever answers", "GET", 502, "", {}, { outcome: "none", code: "http_502" }],
  ["a status that cannot be told", "GET", 503, '{"code":"outcome_unknown"}', { "X-Outcome": "unknown" }, { outcome: "unknown" }],
  ["a map from a cache that has outlived its time", "GET", 200, "{}", { "Cache-Status": "eventflow; hit; detail=stale" }, { ok: true, stale: true }],
  ["a map from a cache", "GET", 200, "{}", { "Cache-Status": "eventflow; hit" }, { ok: true, stale: false }],
];

for (const [what, method, status, body, headers, want] of answers) {
  test(`${what}: ${method} ${status}`, async () => {
    server(status, body, headers);
    const got = await call(method, "/api/x");
    assert.deepEqual({ ...got, ...want }, got);
    assert.ok(got.arrivedAt >= got.sentAt);
  });
}

test("no connection may have happened, unless it was a question", async () => {
  mock.method(globalThis, "fetch", async () => { throw new TypeError("failed to fetch"); });
  assert.deepEqual(pick(await call("POST", "/api/x")), { ok: false, status: 0, outcome: "unknown", code: "network" });
  assert.deepEqual(pick(await call("GET", "/api/x")), { ok: false, status: 0, outcome: "none", code: "network" });
});

test("silence ends after the patience", async () => {
  mock.method(globalThis, "fetch", (/** @type {any} */ _, /** @type {any} */ { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  assert.deepEqual(pick(await call("POST", "/api/x", { patience: 10 })), { ok: false, status: 0, outcome: "unknown", code: "timeout" });
});

test("what is sent", async () => {
  const fetch = server(200);
  await call("POST", "/api/x", { body: { a: 1 }, token: "t" });
  const [path, init] = /** @type {any} */ (fetch.mock.calls[0].arguments);
  assert.equal(path, "/api/x");
  assert.equal(init.body, '{"a":1}');
  assert.deepEqual(init.headers, { Accept: "application/json", "Content-Type": "application/json", Authorization: "Bearer t" });
  assert.equal(init.cache, "no-store");
});

test("the seats that an answer names reach the person", async () => {
  server(409, '{"code":"seat_taken","seats":["A-1"]}', { "X-Outcome": "none" });
  assert.deepEqual(outcomeOf(await call("POST", "/api/x")), { ok: false, certainty: "none", code: "seat_taken", seats: ["A-1"], wait: 0 });
});

/** @param {import("../../src/shop/contract.js").Answer} a */
const pick = ({ ok, status, outcome, code }) => ({ ok, status, outcome, code });
