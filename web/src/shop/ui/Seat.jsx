// One seat of the map. Its properties are plain values, so a map with one change
// draws one seat anew.

import { money } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { Icon } from "./Icon.jsx";
import { SEAT_GLYPH, seatNumber } from "./look.js";

/**
 * Not `disabled` when somebody else has it: a seat that is taken under the focus
 * must not throw it away, and a screen reader is to find it.
 *
 * @param {{id: string, row: string, price: number, look: import("./look.js").Look, stop: boolean, fresh: boolean, bend: number}} props
 */
export function Seat({ id, row, price, look, stop, fresh, bend }) {
  const n = seatNumber(id, row);
  const taken = look === "held" || look === "purchasing" || look === "sold";
  const glyph = SEAT_GLYPH[look];
  return (
    <td role="gridcell" style={{ "--bend": bend }}>
      <button type="button" class="seat" data-seat={id} data-look={look} data-fresh={fresh || undefined} tabIndex={stop ? 0 : -1}
        aria-pressed={look === "picked"} aria-disabled={taken || look === "mine"}
        aria-label={t("seat.name", { row, n, price: money(price), state: t(`state.${look}`) })}>
        {!taken && <span class="no">{n}</span>}
        {glyph && look !== "maybe" && <Icon key={look} name={glyph} class={taken ? "seat-glyph" : "seat-badge"} />}
      </button>
    </td>
  );
}
