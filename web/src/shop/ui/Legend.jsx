// What the looks of the seats mean, in words and with how many there are.

import { number } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { Icon } from "./Icon.jsx";
import { SEAT_GLYPH } from "./look.js";

/** @typedef {import("./look.js").Look} Look */

/** @param {{sure: boolean, map: import("../contract.js").SeatMap, look: import("./Hall.jsx").LookOf}} props */
export function Legend({ sure, map, look }) {
  /** @type {Map<Look, number>} */
  const counted = new Map();
  for (const s of map.sections) for (const r of s.rows) for (const x of r.seats) counted.set(look(x), (counted.get(look(x)) ?? 0) + 1);
  const always = /** @type {Look[]} */ ([sure ? "free" : "maybe", "picked", "held", "purchasing", "sold"]);
  const shown = counted.has("mine") ? [...always.slice(0, 2), /** @type {Look} */ ("mine"), ...always.slice(2)] : always;
  return (
    <ul class="legend" aria-label={t("legend.label")}>
      {shown.map((l) => (
        <li key={l}>
          <span class="seat seat-sample" data-look={l} aria-hidden="true">{SEAT_GLYPH[l] && <Icon name={SEAT_GLYPH[l]} class="seat-glyph" />}</span>
          <span>{t(`state.${l}`)}</span> <strong>{number(counted.get(l) ?? 0)}</strong>
        </li>
      ))}
    </ul>
  );
}
