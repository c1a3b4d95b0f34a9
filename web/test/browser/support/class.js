// The EventFlow of these tests, and seats that no two of them want.

import { Stack } from "./stack.js";
import { seats } from "./buyer.js";

export const shop = new Stack("EVENTFLOW_STACK");

/** A conference hall of 396 seats. */
export const HALL = 999;
/** An arena, for the sixty. */
export const ARENA = 101;
/** Forty seats, once it was opened. */
export const CHAMBER = 303;
/** A theatre of 344 seats: nobody buys here, so it looks the same at every look. */
export const THEATRE = 202;

/** @type {Map<number, string[]>} */
const left = new Map();

/**
 * Free seats that nobody else is given, side by side as far as rows allow. Those near the stage are
 * left alone: the page suggests them.
 *
 * @param {number} n
 * @param {number} [event]
 */
export async function claim(n, event = HALL) {
  let free = left.get(event);
  if (!free) left.set(event, (free = (await seats(shop.url, event)).reverse().map((s) => s.id)));
  const mine = free.splice(0, n);
  if (mine.length < n) throw new Error(`the hall is too small for these tests: ${event}`);
  return mine;
}
