// One event: what it is, how fresh the map is, and the ways to choose seats. The map
// and the list show the same seats; which of them opens first is a matter of room.

import { computed } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import { day } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { basket, toggle } from "../basket.js";
import { askNow as askEvents, event, events } from "../catalogue.js";
import { current, ourSeats } from "../orders.js";
import { askNow, map } from "../seats.js";
import { BestTogether } from "./BestTogether.jsx";
import { Hall } from "./Hall.jsx";
import { Icon } from "./Icon.jsx";
import { Freshness, isOld, Notice, TroubleBanner } from "./Known.jsx";
import { Legend } from "./Legend.jsx";
import { seatLook } from "./look.js";
import { forgetRefusal } from "./refusal.js";
import { say } from "./say.js";
import { SeatList } from "./SeatList.jsx";
import { Title } from "./Title.jsx";

/** On a screen narrower than this a row of more seats than that opens as a list. */
const NARROW = "(max-width: 399px)";
const SHORT_ROW = 8;

/** @param {{id: number}} props */
export function EventPage({ id }) {
  const detail = event(id).value;
  const seats = map(id).value;
  const about = detail.value ?? events.value.value?.find((e) => e.id === id);
  if (detail.trouble?.gone || seats.trouble?.gone) return <Gone />;
  return (
    <div class="page">
      <p class="back"><a href="/"><Icon name="back" />{t("event.back")}</a></p>
      <div class="head">
        <Title name={about?.name}>{about?.name ?? t("event.unnamed", { id })}</Title>
        <div class="head-line">
          {about && <p class="facts">
            <span class="fact"><Icon name="pin" />{about.venue}</span>
            <span class="fact"><Icon name="calendar" />{day(about.starts_at)}</span>
          </p>}
          <Freshness known={seats} />
        </div>
      </div>
      <TroubleBanner trouble={seats.trouble} title={t("trouble.seats")} say={t(seats.value ? "trouble.stale_map" : "trouble.nothing")}
        onAsk={() => { askNow(id); askEvents(); }} />
      {seats.value && !seats.holdsKnown && <Notice tone="unknown" glyph="question" title={t("holds.title")}><p>{t("holds.say")}</p></Notice>}
      {seats.value ? <Choose id={id} map={seats.value} holdsKnown={seats.holdsKnown} changed={seats.lastChange} /> : !seats.trouble && <div class="hall hall-blank" aria-hidden="true" />}
    </div>
  );
}

/**
 * Given only what it draws, so that asking for the map does not draw four hundred seats, only its answer does.
 *
 * @param {{id: number, map: import("../contract.js").SeatMap, holdsKnown: boolean, changed: ReadonlyMap<string, unknown>}} props
 */
function Choose({ id, map: seatMap, holdsKnown, changed }) {
  const [view, setView] = useState(() => (firstView(seatMap)));
  // The age changes every second, whether that is old only now and then.
  const old = useMemo(() => computed(() => isOld(map(id).value)), [id]);
  const sure = holdsKnown && !old.value;
  const picked = new Set(basket.value.event === id ? basket.value.seats.map((s) => s.id) : []);
  const ours = ourSeats(id);
  /** @param {import("../contract.js").Seat} seat */
  const look = (seat) => seatLook(seat, { picked, ours, sure });
  /** @param {string} seat */
  const press = (seat) => pick(id, seat);
  const sold = seatMap.counts.free === 0;
  return (
    <>
      {sold && <Notice tone="muted" glyph="hourglass" title={t("event.full")}><p>{t("event.full_say")}</p></Notice>}
      <div class="tools">
        <BestTogether id={id} map={seatMap} />
        <div class="switch" role="group" aria-label={t("view.label")}>
          {/** @type {const} */ ([["map", "grid"], ["list", "list"]]).map(([v, glyph]) => (
            <button type="button" aria-pressed={view === v} onClick={() => setView(v)}><Icon name={glyph} />{t(`view.${v}`)}</button>
          ))}
        </div>
      </div>
      <Legend sure={sure} map={seatMap} look={look} />
      {view === "map" ? <Hall map={seatMap} look={look} changed={changed} onPress={press} /> : <SeatList map={seatMap} look={look} onPress={press} />}
    </>
  );
}

/** @param {number} id @param {string} seat */
function pick(id, seat) {
  if (current.peek()) return say("pick", t("pick.finish"), { show: true });
  forgetRefusal();
  const result = toggle(id, seat);
  if (result === "full") return say("pick", t("pick.full"), { show: true });
  if (result === "taken") return say("pick", t("pick.taken", { seat }), { show: true });
}

/** @param {import("../contract.js").SeatMap} m @returns {"map" | "list"} */
function firstView(m) {
  const wide = m.sections.some((s) => s.rows.some((r) => r.seats.length > SHORT_ROW));
  return wide && matchMedia(NARROW).matches ? "list" : "map";
}

function Gone() {
  return (
    <div class="page page-narrow">
      <Title>{t("event.gone")}</Title>
      <p class="lead">{t("event.gone_say")}</p>
      <p><a class="btn btn-main" href="/">{t("nav.events")}</a></p>
    </div>
  );
}
