// Every sentence of a page in the language in use. The catalogues are flat and
// have the same keys; servers send codes, never sentences. It must not know where
// on a page a sentence stands.

import { signal } from "@preact/signals";
import en from "../i18n/en.json" with { type: "json" };
import es from "../i18n/es.json" with { type: "json" };
import { world } from "./store.js";

/** @typedef {import("../shop/contract.js").Lang} Lang */
/** @typedef {Record<string, string | number>} Blanks */

const KEPT = "eventflow.lang";

/** @type {Record<Lang, Record<string, string>>} */
const catalogues = { es, en };

/**
 * The first of these that has a catalogue: what the address asks for, what was
 * chosen before, what the browser prefers. Else Spanish.
 *
 * @param {string} search as location.search
 * @param {unknown} kept
 * @param {readonly string[]} preferred
 * @returns {Lang}
 */
export function choose(search, kept, preferred) {
  const wanted = [new URLSearchParams(search).get("lang"), kept, ...preferred.map((l) => l.slice(0, 2).toLowerCase())];
  return /** @type {Lang | undefined} */ (wanted.find((l) => typeof l === "string" && Object.hasOwn(catalogues, l))) ?? "es";
}

const chosen = signal(choose(globalThis.location?.search ?? "", world.recall(KEPT), globalThis.navigator?.languages ?? []));

/** @type {import("@preact/signals").ReadonlySignal<Lang>} */
export const lang = chosen;

/** @param {Lang} next */
export function setLang(next) {
  chosen.value = next;
  world.remember(KEPT, next);
  mark();
}

/** Screen readers choose their voice by it. */
function mark() {
  if (globalThis.document) document.documentElement.lang = chosen.value;
}
mark();

/** @param {string} key */
export const has = (key) => Object.hasOwn(catalogues[chosen.value], key);

/**
 * @param {string} key
 * @param {Blanks} [blanks]
 */
export function t(key, blanks = {}) {
  const sentence = catalogues[chosen.value][key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => String(blanks[name] ?? whole));
}

/**
 * @param {string} key
 * @param {number} n
 * @param {Blanks} [blanks]
 */
export function plural(key, n, blanks = {}) {
  const form = new Intl.PluralRules(chosen.value).select(n);
  const fitting = has(`${key}.${form}`) ? form : "other";
  return t(`${key}.${fitting}`, { n: new Intl.NumberFormat(chosen.value).format(n), ...blanks });
}

/** @param {string} code */
export function codeSentence(code) {
  if (has(`code.${code}`)) return t(`code.${code}`);
  return t(/^http_5/.test(code) ? "code.server" : "code.other", { code });
}
