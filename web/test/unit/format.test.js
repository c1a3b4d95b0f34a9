import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import * as format from "../../src/shared/format.js";
import { setLang } from "../../src/shared/i18n.js";

afterEach(() => setLang("es"));

/** Kinds of spaces are typography and not what is tested. @param {string} s */
const plain = (s) => s.replace(/[\u00a0\u202f]/g, " ");

/** @param {() => string} write @param {string | RegExp} es @param {string | RegExp} en */
function both(write, es, en) {
  for (const [l, want] of /** @type {const} */ ([["es", es], ["en", en]])) {
    setLang(l);
    if (typeof want === "string") assert.equal(plain(write()), want);
    else assert.match(plain(write()), want);
  }
}

test("money", () => {
  both(() => format.money(2500), "25,00 €", "€25.00");
  both(() => format.money(0), "0,00 €", "€0.00");
  both(() => format.money(123456789), "1.234.567,89 €", "€1,234,567.89");
});

test("counts", () => both(() => format.number(12345), "12.345", "12,345"));

test("what is left is rounded up and never negative", () => {
  assert.deepEqual([600_000, 192_001, 60_000, 59_001, 1, 0, -5].map(format.countdown), ["10:00", "3:13", "1:00", "1:00", "0:01", "0:00", "0:00"]);
});

test("what is left, for the ear", () => {
  both(() => format.countdownWords(192_000), "3 minutos y 12 segundos", "3 minutes and 12 seconds");
  both(() => format.countdownWords(60_000), "1 minuto", "1 minute");
  both(() => format.countdownWords(1000), "1 segundo", "1 second");
  both(() => format.countdownWords(0), "0 segundos", "0 seconds");
});

// How English shortens a minute changes with every edition of the tables.
test("ages in seconds, from 100 s in minutes, from 100 min in hours", () => {
  both(() => format.ago(12_000), "hace 12 s", /^12 ?s(ec\.)? ago$/);
  both(() => format.ago(0), "hace 0 s", /^0 ?s(ec\.)? ago$/);
  both(() => format.ago(-5000), "hace 0 s", /^0 ?s(ec\.)? ago$/);
  both(() => format.ago(99_000), "hace 99 s", /^99 ?s(ec\.)? ago$/);
  both(() => format.ago(100_000), "hace 1 min", /^1 ?m(in)?\.? ago$/);
  both(() => format.ago(200 * 60_000), "hace 3 h", /^3 ?hr?\.? ago$/);
});

test("spans without direction", () => both(() => format.span(12_000), "12 s", "12 sec"));

test("lists", () => {
  both(() => format.list(["A-1", "A-2", "A-3"]), "A-1, A-2 y A-3", "A-1, A-2, and A-3");
  both(() => format.list(["A-1"]), "A-1", "A-1");
});

test("dates, and what is none", () => {
  setLang("es");
  assert.match(format.day("2026-06-01T12:00:00Z"), /1 de junio de 2026/);
  setLang("en");
  assert.match(format.day("2026-06-01T12:00:00Z"), /June 1, 2026/);
  assert.equal(format.day("soon"), "");
  assert.match(format.time(Date.UTC(2026, 5, 1, 12, 0, 5)), /:00:05/);
});
