// "The best N together": says how many and perhaps where, and the seats are picked.

import { useState } from "preact/hooks";
import { list, money } from "../../shared/format.js";
import { plural, t } from "../../shared/i18n.js";
import { MAX_SEATS, pick } from "../basket.js";
import { current } from "../orders.js";
import { best } from "../seats.js";
import { Icon } from "./Icon.jsx";
import { forgetRefusal } from "./refusal.js";
import { say } from "./say.js";
import { sectionName } from "./section.js";

/** @param {{id: number, map: import("../contract.js").SeatMap}} props */
export function BestTogether({ id, map }) {
  const [n, setN] = useState(2);
  const [where, setWhere] = useState("");
  const [none, setNone] = useState("");

  /** @param {SubmitEvent} e */
  const choose = (e) => {
    e.preventDefault();
    if (current.peek()) return say("pick", t("pick.finish"), { show: true });
    const found = best(id, n, where || undefined);
    setNone(found ? "" : plural("best.none", n));
    if (!found) return say("pick", plural("best.none", n));
    forgetRefusal();
    pick(id, found.seats);
    say("pick", t("best.found", { seats: list(found.seats), total: money(found.price_cents * found.seats.length) }));
    show(found.seats[Math.floor(found.seats.length / 2)] ?? "");
  };

  /** @param {number} to */
  const set = (to) => { setN(Math.max(1, Math.min(MAX_SEATS, to))); setNone(""); };
  return (
    <form class="best" onSubmit={choose} aria-label={t("best.label")}>
      <span class="best-words" id="best-n">{t("best.best")}</span>
      <span class="stepper" role="group" aria-labelledby="best-n">
        <button type="button" class="round" aria-label={t("best.fewer")} aria-disabled={n <= 1} onClick={() => set(n - 1)}><Icon name="minus" /></button>
        <output class="stepper-n">{n}</output>
        <button type="button" class="round" aria-label={t("best.more")} aria-disabled={n >= MAX_SEATS} onClick={() => set(n + 1)}><Icon name="plus" /></button>
      </span>
      <span class="best-words">{plural("best.together", n)}</span>
      <label class="best-where">
        <span class="sr-only">{t("best.where")}</span>
        <select value={where} onChange={(e) => { setWhere(e.currentTarget.value); setNone(""); }}>
          <option value="">{t("best.anywhere")}</option>
          {map.sections.map((s) => <option key={s.name} value={s.name}>{sectionName(s.name)}, {money(s.price_cents)}</option>)}
        </select>
      </label>
      <button type="submit" class="btn">{t("best.go")}</button>
      {none && <p class="best-none">{none}</p>}
    </form>
  );
}

/** Brings a seat into the middle of the map's own box, and leaves the page where it is. @param {string} seat */
function show(seat) {
  const button = document.querySelector(`.hall-box [data-seat="${CSS.escape(seat)}"]`);
  const box = button?.closest(".hall-box");
  if (!button || !box) return;
  const middle = button.getBoundingClientRect().left - box.getBoundingClientRect().left - box.clientWidth / 2;
  box.scrollBy({ left: middle, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}
