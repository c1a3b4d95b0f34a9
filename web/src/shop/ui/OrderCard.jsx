// An order, with everything that is known about it and nothing more: its state by
// glyph, colour and words, how far it has come, what happens next and what can be
// done. Queued is never called bought; what nobody answered is never called failed.

import { now } from "../../shared/clock.js";
import { ago, countdown, list, money } from "../../shared/format.js";
import { codeSentence, has, t } from "../../shared/i18n.js";
import { maySendAgain } from "../order.js";
import { isMine } from "../orders.js";
import { ActButton } from "./ActButton.jsx";
import { Countdown, ShortNotice } from "./Countdown.jsx";
import { Icon } from "./Icon.jsx";
import { useKeptFocus } from "./keepFocus.js";
import { Next } from "./Known.jsx";
import { ORDER_LOOK, WORKING } from "./look.js";
import { actsFor } from "./orderActions.js";
import { Steps } from "./Steps.jsx";

/** @typedef {import("../contract.js").Order} Order */

/** What was said before this page was loaded comes from the browser's memory. In ms. */
const LOADED = Date.now();

/** @param {{order: Order, large?: boolean}} props `large`: it is what the page is about */
export function OrderCard({ order: o, large = false }) {
  /** @type {import("preact").RefObject<HTMLElement | null>} */
  const card = useKeptFocus();
  const { tone, glyph } = ORDER_LOOK[o.state];
  const Heading = large ? "h2" : "h3";
  // The page of a ticket is not the place to be rid of it.
  const acts = large && o.state === "confirmed" ? [] : actsFor(o);
  const facts = <Facts order={o} />;
  return (
    <article ref={card} tabIndex={-1} class={`order ${large ? "order-large" : ""}`} data-tone={tone} data-state={o.state} aria-busy={WORKING.has(o.state)}>
      <span class="disc"><Icon name={glyph} /></span>
      <div class="order-body">
        <Heading class="order-title">{t(`order.${o.state}.title`)}</Heading>
        <p class="order-say"><Sentence order={o} /></p>
        {o.note && !(o.missing && o.note === "no_purchase") && <p class="order-note">{noteSentence(o)}</p>}
        {(o.state === "held" || o.state === "waiting") && <p class="order-hold"><span>{t("hold.label")}</span><Countdown until={o.until} span={o.span} /></p>}
        {o.state === "held" && <ShortNotice until={o.until} />}
        {!large && facts}
        <NextTry order={o} />
        {!isMine(o) && <p class="order-note">{t("order.not_yours", { name: o.userName })}</p>}
        <p class="acts">
          {acts.map((a) => <ActButton key={a.name} act={a} order={o} />)}
          {!large && o.tx && <a class="btn btn-quiet" href={`/p/${o.tx}`}>{t("do.see")}<span class="sr-only"> {list(o.seats)}</span><Icon name="next" /></a>}
        </p>
        {large && <Steps state={o.state} />}
        {large && o.state !== "confirmed" && facts}
        <Told order={o} />
      </div>
    </article>
  );
}

/** @param {{order: Order}} props */
function Sentence({ order: o }) {
  if (o.state === "waiting") return <>{t("order.waiting.say", { left: countdown(Math.min(o.span, o.until - now.value)) })}</>;
  if (o.state === "unknown" && o.missing) return <>{t("order.unknown.missing")}</>;
  if (maySendAgain(o)) return <>{t("order.unknown.undecided")}</>;
  if (o.state === "rejected") return <>{codeSentence(o.reason)} {t("order.rejected.say")}</>;
  return <>{t(`order.${o.state}.say`)}</>;
}

/** Why the last request got no further; some mean something else here than as an answer. @param {Order} o */
function noteSentence(o) {
  const why = has(`note.${o.note}`) ? t(`note.${o.note}`) : codeSentence(o.note);
  return o.state === "queued" ? t("order.queued.no_news", { why }) : why;
}

/** @param {{order: Order}} props */
function Facts({ order: o }) {
  return (
    <dl class="order-facts">
      <div><dt>{t("order.event")}</dt><dd><a href={`/e/${o.event}`}>{o.eventName}</a></dd></div>
      <div><dt>{t("order.seats")}</dt><dd class="order-seats">{list(o.seats)}</dd></div>
      <div><dt>{t("order.total")}</dt><dd>{money(o.amount)}</dd></div>
    </dl>
  );
}

/** When the page asks or tries again by itself; it stays while that is going on, so that nothing jumps. @param {{order: Order}} props */
function NextTry({ order: o }) {
  if (!o.nextTry && o.busy !== "ask") return null;
  const tries = o.state === "waiting";
  return (
    <p class="order-next">
      <Icon name="refresh" />
      <span>{o.nextTry ? <Next at={o.nextTry} say={tries ? "order.next_try" : "order.next_ask"} /> : t("trouble.asking")}</span>
      {tries && o.attempt > 1 && <span class="muted">{t("order.attempt", { n: o.attempt })}</span>}
    </p>
  );
}

/** When the shop last said something of it. @param {{order: Order}} props */
function Told({ order: o }) {
  if (!o.toldAt) return null;
  return (
    <p class="order-told">
      {t(o.toldAt < LOADED ? "order.remembered" : "order.told", { ago: ago(now.value - o.toldAt) })}
      {o.node && ` · ${t("fresh.node", { node: o.node })}`}
      {o.extensions > 0 && o.state === "held" && ` · ${t("order.extensions", { n: o.extensions })}`}
    </p>
  );
}
