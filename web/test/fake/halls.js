// The halls of the pretended shop: the same shapes that init.sql puts on sale.

/** @typedef {{name: string, price_cents: number, rows: [string, number][]}} Section */
/** @typedef {{id: number, name: string, venue: string, days: number, hour: number, sections: Section[]}} Hall */

/** @param {string} name @param {number} price @param {string[]} rows @param {number[]} widths @returns {Section} */
const section = (name, price, rows, widths) =>
  ({ name, price_cents: price, rows: rows.map((row, i) => [row, widths[i] ?? widths[0] ?? 0]) });

/** @param {string} prefix @param {number} n */
const numbered = (prefix, n) => Array.from({ length: n }, (_, i) => `${prefix}${i + 1}`);

/** @type {Hall[]} */
export const halls = [
  { id: 999, name: "Conferencia Sistemas Distribuidos", venue: "Palacio de Congresos", days: 30, hour: 9, sections: [
    section("Front", 12000, [..."ABCDE"], [16, 16, 18, 18, 18]),
    section("Centre", 8500, [..."FGHIJKL"], [20, 20, 20, 22, 22, 22, 22]),
    section("Back", 4500, [..."MNOPQR"], [24, 26, 26, 28, 28, 30]),
  ] },
  { id: 101, name: "Concierto de Rock", venue: "Arena Norte", days: 45, hour: 21, sections: [
    section("VIP", 18000, numbered("V", 3), [12, 14, 14]),
    section("Floor", 7500, [..."ABCDEFGHIJ"], [24]),
    section("Stand East", 5500, numbered("E", 5), [24, 26, 28, 30, 32]),
    section("Stand West", 5500, numbered("W", 5), [24, 26, 28, 30, 32]),
  ] },
  { id: 202, name: "Obra de Teatro Clásica", venue: "Teatro Principal", days: 60, hour: 20, sections: [
    section("Stalls", 6000, [..."ABCDEFGHIJ"], [14, 16, 16, 18, 18, 18, 20, 20, 20, 20]),
    section("Boxes", 9000, numbered("BX", 10), [4]),
    section("Balcony", 3800, [..."KLMN"], [18, 20, 22, 24]),
    section("Gallery", 2000, [..."PQ"], [20]),
  ] },
];
