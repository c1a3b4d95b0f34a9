// When to ask again. Sixty phones that saw the same failure must not come back
// together, so every pause is drawn by lot; and who does not look does not ask.
// It must not know what is asked.

/** @typedef {import("../shared/store.js").World} World */

/** Shortest and longest pause after trouble, in ms. */
export const FLOOR = 1000;
export const CEILING = 15_000;

/** A page that comes back into sight asks within this time, in ms: a class unlocks its phones together. */
const RETURN = 500;

/**
 * A pause between the floor and a ceiling that doubles with every failure: full
 * jitter, because a spread of a few percent leaves the herd a herd. What the
 * server asks to wait is waited, and then the lot is drawn on top of it.
 *
 * @param {number} attempt failures in a row, from 1
 * @param {() => number} random
 * @param {number} [asked] Retry-After in ms
 */
export function backoff(attempt, random, asked = 0) {
  const ceiling = Math.min(CEILING, FLOOR * 2 ** Math.min(attempt, 10));
  const pause = FLOOR + random() * (ceiling - FLOOR);
  return asked > FLOOR ? asked - FLOOR + pause : pause;
}

/** @param {number} ms @param {number} share 0.2 = 20 % either way @param {() => number} random */
export const around = (ms, share, random) => ms * (1 + share * (2 * random() - 1));

/**
 * Asks over and over while it is wanted and the page is visible, never twice at
 * once. `ask` does the asking and says how long to pause: Infinity = not again by
 * itself. `paused` hears when the next question is due (0 = none is planned).
 *
 * @param {World} world
 * @param {(signal: AbortSignal) => Promise<number>} ask
 * @param {(due: number) => void} [paused]
 */
export function createLoop(world, ask, paused = () => {}) {
  let wanted = false;
  let due = 0; // when the next question is due; Infinity: not by itself
  let stop = () => {};
  /** @type {AbortController | null} */
  let asking = null;

  async function go() {
    stop();
    const mine = (asking = new AbortController());
    paused(0);
    const pause = await ask(mine.signal);
    if (asking !== mine) return; // it was ended meanwhile
    asking = null;
    due = world.now() + pause;
    plan();
  }

  function plan() {
    stop();
    if (asking) return;
    const active = wanted && world.visible() && due !== Infinity;
    paused(active ? due : 0);
    if (active) stop = world.after(Math.max(0, due - world.now()), go);
  }

  let seen = world.visible();
  world.onVisibility(() => {
    const before = seen;
    seen = world.visible();
    if (seen && !before && due !== Infinity) due = world.now() + world.random() * RETURN;
    plan();
  });

  return {
    /** From now on; at once, unless an answer is still fresh. */
    start() {
      wanted = true;
      plan();
    },
    /** Until start is called again. A question under way is given up. */
    stop() {
      wanted = false;
      asking?.abort();
      asking = null;
      plan();
    },
    /** Gives up a question under way and asks anew, as when the question has changed. */
    again() {
      asking?.abort();
      asking = null;
      due = world.now();
      plan();
    },
    /** Asks at once, if nobody is asking already. */
    now() {
      if (asking || !wanted) return;
      due = world.now();
      plan();
    },
  };
}
