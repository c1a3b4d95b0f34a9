// Something that the server knows, what the page knows of it, and how old that
// is. It is kept up to date while somebody reads it and the page is visible, and
// a failure takes nothing away: the last answer stays, and its age grows. It must
// not know what the something is.

import { signal } from "@preact/signals";
import { around, backoff, createLoop } from "./retry.js";

/**
 * @template T
 * @typedef {import("./contract.js").Known<T>} Known
 */

/** Fresh answers are asked for again after this long, give or take. */
const SPREAD = 0.2;

/** How often at most an answer is kept for a later visit, in ms: writing is slow on a cheap phone. */
const KEEP_EVERY = 10_000;

/**
 * @template T
 * @template {object} M
 * @param {import("../shared/store.js").World} world
 * @param {object} how
 * @param {(signal: AbortSignal) => Promise<import("./contract.js").Answer>} how.ask
 * @param {(data: any) => T | undefined} how.read undefined: that is no such thing
 * @param {number} how.every ms between fresh answers
 * @param {string} how.keep where an answer is kept for a later visit
 * @param {() => string} [how.of] what it must be of, when several things take turns in that place
 * @param {string} [how.absent] code that says that there is no such thing
 * @param {M} how.more what is known besides, before any answer
 * @param {(next: Known<T>, before: Known<T> & M, data: any) => M} how.heard what is known besides, with each answer
 */
export function createKnown(world, { ask, read, every, keep, of = () => "", absent = "", more, heard }) {
  const nothing = { ageAtArrival: 0, arrivedAt: 0, stale: false, remembered: false, node: "", asking: false };

  /** @returns {Known<T> & M} */
  function remembered() {
    const kept = world.recall(keep);
    const value = kept?.of === of() ? read(kept.data) : undefined;
    if (value === undefined || !(kept.arrivedAt <= world.now())) return { ...nothing, ...more };
    return { ...nothing, ...more, value, source: kept.data.source, ageAtArrival: Number(kept.ageAtArrival) || 0,
      arrivedAt: kept.arrivedAt, stale: Boolean(kept.stale), node: String(kept.node ?? ""), remembered: true };
  }

  const state = signal(remembered(), {
    watched: () => loop.start(),
    unwatched() {
      loop.stop();
      state.value = { ...state.peek(), asking: false };
    },
  });
  let keptAt = -Infinity;

  const loop = createLoop(world, async (abort) => {
    state.value = { ...state.peek(), asking: true };
    const a = await ask(abort);
    if (abort.aborted) return 0;
    const value = a.ok ? read(a.data) : undefined;
    return value === undefined ? failed(a) : arrived(a, value);
  }, (due) => {
    const { trouble } = state.peek();
    if (trouble && trouble.nextTry !== due) state.value = { ...state.peek(), trouble: { ...trouble, nextTry: due } };
  });

  /** @param {import("./contract.js").Answer} a @param {T} value */
  function arrived(a, value) {
    const before = state.peek();
    // The same as before is the same object, so that nothing is drawn anew: four hundred seats cost a cheap phone something.
    const same = JSON.stringify(value) === JSON.stringify(before.value);
    /** @type {Known<T>} */
    const next = { ...nothing, value: same ? before.value : value, source: a.data.source, stale: a.stale, node: a.node, arrivedAt: a.arrivedAt,
      // The way here counts too: data are never shown as younger than they are.
      ageAtArrival: Math.max(0, Number(a.data.age_seconds) || 0) * 1000 + (a.arrivedAt - a.sentAt) };
    state.value = { ...next, ...heard(next, before, a.data) };
    if (world.now() - keptAt >= KEEP_EVERY) {
      keptAt = world.now();
      world.remember(keep, { of: of(), data: a.data, ageAtArrival: next.ageAtArrival, arrivedAt: a.arrivedAt, stale: a.stale, node: a.node });
    }
    return around(every, SPREAD, world.random);
  }

  /** @param {import("./contract.js").Answer} a */
  function failed(a) {
    const before = state.peek();
    const attempt = (before.trouble?.attempt ?? 0) + 1;
    const gone = a.status === 404 && a.code === absent;
    state.value = { ...before, asking: false, node: a.node || before.node,
      trouble: { code: a.ok ? "unreadable" : a.code, since: before.trouble?.since ?? world.now(), nextTry: 0, attempt, gone } };
    // Neither what is not there nor who may not ask changes by asking.
    return gone || a.status === 401 ? Infinity : backoff(attempt, world.random, a.wait);
  }

  return {
    state,
    now: () => loop.now(),
    /** Back to what is kept, as when somebody else's is asked for from now on. */
    renew() {
      keptAt = -Infinity;
      state.value = remembered();
      loop.again();
    },
  };
}
