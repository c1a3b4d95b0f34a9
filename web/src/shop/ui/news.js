// Turns what happens into what is read out: an order that came further, a seat
// that was lost, a hold that runs out, a shop that went silent and came back. It
// draws nothing and moves no focus.

import { effect, untracked } from "@preact/signals";
import { now } from "../../shared/clock.js";
import { countdownWords, list } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { basket } from "../basket.js";
import { events } from "../catalogue.js";
import { current, orders } from "../orders.js";
import { route } from "../route.js";
import { map } from "../seats.js";
import { say } from "./say.js";

/** What is left of a hold when it is said, in ms. */
const WARN_AT = [60_000, 30_000, 10_000];

/** Starts listening; returns what ends it. */
export function listen() {
  const ends = [ordersMove(), basketLoses(), holdRunsOut(), seatUnderFocus(), shopGoesSilent()];
  return () => ends.forEach((end) => end());
}

function ordersMove() {
  /** @type {Map<string, string> | undefined} */
  let before;
  return effect(() => {
    const all = orders.value;
    if (before) {
      for (const o of all) {
        if (before.get(o.key) !== o.state) untracked(() => say(o.key, t("said.order", { seats: list(o.seats), state: t(`order.${o.state}.title`) })));
      }
    }
    before = new Map(all.map((o) => [o.key, o.state]));
  });
}

function basketLoses() {
  let before = "";
  return effect(() => {
    const lost = basket.value.lost.join();
    if (lost && lost !== before) untracked(() => say("lost", t("basket.lost", { seats: list(basket.value.lost) })));
    before = lost;
  });
}

function holdRunsOut() {
  let before = Infinity;
  return effect(() => {
    const o = current.value;
    const left = o?.until ? o.until - now.value : Infinity;
    if (WARN_AT.some((at) => before > at && left <= at && left > 0)) untracked(() => say("left", t("said.left", { left: countdownWords(left) })));
    before = left;
  });
}

/** Of four hundred seats only the one that somebody is about to press is worth a word. */
function seatUnderFocus() {
  let heard = 0;
  return effect(() => {
    const at = route.value;
    if (at.page !== "event") return;
    const { lastChange } = map(at.id).value;
    const id = document.activeElement?.getAttribute("data-seat") ?? "";
    const change = lastChange.get(id);
    if (!change || change.at <= heard) return;
    heard = change.at;
    untracked(() => say("seat", t("said.seat", { seat: id, state: t(`state.${change.to}`) })));
  });
}

function shopGoesSilent() {
  let silent = false;
  return effect(() => {
    const at = route.value;
    const known = at.page === "event" ? map(at.id).value : at.page === "events" ? events.value : undefined;
    if (!known) return;
    const now = Boolean(known.trouble);
    if (now !== silent) untracked(() => say("shop", t(now ? "said.silent" : "said.back")));
    silent = now;
  });
}
