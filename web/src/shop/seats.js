// The seat map of an event: what each seat is, what has changed while the page
// looked, and which seats to suggest. It must not know what anybody picked.

import { world as theWorld } from "../shared/store.js";
import { call as theCall } from "./api.js";
import { createKnown } from "./known.js";

/** @typedef {import("./contract.js").SeatMap} SeatMap */
/** @typedef {import("./contract.js").SeatState} SeatState */
/** @typedef {import("./contract.js").Change} Change */
/** @typedef {import("./contract.js").Best} Best */
/** @typedef {import("./contract.js").Known<SeatMap>} KnownMap */

/** ms between fresh maps. */
const EVERY = 2000;

/** How long a change is news, in ms. */
const NEWS = 300_000;

/**
 * @param {import("../shared/store.js").World} world
 * @param {import("./contract.js").Call} call
 */
export function createSeats(world, call) {
  /** @type {((id: number, map: SeatMap) => void)[]} */
  const listeners = [];

  /** @param {number} id */
  const create = (id) => createKnown(world, {
    ask: (signal) => call("GET", `/api/events/${id}/seats`, { signal }),
    read: ({ event_id, holds_known, counts, sections }) =>
      (event_id === id && Array.isArray(sections) ? /** @type {SeatMap} */ ({ event_id, holds_known, counts, sections }) : undefined),
    every: EVERY, keep: "eventflow.seats", of: () => String(id), absent: "no_event",
    more: { holdsKnown: true, lastChange: /** @type {ReadonlyMap<string, Change>} */ (new Map()) },
    heard(next, before, map) {
      for (const listener of listeners) listener(id, map);
      return {
        holdsKnown: map.holds_known !== false,
        // What an earlier visit saw is no news of this one.
        lastChange: before.value && !before.remembered ? changes(before.value, map, before.lastChange, next.arrivedAt) : before.lastChange,
      };
    },
  });

  /** @type {Map<number, ReturnType<typeof create>>} */
  const made = new Map();

  /** @param {number} id */
  function of(id) {
    let one = made.get(id);
    if (!one) made.set(id, (one = create(id)));
    return one;
  }

  return {
    /** @param {number} id */
    map: (id) => of(id).state,
    /** @param {number} id */
    askNow: (id) => of(id).now(),
    /** @param {number} id @param {number} n @param {string} [section] */
    best(id, n, section) {
      const map = of(id).state.peek().value;
      return map && bestOf(map, n, section);
    },
    /** Calls with every map that arrives, before it is shown. @param {(id: number, map: SeatMap) => void} listener */
    onMap(listener) { listeners.push(listener); },
  };
}

/** @param {SeatMap} map @returns {Map<string, SeatState>} */
export function states(map) {
  const all = new Map();
  for (const section of map.sections) for (const row of section.rows) for (const seat of row.seats) all.set(seat.id, seat.state);
  return all;
}

/**
 * @param {SeatMap} before
 * @param {SeatMap} after
 * @param {ReadonlyMap<string, Change>} known
 * @param {number} at
 * @returns {ReadonlyMap<string, Change>} the same object when nothing happened, so that nothing is drawn anew
 */
export function changes(before, after, known, at) {
  const was = states(before);
  const fresh = [...known].filter(([, change]) => at - change.at < NEWS);
  const next = new Map(fresh);
  let news = fresh.length < known.size;
  for (const [id, to] of states(after)) {
    const from = was.get(id);
    if (from === undefined || from === to) continue;
    next.set(id, { from, to, at });
    news = true;
  }
  return news ? next : known;
}

/**
 * Every row with how far it is from the stage. Sections stand one behind the
 * other, as they are drawn.
 *
 * @param {SeatMap} map
 */
function lines(map) {
  let depth = 0;
  return map.sections.flatMap((section) => section.rows.map((row) => ({ section, row, depth: depth++ })));
}

/** How far the middle of n seats from place i is from the middle of its row, in seats. @param {number} i @param {number} n @param {number} length */
const aside = (i, n, length) => i + (n - 1) / 2 - (length - 1) / 2;

/**
 * @param {SeatMap} map
 * @param {number} n
 * @param {string} [section]
 * @param {ReadonlySet<string>} [mine]
 * @returns {Best | undefined}
 */
export function bestOf(map, n, section, mine = new Set()) {
  let best, least = Infinity;
  for (const line of lines(map)) {
    if (section !== undefined && line.section.name !== section) continue;
    const { seats } = line.row;
    for (let i = 0; i + n <= seats.length; i++) {
      const some = seats.slice(i, i + n);
      if (!some.every((s) => s.state === "free" && !mine.has(s.id)) || !adjacent(some)) continue;
      const far = Math.hypot(line.depth, aside(i, n, seats.length));
      if (far < least) [best, least] = [{ line, some }, far];
    }
  }
  return best && { seats: best.some.map((s) => s.id), section: best.line.section.name, row: best.line.row.name,
    price_cents: best.line.section.price_cents };
}

/** Beside each other on the map is not always beside each other in the hall: a missing number is an aisle. @param {{ id: string }[]} seats */
function adjacent(seats) {
  const numbers = seats.map((s) => Number(/\d+$/.exec(s.id)?.[0]));
  return numbers.every((x, i) => i === 0 || Number.isNaN(x) || Number.isNaN(numbers[i - 1]) || Math.abs(x - numbers[i - 1]) === 1);
}

/**
 * @param {SeatMap} map
 * @param {string} seat
 * @param {number} n
 * @returns {string[]}
 */
export function nearest(map, seat, n) {
  const all = lines(map).flatMap(({ row, depth }) =>
    row.seats.map((s, i) => ({ ...s, depth, aside: aside(i, 1, row.seats.length) })));
  const from = all.find((s) => s.id === seat);
  if (!from) return [];
  const far = (/** @type {typeof from} */ s) => Math.hypot(s.depth - from.depth, s.aside - from.aside);
  return all.filter((s) => s.state === "free" && s.id !== seat).sort((a, b) => far(a) - far(b)).slice(0, n).map((s) => s.id);
}

export const { map, askNow, best, onMap } = createSeats(theWorld, theCall);
