// Waiting for a condition. Nothing in these tests waits for a time.

import assert from "node:assert/strict";

/** What takes a second on a quiet machine may take this long beside other packages' tests. */
export const PATIENCE = 1000 * Number(process.env.EVENTFLOW_PATIENCE ?? 45);

/**
 * Asks until the answer is truthy, and returns it.
 *
 * @template R
 * @param {string} what for the sentence when it never is
 * @param {() => R | Promise<R>} question
 * @param {{patience?: number, every?: number}} [how]
 * @returns {Promise<NonNullable<R>>}
 */
export async function until(what, question, { patience = PATIENCE, every = 50 } = {}) {
  const end = Date.now() + patience;
  let last = /** @type {unknown} */ (undefined);
  for (;;) {
    try {
      const answer = await question();
      if (answer) return /** @type {NonNullable<R>} */ (answer);
      last = answer;
    } catch (cause) {
      last = cause;
    }
    assert.ok(Date.now() < end, `${what}: not within ${patience / 1000} s; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
    await new Promise((next) => setTimeout(next, every));
  }
}
