// Whether the page still believes what ../system/openapi.yaml promises: it is the
// only thing that the page knows of the server.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { MAX_SEATS } from "../../src/shop/basket.js";

const spec = readFileSync(new URL("../../../system/openapi.yaml", import.meta.url), "utf8");
const shop = new URL("../../src/shop/", import.meta.url);
const code = readdirSync(shop, { encoding: "utf8" }).filter((f) => f.endsWith(".js")).map((f) => readFileSync(new URL(f, shop), "utf8")).join("\n");

test("every address that is asked exists", () => {
  const promised = new Set([...spec.matchAll(/^ {2}(\/api\/\S+):$/gm)].map((m) => m[1].replace(/\{\w+\}/g, "{}")));
  const asked = new Set([...code.matchAll(/["`](\/api\/[^"`]+)["`]/g)].map((m) => m[1].replace(/\$\{[^}]*\}/g, "{}")));
  assert.ok(asked.size >= 9, `only ${[...asked]} found`);
  assert.deepEqual([...asked].filter((path) => !promised.has(path)), []);
  assert.deepEqual([...promised].filter((path) => !asked.has(path)), [], "promised, and the shop has no use for it");
});

test("a purchase has the address that the server gives it", () => {
  const space = /UUIDv5\(([0-9a-f-]{36}), lock_id\)/.exec(spec)?.[1] ?? "none";
  assert.ok(code.includes(`"${space}"`), space);
});

test("as many seats as one request may name", () => {
  assert.equal(Number(/seats: \{type: array, minItems: 1, maxItems: (\d+)/.exec(spec)?.[1]), MAX_SEATS);
});

test("every word on which something is decided is one of the server's", () => {
  const words = [...code.matchAll(/\b(?:a|answer)\.(?:code|data\.status) === "(\w+)"/g)].map((m) => m[1]);
  assert.ok(words.length >= 8, String(words));
  assert.deepEqual(words.filter((w) => !new RegExp(`\\b${w}\\b`).test(spec)), []);
});
