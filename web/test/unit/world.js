// The outside of the shop's stores, played: a clock that only moves when told, a
// storage, a screen that can go dark, chance from a seed, and a server whose
// answers a test gives by hand.

/** @typedef {import("../../src/shop/contract.js").Answer} Answer */
/** @typedef {import("../../src/shop/contract.js").Call} Call */

export const START = Date.UTC(2026, 4, 4, 10);

/** Chance that repeats itself. @param {number} seed */
export function chance(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lets everything happen that waits for nothing but its turn. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** What the tabs of one browser share. */
export function createBrowser() {
  /** @type {Map<string, string>} */
  const storage = new Map();
  /** @type {{ tab: object, heard: (key: string) => void }[]} */
  const listeners = [];
  return { storage, listeners };
}

/** @param {{ seed?: number, browser?: ReturnType<typeof createBrowser>, now?: number }} [how] */
export function createWorld({ seed = 1, browser = createBrowser(), now = START } = {}) {
  const tab = {};
  let visible = true;
  let ended = false;
  /** @type {(() => void)[]} */
  const watchers = [];
  /** @type {{ at: number, then: () => void }[]} */
  let timers = [];

  /** @type {import("../../src/shared/store.js").World} */
  const world = {
    now: () => now,
    random: chance(seed),
    after(ms, then) {
      const timer = { at: now + ms, then };
      timers.push(timer);
      return () => { timers = timers.filter((t) => t !== timer); };
    },
    visible: () => visible,
    onVisibility(heard) { watchers.push(heard); },
    recall(key) { return browser.storage.has(key) ? JSON.parse(/** @type {string} */ (browser.storage.get(key))) : undefined; },
    remember(key, value) {
      if (ended) return;
      if (value === undefined) browser.storage.delete(key);
      else browser.storage.set(key, JSON.stringify(value));
      // As in a browser, the others hear of it later than they could look.
      setImmediate(() => { for (const l of browser.listeners) if (l.tab !== tab) l.heard(key); });
    },
    kept: (prefix) => [...browser.storage.keys()].filter((key) => key.startsWith(prefix)),
    onKept(heard) { browser.listeners.push({ tab, heard }); },
  };

  return {
    ...world,
    world,
    browser,
    timers: () => timers.map((t) => t.at - now).sort((a, b) => a - b),
    /** Moves the clock, and everything that is due on the way happens at its time. @param {number} ms */
    async advance(ms) {
      const until = now + ms;
      for (;;) {
        await settle();
        const next = timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers = timers.filter((t) => t !== next);
        now = Math.max(now, next.at);
        next.then();
      }
      now = until;
    },
    /** The clock alone, as while a phone sleeps: nothing happens on the way. @param {number} ms */
    sleep(ms) { now += ms; },
    /** @param {boolean} on */
    look(on) {
      visible = on;
      for (const heard of watchers) heard();
    },
    /** The page goes away; what its storage holds stays. */
    close() {
      ended = true;
      timers = [];
      browser.listeners.splice(0, browser.listeners.length, ...browser.listeners.filter((l) => l.tab !== tab));
    },
  };
}

/** @typedef {ReturnType<typeof createWorld>} Played */

/** @param {object} data @param {Partial<Answer>} [more] @returns {Partial<Answer>} */
export const ok = (data, more) => ({ ok: true, status: 200, outcome: "", code: "", data, node: "app-1", ...more });

/** @param {number} status @param {string} code @param {"none" | "unknown"} [outcome] @param {Partial<Answer>} [more] @returns {Partial<Answer>} */
export const no = (status, code, outcome = "none", more = {}) =>
  ({ ok: false, status, outcome, code, data: { code }, node: "app-1", ...more });

/** Nothing came back. @param {string} [code] */
export const silence = (code = "timeout") => ({ ok: false, status: 0, outcome: /** @type {const} */ ("unknown"), code });

/**
 * A server that answers when the test says so.
 *
 * @param {{ now(): number }} world
 */
export function createServer(world) {
  /** @type {Asked[]} */
  let open = [];
  /** @type {Asked[]} */
  const all = [];

  /** @type {Call} */
  const call = (method, path, request = {}) => new Promise((resolve) => {
    const sentAt = world.now();
    const asked = {
      method, path, body: /** @type {any} */ (request.body), token: request.token,
      /** @param {Partial<Answer>} a */
      async answer(a) {
        open = open.filter((x) => x !== asked);
        const outcome = a.status === 0 && method === "GET" ? "none" : a.outcome;
        resolve({ ok: false, status: 0, code: "", data: {}, node: "", stale: false, wait: 0, sentAt, arrivedAt: world.now(), ...a,
          outcome: outcome ?? "" });
        await settle();
      },
    };
    request.signal?.addEventListener("abort", () => asked.answer(silence("network")));
    open.push(asked);
    all.push(asked);
  });

  return {
    call,
    all,
    open: () => open,
    /** The only request that waits for an answer. @returns {Asked} */
    asked() {
      if (open.length !== 1) throw new Error(`${open.length} requests wait for an answer: ${open.map((x) => x.path)}`);
      return open[0];
    },
  };
}

/** @typedef {{ method: string, path: string, body: any, token: string | undefined, answer(a: Partial<Answer>): Promise<void> }} Asked */

/** A hall of one section. @param {string[]} rows one letter per seat: f h p s @param {object} [more] */
export function hall(rows, more = {}) {
  /** @type {Record<string, import("../../src/shop/contract.js").SeatState>} */
  const letters = { f: "free", h: "held", p: "purchasing", s: "sold" };
  const counts = { free: 0, held: 0, purchasing: 0, sold: 0 };
  const made = rows.map((row, r) => {
    const name = String.fromCharCode(65 + r);
    return { name, seats: [...row].map((letter, i) => {
      counts[letters[letter]]++;
      return { id: `${name}-${i + 1}`, state: letters[letter] };
    }) };
  });
  return { event_id: 999, source: "database", age_seconds: 0, holds_known: true, counts,
    sections: [{ name: "Platea", price_cents: 2500, rows: made }], ...more };
}
