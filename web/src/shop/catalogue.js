// What is on sale: the list of events, and one event with its sections.

import { world as theWorld } from "../shared/store.js";
import { call as theCall } from "./api.js";
import { createKnown } from "./known.js";

/** @typedef {import("./contract.js").EventSummary} EventSummary */
/** @typedef {import("./contract.js").EventDetail} EventDetail */

/** Events change rarely. In ms. */
const LIST = 10_000;
const ONE = 30_000;

/**
 * @param {import("../shared/store.js").World} world
 * @param {import("./contract.js").Call} call
 */
export function createCatalogue(world, call) {
  const besides = { more: {}, heard: () => ({}) };
  const list = createKnown(world, {
    ask: (signal) => call("GET", "/api/events", { signal }),
    read: (data) => (Array.isArray(data.events) ? /** @type {EventSummary[]} */ (data.events) : undefined),
    every: LIST, keep: "eventflow.events", ...besides,
  });

  /** @param {number} id */
  const create = (id) => createKnown(world, {
    ask: (signal) => call("GET", `/api/events/${id}`, { signal }),
    read: ({ source: _source, age_seconds: _age, ...about }) =>
      (about.id === id && Array.isArray(about.sections) ? /** @type {EventDetail} */ (about) : undefined),
    every: ONE, keep: "eventflow.event", of: () => String(id), absent: "no_event", ...besides,
  });

  /** @type {Map<number, ReturnType<typeof create>>} */
  const made = new Map();

  return {
    events: list.state,
    /** @param {number} id */
    event(id) {
      let one = made.get(id);
      if (!one) made.set(id, (one = create(id)));
      return one.state;
    },
    askNow() {
      list.now();
      for (const one of made.values()) one.now();
    },
  };
}

export const { events, event, askNow } = createCatalogue(theWorld, theCall);
