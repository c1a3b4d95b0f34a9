// What is being chosen or held, always in reach at the bottom: picked, then held
// with what is left of the time, then bought.

import { signal } from "@preact/signals";
import { list, money } from "../../shared/format.js";
import { codeSentence, plural, t } from "../../shared/i18n.js";
import { basket, clear, pick } from "../basket.js";
import { current, hold, orders } from "../orders.js";
import { route } from "../route.js";
import { map, nearest } from "../seats.js";
import { session } from "../session.js";
import { ActButton } from "./ActButton.jsx";
import { Countdown, ShortNotice } from "./Countdown.jsx";
import { openEnter } from "./enter.js";
import { Icon } from "./Icon.jsx";
import { useKeptFocus } from "./keepFocus.js";
import { Next } from "./Known.jsx";
import { ORDER_LOOK } from "./look.js";
import { actsFor } from "./orderActions.js";
import { forgetRefusal, refusal } from "./refusal.js";
import { say } from "./say.js";

/** @typedef {import("../contract.js").Order} Order */
/** @typedef {Extract<import("../contract.js").Outcome, {ok: false}>} Refusal */

/** Between the press and the order. */
const asking = signal(false);

export function BasketBar() {
  /** @type {import("preact").RefObject<HTMLElement | null>} */
  const bar = useKeptFocus();
  const { page } = route.value;
  const order = current.value;
  const open = orders.value.find((o) => o.state === "unknown" || o.state === "queued");
  const { seats, lost } = basket.value;
  if (page !== "events" && page !== "event") return null;
  const shown = order ?? (seats.length || lost.length ? undefined : open);
  if (!shown && !seats.length && !lost.length) return null;
  return (
    <aside ref={bar} tabIndex={-1} class="bar" aria-label={t("bar.label")} data-tone={shown ? ORDER_LOOK[shown.state].tone : "queued"} data-state={shown?.state ?? "picked"}>
      {shown ? <OrderRow order={shown} /> : <PickedRow />}
    </aside>
  );
}

function PickedRow() {
  const { event, seats, total, lost } = basket.value;
  const ids = seats.map((s) => s.id);
  const no = refusal.value;
  const gone = no ? lost.filter((id) => !no.seats.includes(id)) : lost;
  const away = route.value.page !== "event" || route.value.id !== event;
  return (
    <>
      {gone.length > 0 && <p class="bar-note" data-tone="lost"><Icon name="cross" />{t("basket.lost", { seats: list(gone) })}</p>}
      {no && <p class="bar-note" data-tone="lost"><Icon name="cross" /><span>{refusalSentence(no)} {no.seats.length > 0 && <Instead event={event} taken={no.seats} ids={ids} />}</span></p>}
      {seats.length > 0 && <div class="bar-row">
        <p class="bar-what">
          <span class="bar-seats">{away ? <a href={`/e/${event}`}>{ids.join(", ")}</a> : ids.join(", ")}</span>
          <span class="bar-total">{plural("basket.seats", seats.length)} · <strong>{money(total)}</strong></span>
        </p>
        <p class="acts">
          <button type="button" class="btn btn-quiet" onClick={() => { forgetRefusal(); clear(); }}>{t("basket.clear")}</button>
          <button type="button" class="btn btn-main" data-act="hold" aria-disabled={asking.value || undefined} onClick={wantHold}>{t(asking.value ? "do.wait" : "do.hold")}</button>
        </p>
      </div>}
    </>
  );
}

/** @param {Refusal} no */
function refusalSentence(no) {
  if (no.seats.length) return t("hold.taken", { seats: list(no.seats) });
  return t("hold.refused", { why: codeSentence(no.code) });
}

/** The free seats nearest to those that somebody else has. @param {{event: number, taken: string[], ids: string[]}} props */
function Instead({ event, taken, ids }) {
  const seatMap = map(event).value.value;
  if (!seatMap) return null;
  const kept = ids.filter((id) => !taken.includes(id));
  const others = taken.reduce((chosen, seat) => {
    const next = nearest(seatMap, seat, 20).find((id) => !kept.includes(id) && !chosen.includes(id) && !taken.includes(id));
    return next ? [...chosen, next] : chosen;
  }, /** @type {string[]} */ ([]));
  if (others.length < taken.length) return null;
  return <button type="button" class="linkish" onClick={() => { forgetRefusal(); pick(event, [...kept, ...others]); }}>{t("hold.instead", { seats: list(others) })}</button>;
}

function wantHold() {
  if (asking.peek()) return;
  if (!session.peek()) openEnter({ then: () => void holdNow(), why: "enter.why_hold" });
  else void holdNow();
}

async function holdNow() {
  forgetRefusal();
  asking.value = true;
  const outcome = await hold();
  asking.value = false;
  if (outcome.ok || outcome.certainty === "unknown") return; // the order says what is known of it
  say("hold", refusalSentence(outcome), { show: !refusal.peek() });
  if (outcome.code === "unauthorized") openEnter({ then: () => void holdNow(), why: "enter.why_again" });
}

/** An order that must be finished first, or one whose end is open: nothing hangs on it here, but it is not forgotten. @param {{order: Order}} props */
function OrderRow({ order: o }) {
  const { glyph } = ORDER_LOOK[o.state];
  const timed = o.state === "held" || o.state === "waiting";
  const followed = o.state === "unknown" || o.state === "queued";
  return (
    <>
      {o.state === "held" && <ShortNotice until={o.until} />}
      <div class="bar-row">
        <p class="bar-what">
          <span class="bar-state"><span class="disc disc-small"><Icon name={glyph} /></span>{t(`order.${o.state}.title`)}</span>
          <span class="bar-total"><span class="bar-seats">{o.seats.join(", ")}</span> · <strong>{money(o.amount)}</strong></span>
          {o.nextTry > 0 && !followed && <span class="bar-total"><Next at={o.nextTry} say={o.state === "waiting" ? "order.next_try" : "order.next_ask"} /></span>}
        </p>
        {timed && <Countdown until={o.until} span={o.span} />}
        <p class="acts">
          {!followed && actsFor(o).toReversed().map((a) => <ActButton key={a.name} act={a} order={o} quiet />)}
          {o.tx && o.state !== "held" && <a class={`btn ${followed ? "" : "btn-quiet"}`} href={`/p/${o.tx}`}>{t("do.see")}<Icon name="next" /></a>}
        </p>
      </div>
    </>
  );
}
