// What a browser remembers for a page, and what the rest of the world is: time,
// chance, timers and whether anybody looks. Gathered here so that a test can be
// all of them. It must not know what the values mean.

/**
 * @typedef {object} World
 * @property {() => number} now ms
 * @property {() => number} random 0 <= x < 1
 * @property {(ms: number, then: () => void) => () => void} after calls `then` once; returns what takes it back
 * @property {() => boolean} visible
 * @property {(heard: () => void) => void} onVisibility calls `heard` whenever `visible` may have changed
 * @property {(key: string) => any} recall undefined when nothing readable is kept
 * @property {(key: string, value: any) => void} remember keeps; undefined forgets
 * @property {(prefix: string) => string[]} kept the keys that begin so
 * @property {(heard: (key: string) => void) => void} onKept another tab of this browser kept or forgot a key
 */

/** @type {World} */
export const world = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
  visible: () => globalThis.document?.visibilityState !== "hidden",
  onVisibility(heard) {
    globalThis.document?.addEventListener("visibilitychange", heard);
    globalThis.addEventListener?.("pageshow", heard);
  },
  recall(key) {
    try {
      return JSON.parse(globalThis.localStorage.getItem(key) ?? "") ?? undefined;
    } catch {
      return undefined; // nothing kept, storage is blocked, or something else wrote this
    }
  },
  remember(key, value) {
    try {
      if (value === undefined) globalThis.localStorage.removeItem(key);
      else globalThis.localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // A browser that refuses storage gets a page that forgets on reload.
    }
  },
  kept(prefix) {
    try {
      return Object.keys(globalThis.localStorage).filter((key) => key.startsWith(prefix));
    } catch {
      return [];
    }
  },
  onKept(heard) {
    globalThis.addEventListener?.("storage", (e) => { if (e.key) heard(e.key); });
  },
};
