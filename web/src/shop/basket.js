// What the person has picked and not yet asked for. Nothing of it is sent
// anywhere, so nobody else knows: a seat may go at any moment, and then it leaves
// the basket and the basket says so.

import { signal } from "@preact/signals";
import { world as theWorld } from "../shared/store.js";
import * as theSeats from "./seats.js";

/** @typedef {import("./contract.js").Basket} Basket */
/** @typedef {import("./contract.js").Picked} Picked */
/** @typedef {import("./contract.js").SeatMap} SeatMap */

/** As many as one request may name. */
export const MAX_SEATS = 8;

const KEPT = "eventflow.basket";

/** @type {Basket} */
const EMPTY = { event: 0, seats: [], total: 0, lost: [] };

/**
 * @param {import("../shared/store.js").World} world
 * @param {{ map(id: number): { peek(): { value?: SeatMap } } }} seats
 */
export function createBasket(world, seats) {
  const basket = signal(restore(world.recall(KEPT)));

  /** @param {number} event @param {Picked[]} picked @param {string[]} [lost] */
  function set(event, picked, lost = []) {
    basket.value = { event, seats: picked, total: picked.reduce((sum, s) => sum + s.price_cents, 0), lost };
    world.remember(KEPT, picked.length > 0 ? { event, seats: picked } : undefined);
  }

  /** @param {number} event */
  const picked = (event) => (basket.peek().event === event ? basket.peek().seats : []);

  return {
    basket,
    /** @param {number} event @param {string} seat @returns {import("./contract.js").ToggleResult} */
    toggle(event, seat) {
      const before = picked(event);
      if (before.some((s) => s.id === seat)) {
        set(event, before.filter((s) => s.id !== seat));
        return "unpicked";
      }
      const found = find(seats.map(event).peek().value, seat);
      if (!found) return "taken";
      if (before.length >= MAX_SEATS) return "full";
      set(event, [...before, found]);
      return "picked";
    },
    /** @param {number} event @param {string[]} wanted */
    pick(event, wanted) {
      const map = seats.map(event).peek().value;
      set(event, wanted.slice(0, MAX_SEATS).flatMap((id) => find(map, id) ?? []));
    },
    clear() { set(basket.peek().event, []); },
    /** Takes out what is held now: it is an order's from here on. @param {number} event @param {string[]} seats */
    hand(event, seats) {
      const before = picked(event);
      if (before.length > 0) set(event, before.filter((s) => !seats.includes(s.id)));
    },
    /** Takes out what a new map shows in somebody's hands. @param {number} event @param {SeatMap} map @param {ReadonlySet<string>} ours */
    reconcile(event, map, ours) {
      const before = picked(event);
      const gone = before.filter((s) => !ours.has(s.id) && !find(map, s.id)).map((s) => s.id);
      if (gone.length > 0) set(event, before.filter((s) => !gone.includes(s.id)), [...new Set([...basket.peek().lost, ...gone])]);
    },
  };
}

/** The seat, if the map shows it free. @param {SeatMap | undefined} map @param {string} id @returns {Picked | undefined} */
function find(map, id) {
  for (const section of map?.sections ?? []) {
    for (const row of section.rows) {
      if (row.seats.some((s) => s.id === id && s.state === "free")) {
        return { id, section: section.name, row: row.name, price_cents: section.price_cents };
      }
    }
  }
  return undefined;
}

/** @param {any} kept @returns {Basket} */
function restore(kept) {
  if (!(kept?.event > 0) || !Array.isArray(kept.seats)) return EMPTY;
  const seats = kept.seats.filter((/** @type {any} */ s) => typeof s?.id === "string" && s.price_cents >= 0);
  return { event: kept.event, seats, total: seats.reduce((/** @type {number} */ sum, /** @type {Picked} */ s) => sum + s.price_cents, 0), lost: [] };
}

export const { basket, toggle, pick, clear, hand, reconcile } = createBasket(theWorld, theSeats);
