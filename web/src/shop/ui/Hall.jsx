// The seat map: a grid for each section, seats as buttons, one tab stop in each
// grid. It is kept up to date in place, so news never moves the focus. Rows bend
// around the stage a little, as they do in a hall.

import { useEffect, useRef, useState } from "preact/hooks";
import { money, number } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { step } from "./grid.js";
import { Seat } from "./Seat.jsx";
import { sectionName } from "./section.js";

/** @typedef {import("../contract.js").Section} Section */
/** @typedef {(seat: import("../contract.js").Seat) => import("./look.js").Look} LookOf */

/** @param {{map: import("../contract.js").SeatMap, look: LookOf, changed: ReadonlyMap<string, unknown>, onPress: (seat: string) => void}} props */
export function Hall({ map, look, changed, onPress }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [stops, setStops] = useState(/** @type {Record<string, string>} */ ({}));
  useEffect(() => {
    // The stage, not the left wall, is what a narrow screen shows first.
    if (box.current) box.current.scrollLeft = (box.current.scrollWidth - box.current.clientWidth) / 2;
  }, []);

  /** @param {Event} e */
  const seatOf = (e) => /** @type {HTMLElement} */ (e.target).closest?.("[data-seat]")?.getAttribute("data-seat") ?? "";
  /** @param {KeyboardEvent} e */
  const keydown = (e) => {
    const from = seatOf(e);
    const to = from && !e.altKey && !e.metaKey && step(map.sections, from, e);
    if (!to) return;
    e.preventDefault();
    /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector(`[data-seat="${CSS.escape(to)}"]`))?.focus();
  };
  /** @param {FocusEvent} e */
  const focusin = (e) => {
    const id = seatOf(e);
    const section = map.sections.find((s) => s.rows.some((r) => r.seats.some((x) => x.id === id)));
    if (section && stops[section.name] !== id) setStops({ ...stops, [section.name]: id });
  };
  /** @param {MouseEvent} e */
  const click = (e) => { const id = seatOf(e); if (id) onPress(id); };

  const columns = Math.max(...map.sections.flatMap((s) => s.rows.map((r) => r.seats.length)));
  return (
    <div class="hall" style={{ "--columns": columns }}>
      <div class="hall-box" ref={box} onKeyDown={keydown} onFocusIn={focusin} onClick={click}>
        <div class="hall-floor">
          <p class="stage" aria-hidden="true"><span>{t("hall.stage")}</span></p>
          {map.sections.map((s, i) => <Grid key={s.name} section={s} id={`section-${i}`} stop={stops[s.name]} look={look} changed={changed} />)}
        </div>
      </div>
      <p class="keys" id="hall-keys">{t("hall.keys")}</p>
    </div>
  );
}

/** @param {{section: Section, id: string, stop: string | undefined, look: LookOf, changed: ReadonlyMap<string, unknown>}} props */
function Grid({ section, id, stop, look, changed }) {
  const all = section.rows.flatMap((r) => r.seats);
  const known = all.some((x) => x.id === stop);
  const first = (all.find((x) => x.state === "free") ?? all[0])?.id;
  const free = all.filter((x) => x.state === "free").length;
  const unsure = all.some((x) => look(x) === "maybe");
  return (
    <section class="section">
      <h2 class="section-head" id={id}>
        <span class="section-name">{sectionName(section.name)}</span>
        <span class="section-price">{money(section.price_cents)}</span>
        <span class="section-free">{t(unsure ? "hall.maybe" : "hall.free", { n: number(free) })}</span>
      </h2>
      <table class="grid" role="grid" aria-labelledby={id} aria-describedby="hall-keys">
        <tbody role="rowgroup">
          {section.rows.map((r) => (
            <tr key={r.name} role="row" class="row">
              <th scope="row" role="rowheader" class="row-name" style={{ "--bend": bend(0, r.seats.length) }}>
                <span class="sr-only">{t("hall.row", { row: r.name })}</span><span aria-hidden="true">{r.name}</span>
              </th>
              {r.seats.map((x, i) => (
                <Seat key={x.id} id={x.id} row={r.name} price={section.price_cents} look={look(x)} bend={bend(i, r.seats.length)}
                  stop={x.id === (known ? stop : first)} fresh={changed.has(x.id)} />
              ))}
              <td class="row-name row-end" aria-hidden="true" role="presentation" style={{ "--bend": bend(0, r.seats.length) }}>{r.name}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** How far towards the stage a seat stands: more, the farther it is from the middle. @param {number} i @param {number} n */
const bend = (i, n) => Math.round((i - (n - 1) / 2) ** 2) / 100;
