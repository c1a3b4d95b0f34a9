// The same seats as a list: rows as headings, free seats as large buttons. For
// screen readers that leave a grid, for small screens, and for who likes lists.

import { money, number } from "../../shared/format.js";
import { plural, t } from "../../shared/i18n.js";
import { Icon } from "./Icon.jsx";
import { SEAT_GLYPH, seatNumber } from "./look.js";
import { sectionName } from "./section.js";

/** @param {{map: import("../contract.js").SeatMap, look: import("./Hall.jsx").LookOf, onPress: (seat: string) => void}} props */
export function SeatList({ map, look, onPress }) {
  return (
    <div class="lists">
      {map.sections.map((s) => (
        <section key={s.name} class="list-section">
          <h2 class="section-head">
            <span class="section-name">{sectionName(s.name)}</span>
            <span class="section-price">{money(s.price_cents)}</span>
          </h2>
          {s.rows.map((r) => <ListRow key={r.name} row={r} price={s.price_cents} look={look} onPress={onPress} />)}
        </section>
      ))}
    </div>
  );
}

/**
 * A seat stays in the list while it is somebody's news: one that is taken under
 * the focus is marked, not removed.
 *
 * @param {{row: import("../contract.js").Row, price: number, look: import("./Hall.jsx").LookOf, onPress: (seat: string) => void}} props
 */
function ListRow({ row, price, look, onPress }) {
  const looks = row.seats.map((x) => ({ id: x.id, look: look(x) }));
  const focused = document.activeElement?.getAttribute("data-seat");
  const shown = looks.filter((x) => ["free", "maybe", "picked", "mine"].includes(x.look) || x.id === focused);
  const taken = looks.length - shown.length;
  return (
    <div class="list-row">
      <h3 class="list-name">{t("hall.row", { row: row.name })} <span class="muted list-taken">{taken === looks.length ? t("list.none") : plural("list.taken", taken, { n: number(taken) })}</span></h3>
      {shown.length > 0 && <ul class="list-seats">
        {shown.map((x) => {
          const n = seatNumber(x.id, row.name);
          return (
            <li key={x.id}>
              <button type="button" class="seat seat-large" data-seat={x.id} data-look={x.look} aria-pressed={x.look === "picked"}
                aria-disabled={!["free", "maybe", "picked"].includes(x.look)} onClick={() => onPress(x.id)}
                aria-label={t("seat.name", { row: row.name, n, price: money(price), state: t(`state.${x.look}`) })}>
                <span class="no">{n}</span>
                {SEAT_GLYPH[x.look] && x.look !== "maybe" && <Icon key={x.look} name={SEAT_GLYPH[x.look]} class="seat-badge" />}
              </button>
            </li>
          );
        })}
      </ul>}
    </div>
  );
}
