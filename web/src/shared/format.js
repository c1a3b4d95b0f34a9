// How money, counts, times and ages are written in the language in use. It must
// not know what they are of.

import { lang } from "./i18n.js";

/** The API counts in cents and names no currency; the shop's posters say euros. */
const CURRENCY = "EUR";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Formatters cost more than formatting; a page needs a handful. @type {Map<string, any>} */
const made = new Map();

/**
 * @template T
 * @param {string} what
 * @param {(locale: string) => T} make
 * @returns {T}
 */
function of(what, make) {
  const name = `${lang.value} ${what}`;
  if (!made.has(name)) made.set(name, make(lang.value));
  return made.get(name);
}

/** @param {number} cents */
export const money = (cents) =>
  of("money", (l) => new Intl.NumberFormat(l, { style: "currency", currency: CURRENCY })).format(cents / 100);

/** @param {number} n */
export const number = (n) => of("number", (l) => new Intl.NumberFormat(l)).format(n);

/** @param {string} iso */
export function day(iso) {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return "";
  return of("day", (l) => new Intl.DateTimeFormat(l, { dateStyle: "full", timeStyle: "short" })).format(d);
}

/**
 * One part of an event's day, as for a calendar leaf: "14", "jun", "vie".
 *
 * @param {string} iso
 * @param {"day" | "month" | "weekday"} part
 */
export function datePart(iso, part) {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return "";
  return of(`leaf ${part}`, (l) => new Intl.DateTimeFormat(l, { [part]: part === "day" ? "numeric" : "short" })).format(d).replace(".", "");
}

/** @param {number} ms */
export const time = (ms) => of("time", (l) => new Intl.DateTimeFormat(l, { timeStyle: "medium" })).format(new Date(ms));

/** @param {number} ms */
export function countdown(ms) {
  const s = secondsLeft(ms);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

/** @param {number} ms */
export function countdownWords(ms) {
  const s = secondsLeft(ms);
  const parts = [];
  if (s >= 60) parts.push(unit(Math.floor(s / 60), "minute", "long"));
  if (s % 60 > 0 || s < 60) parts.push(unit(s % 60, "second", "long"));
  return list(parts);
}

/** @param {number} ms */
const secondsLeft = (ms) => Math.max(0, Math.ceil(ms / SECOND));

/** @param {number} ms */
export function ago(ms) {
  const [n, name] = coarse(ms);
  return of("ago", (l) => new Intl.RelativeTimeFormat(l, { style: "narrow", numeric: "always" })).format(-n, name);
}

/** @param {number} ms */
export function span(ms) {
  const [n, name] = coarse(ms);
  return unit(n, name, "short");
}

/** Whole seconds up to 99, minutes up to 99, then hours. @param {number} ms @returns {[number, "second" | "minute" | "hour"]} */
function coarse(ms) {
  const age = Math.max(0, ms);
  if (age < 99.5 * SECOND) return [Math.round(age / SECOND), "second"];
  if (age < 100 * MINUTE) return [Math.floor(age / MINUTE), "minute"];
  return [Math.floor(age / (60 * MINUTE)), "hour"];
}

/** @param {number} n @param {string} name @param {"short" | "long"} unitDisplay */
const unit = (n, name, unitDisplay) =>
  of(`${name} ${unitDisplay}`, (l) => new Intl.NumberFormat(l, { style: "unit", unit: name, unitDisplay })).format(n);

/** @param {string[]} items */
export const list = (items) => of("list", (l) => new Intl.ListFormat(l, { type: "conjunction" })).format(items);
