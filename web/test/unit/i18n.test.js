// The two catalogues say the same things, have a sentence for every code, and
// keep the two promises about words: what is queued is never called bought, and
// what is unknown is never called failed.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, test } from "node:test";
import en from "../../src/i18n/en.json" with { type: "json" };
import es from "../../src/i18n/es.json" with { type: "json" };
import { choose, codeSentence, has, plural, setLang, t } from "../../src/shared/i18n.js";

/** @type {Record<string, Record<string, string>>} */
const catalogues = { es, en };

const from = (/** @type {string} */ path) => new URL(`../../${path}`, import.meta.url);
const root = from("src/");
const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((f) => /\.jsx?$/.test(f))
  .map((f) => ({ f, text: readFileSync(new URL(f, root), "utf8") }));
const spec = readFileSync(from("../system/openapi.yaml"), "utf8");

/** Codes that the page itself gives, from its own modules. */
const OWN = ["timeout", "network", "unreadable", "reloaded", "extend_failed", "release_failed", "enter_first", "finish_first",
  "nothing_picked", "some_gone", "one_moment", "other_person", "no_order"];

afterEach(() => setLang("es"));

describe("the catalogues", () => {
  test("have the same keys", () => {
    assert.deepEqual(Object.keys(en).filter((k) => !(k in es)), [], "only in English");
    assert.deepEqual(Object.keys(es).filter((k) => !(k in en)), [], "only in Spanish");
  });

  test("leave the same blanks to fill in", () => {
    const blanks = (/** @type {string} */ s) => [...new Set(s.match(/\{\w+\}/g) ?? [])].sort().join(" ");
    const different = Object.keys(es).filter((k) => k in en && blanks(catalogues.es[k]) !== blanks(catalogues.en[k]));
    assert.deepEqual(different, []);
  });

  test("have no empty sentence", () => {
    for (const [l, c] of Object.entries(catalogues)) assert.deepEqual(Object.keys(c).filter((k) => c[k].trim() === ""), [], l);
  });

  test("have every form of a count that the language needs", () => {
    for (const [l, c] of Object.entries(catalogues)) {
      const counted = Object.keys(c).filter((k) => k.endsWith(".one")).map((k) => k.replace(/\.one$/, ".other"));
      assert.deepEqual(counted.filter((k) => !(k in c)), [], l);
    }
  });

  test("have a sentence for every code of the server", () => {
    const codes = new Set([...spec.matchAll(/code: \{type: string, enum: \[([^\]]+)\]\}/g)].flatMap((m) => m[1].split(", ")));
    for (const m of spec.matchAll(/answers \d+ `([a-z_]+)`|a wrong method \d+ `([a-z_]+)`/g)) codes.add(m[1] ?? m[2]);
    assert.ok(codes.size >= 24, `only ${codes.size} codes found`);
    codes.add("seat_taken"); // the one reason of a rejection
    for (const [l, c] of Object.entries(catalogues)) assert.deepEqual([...codes].filter((code) => !(`code.${code}` in c)), [], l);
  });

  test("have a sentence for every code of the page's own", () => {
    for (const [l, c] of Object.entries(catalogues)) {
      assert.deepEqual([...OWN, "server", "other"].filter((code) => !(`code.${code}` in c) && !(`note.${code}` in c)), [], l);
    }
    const modules = sources.filter(({ f }) => /^shop\/\w+\.js$/.test(f)).map(({ text }) => text).join("\n");
    for (const [, code] of modules.matchAll(/refused\("(\w+)"\)|silence\(method, "(\w+)"\)/g)) if (code) assert.ok(OWN.includes(code), code);
  });

  test("have every key that a component asks for by its whole name", () => {
    const missing = [];
    for (const { f, text } of sources) {
      for (const [, key] of text.matchAll(/\bt\(\s*"([\w.]+)"/g)) if (!(key in es)) missing.push(`${f}: ${key}`);
      for (const [, key] of text.matchAll(/\bplural\(\s*"([\w.]+)"/g)) if (!(`${key}.other` in es)) missing.push(`${f}: ${key}.other`);
    }
    assert.deepEqual(missing, []);
  });
});

describe("the components", () => {
  const drawn = sources.filter(({ f }) => f.endsWith(".jsx"));

  test("say nothing that is not in the catalogues", () => {
    const literal = drawn.flatMap(({ f, text }) => [
      ...text.matchAll(/>([^<>{}=;()]*\p{L}{2,}[^<>{}=;()]*)<\//gu),
      ...text.matchAll(/\b(?:aria-label|aria-description|title|placeholder|alt)="([^"]*\p{L}[^"]*)"/gu),
    ].map((m) => `${f}: ${m[1].trim()}`));
    assert.deepEqual(literal, []);
  });

  test("leave no sentence unsaid", () => {
    const asked = sources.flatMap(({ text }) => [...text.matchAll(/"(\w+(?:\.\w+)+)"|\bt\("(\w+)"/g)].map((m) => m[1] ?? m[2]));
    const shapes = sources.flatMap(({ text }) => [...text.matchAll(/`([\w.]*\$\{[^`]*)`/g)]
      .map((m) => m[1].replace(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, "\0"))
      .filter((shape) => /^[\w.\0]+$/.test(shape) && /\w\./.test(shape))
      .map((shape) => new RegExp(`^${shape.replaceAll(".", "\\.").replaceAll("\0", "[\\w.]+")}$`)));
    const used = (/** @type {string} */ k) => asked.includes(k) || shapes.some((shape) => shape.test(k));
    const unsaid = Object.keys(es).filter((k) => !used(k) && !used(k.replace(/\.(one|other)$/, "")));
    assert.deepEqual(unsaid, []);
  });
});

describe("guarded words", () => {
  /** Whatever is said of an order in these states, by the parts of its key. */
  const queued = /(^|[._])(queued|waiting|buying)([._]|$)/;
  const unknown = /(^|[._])(unknown|lock_unknown|outcome_unknown|timeout|reloaded|missing|send_again|sendAgain)([._]|$)/;
  const bought = /\b(comprad[oa]s?|bought|purchased|vendid[oa]s?|sold|tuy[oa]s? ya|confirmad[oa]s?\b(?<!no confirmad[oa]s?)(?<!sin confirmar))/i;
  const failed = /\b(fall(?:ó|o|ado|ada|aron|ar)|fracas\w*|error|failed|failure|fail(?:s|ing)?|no se (?:ha )?compr\w+)\b/i;
  /** Sentences that deny or postpone the guarded word say the truth with it. */
  const denied = /(?:\bno\b|\bnot\b|\bnothing\b|\bnada\b|aún|todavía|\byet\b|nunca|never|dos veces|twice|whether|\bsi\b|until|hasta)/i;

  /** @param {RegExp} keys @param {RegExp} word */
  function offenders(keys, word) {
    return Object.entries(catalogues).flatMap(([l, c]) => Object.entries(c)
      .filter(([k, s]) => keys.test(k) && s.split(/(?<=[.;:!?])\s/).some((part) => word.test(part) && !denied.test(part)))
      .map(([k, s]) => `${l} ${k}: ${s}`));
  }

  test("what is queued is never called bought", () => assert.deepEqual(offenders(queued, bought), []));
  test("what is unknown is never called failed", () => assert.deepEqual(offenders(unknown, failed), []));
  test("the guard can bite", () => {
    assert.match("Ya lo has comprado.", bought);
    assert.match("You bought it.", bought);
    assert.match("La compra ha fallado.", failed);
    assert.match("It failed.", failed);
    assert.ok(queued.test("order.queued") && queued.test("say.queued.title") && !queued.test("say.confirmed"));
    assert.ok(unknown.test("order.unknown") && unknown.test("order.lock_unknown"));
    assert.ok(!denied.test("La compra ha fallado."));
  });
  test("the guarded states have words", () => {
    for (const keys of [queued, unknown]) assert.ok(Object.keys(es).filter((k) => keys.test(k)).length >= 2, String(keys));
  });
});

describe("a sentence", () => {
  test("fills its blanks and follows the language", () => {
    setLang("en");
    assert.equal(t("nowhere.to.be.found"), "nowhere.to.be.found");
    assert.equal(has("app.name"), true);
    assert.equal(codeSentence("timeout"), en["code.timeout"]);
    setLang("es");
    assert.equal(codeSentence("timeout"), es["code.timeout"]);
  });

  test("a code nobody has words for is quoted", () => {
    assert.match(codeSentence("brand_new"), /brand_new/);
    assert.match(codeSentence("http_502"), /502/);
  });

  test("a count takes its form", () => {
    const key = Object.keys(es).find((k) => k.endsWith(".one"))?.replace(/\.one$/, "") ?? "";
    assert.notEqual(plural(key, 1), plural(key, 2));
  });
});

test("the language: what the address says, then what was chosen, then what the browser prefers, then Spanish", () => {
  assert.equal(choose("?lang=en", "es", ["es"]), "en");
  assert.equal(choose("?lang=fr", "en", ["es"]), "en");
  assert.equal(choose("", undefined, ["fr-FR", "en-GB", "es"]), "en");
  assert.equal(choose("", "xx", ["fr"]), "es");
  assert.equal(choose("", undefined, []), "es");
});
