// How a seat, and how an order looks: what stands behind each state, as names of
// glyphs and tones that shop.css and the catalogues know. Pure; draws nothing.

/** @typedef {import("../contract.js").Seat} Seat */
/** @typedef {import("../contract.js").OrderState} OrderState */

/**
 *   free        nobody has it
 *   maybe       it was free when we last heard, or nobody knows who holds what
 *   picked      in the basket
 *   mine        held or bought by who looks, or it may be
 *   held        somebody else has it for a while
 *   purchasing  somebody else is buying it
 *   sold        somebody else's for good
 *
 * @typedef {"free" | "maybe" | "picked" | "mine" | "held" | "purchasing" | "sold"} Look
 */

/** @type {Record<Look, string>} */
export const SEAT_GLYPH = {
  free: "", maybe: "question", picked: "check", mine: "star", held: "hourglass", purchasing: "clock", sold: "cross",
};

/**
 * @param {Seat} seat
 * @param {{picked: ReadonlySet<string>, ours: ReadonlySet<string>, sure: boolean}} known `sure`: the map is fresh and knows the holds
 * @returns {Look}
 */
export function seatLook(seat, { picked, ours, sure }) {
  if (ours.has(seat.id)) return "mine";
  if (picked.has(seat.id)) return "picked";
  if (seat.state === "free") return sure ? "free" : "maybe";
  return seat.state;
}

/** @type {Record<OrderState, {tone: string, glyph: string}>} */
export const ORDER_LOOK = {
  locking: { tone: "queued", glyph: "clock" },
  lock_unknown: { tone: "unknown", glyph: "question" },
  held: { tone: "queued", glyph: "check" },
  buying: { tone: "queued", glyph: "next" },
  waiting: { tone: "slow", glyph: "clock" },
  unknown: { tone: "unknown", glyph: "question" },
  queued: { tone: "queued", glyph: "hourglass" },
  confirmed: { tone: "ok", glyph: "check" },
  rejected: { tone: "lost", glyph: "cross" },
  lapsed: { tone: "muted", glyph: "minus" },
};

/** States that say by moving that an answer is on its way. */
export const WORKING = new Set(["locking", "buying"]);

/** The parts of a seat's name that are not its row's: "12" of "A-12" in row A. @param {string} id @param {string} row */
export function seatNumber(id, row) {
  return id.startsWith(`${row}-`) ? id.slice(row.length + 1) : id;
}
