// Where an arrow leads in a hall. Rows have different widths and stand centred, so
// "up" is the seat that stands nearest above, not the one with the same number.
// It must not know what a seat looks like or who has it.

/** @typedef {import("../contract.js").Section} Section */
/** @typedef {{section: number, row: number, seat: number}} Place */

const PAGE = 5;

/**
 * @param {Section[]} sections
 * @param {string} id
 * @returns {Place | undefined}
 */
export function find(sections, id) {
  for (const [section, s] of sections.entries()) {
    for (const [row, r] of s.rows.entries()) {
      const seat = r.seats.findIndex((x) => x.id === id);
      if (seat >= 0) return { section, row, seat };
    }
  }
  return undefined;
}

/**
 * The seat that a key leads to; undefined when the key means nothing here.
 *
 * @param {Section[]} sections
 * @param {string} from
 * @param {{key: string, ctrlKey: boolean}} pressed
 * @returns {string | undefined}
 */
export function step(sections, from, { key, ctrlKey }) {
  const at = find(sections, from);
  if (!at) return undefined;
  const rows = sections.flatMap((s) => s.rows);
  const offset = sections.slice(0, at.section).reduce((n, s) => n + s.rows.length, 0);
  const here = rows[offset + at.row];
  const first = offset;
  const last = offset + (sections[at.section]?.rows.length ?? 1) - 1;
  const across = at.seat - ((here?.seats.length ?? 1) - 1) / 2;

  /** @param {number} to */
  const down = (to) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
    if (!row) return undefined;
    const seat = Math.round((row.seats.length - 1) / 2 + across);
    return row.seats[Math.max(0, Math.min(row.seats.length - 1, seat))]?.id;
  };

  switch (key) {
    case "ArrowLeft": return here?.seats[Math.max(0, at.seat - 1)]?.id;
    case "ArrowRight": return here?.seats[Math.min(here.seats.length - 1, at.seat + 1)]?.id;
    case "ArrowUp": return down(offset + at.row - 1);
    case "ArrowDown": return down(offset + at.row + 1);
    case "PageUp": return down(offset + at.row - PAGE);
    case "PageDown": return down(offset + at.row + PAGE);
    case "Home": return (ctrlKey ? rows[first] : here)?.seats[0]?.id;
    case "End": return (ctrlKey ? rows[last] : here)?.seats.at(-1)?.id;
    default: return undefined;
  }
}
