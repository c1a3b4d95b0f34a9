// The page's own sentences, by their keys: a test finds a button by the name that
// people read, and a better name breaks no test.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** @type {Record<string, Record<string, string>>} */
const catalogues = Object.fromEntries(["es", "en"].map((lang) =>
  [lang, JSON.parse(readFileSync(new URL(`../../../src/i18n/${lang}.json`, import.meta.url), "utf8"))]));

/** @param {"es" | "en"} lang */
export function words(lang) {
  /** @param {string} key */
  const sentence = (key) => {
    const found = catalogues[lang]?.[key];
    assert.ok(found !== undefined, `${lang}.json has no ${key}`);
    return found;
  };
  return {
    /** @param {string} key @param {Record<string, string | number>} [blanks] */
    t: (key, blanks = {}) => sentence(key).replace(/\{(\w+)\}/g, (whole, name) => String(blanks[name] ?? whole)),
    /** The sentence with anything in its blanks. @param {string} key */
    like: (key) => new RegExp(sentence(key).split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*?")),
  };
}
