// What a person can do about an order, by its state: one act that leads on, and
// others beside it. It must not know how a button looks.

import { money } from "../../shared/format.js";
import { codeSentence, t } from "../../shared/i18n.js";
import { basket } from "../basket.js";
import { maySendAgain } from "../order.js";
import * as orders from "../orders.js";
import { go } from "../route.js";
import { session } from "../session.js";
import { say } from "./say.js";

/** @typedef {import("../contract.js").Order} Order */
/** @typedef {{name: string, label: string, short?: string, glyph?: string, main?: boolean, act: () => void}} Act */

/** @param {Order} o @returns {Act[]} */
export function actsFor(o) {
  const total = money(o.amount);
  if (!orders.byKey(o.key)) return []; // only the shop knows it: there is nothing here to change
  if (!orders.isMine(o)) return session.value || ["confirmed", "rejected", "lapsed"].includes(o.state) ? [dismiss(o)] : [];
  switch (o.state) {
    case "lock_unknown": return [
      { name: "ask_lock", label: t("do.ask_lock"), glyph: "refresh", main: true, act: () => void orders.askLock(o.key) },
      { name: "give_up", label: t("do.give_up"), act: () => { orders.giveUp(o.key); say(o.key, t("said.gave_up"), { show: true }); } },
    ];
    case "held": return [
      { name: "buy", label: t("do.buy", { total }), short: t("do.buy_short"), main: true, act: () => buy(o) },
      more(o), release(o),
    ];
    case "waiting": return [
      { name: "buy", label: t("do.try_now"), glyph: "refresh", main: true, act: () => void orders.buy(o.key) },
      more(o),
      { name: "cancel", label: t("do.cancel"), act: () => orders.cancel(o.key) },
    ];
    case "unknown": return [
      { name: "ask", label: t("do.ask_now"), glyph: "refresh", main: !maySendAgain(o), act: () => void orders.ask(o.key) },
      ...(maySendAgain(o) ? [{ name: "send_again", label: t("do.send_again"), main: true, act: () => void orders.sendAgain(o.key) }] : []),
      ...(o.missing ? [dismiss(o)] : []),
    ];
    case "queued": return [{ name: "ask", label: t("do.ask_now"), glyph: "refresh", act: () => void orders.ask(o.key) }];
    case "lapsed": return [{ name: "hold_again", label: t("do.hold_again"), main: true, act: () => void holdAgain(o) }, dismiss(o)];
    case "rejected": return [{ name: "pick_again", label: t("do.choose_others"), main: true, act: () => void pickAgain(o) }, dismiss(o)];
    case "confirmed": return [dismiss(o)];
    default: return [];
  }
}

/** The purchase has its address before it has an answer: that is where its news will be. @param {Order} o */
export function buy(o) {
  void orders.buy(o.key);
  if (o.tx) go(`/p/${o.tx}`);
}

/** @param {Order} o @returns {Act} */
export const more = (o) => ({ name: "extend", label: t(o.busy === "extend" ? "do.wait" : "do.extend"), glyph: "clock", act: () => void extend(o) });

/** @param {Order} o @returns {Act} */
export const release = (o) => ({ name: "release", label: t(o.busy === "release" ? "do.wait" : "do.release"), act: () => void letGo(o) });

/** @param {Order} o @returns {Act} */
const dismiss = (o) => ({ name: "dismiss", label: t("do.dismiss"), act: () => {
  const shown = location.pathname === `/p/${o.tx}`;
  orders.dismiss(o.key);
  if (shown) go("/me");
} });

/** @param {Order} o */
async function extend(o) {
  const outcome = await orders.extend(o.key);
  say(o.key, t(outcome.ok ? "said.extended" : "said.not_extended"), { show: true });
}

/** @param {Order} o */
async function letGo(o) {
  const outcome = await orders.release(o.key);
  if (outcome.ok) say(o.key, t("said.released"), { show: true });
}

/** What is still free of the order goes back into the basket. @param {Order} o */
async function pickAgain(o) {
  go(`/e/${o.event}`);
  const n = await orders.pickAgain(o.key);
  if (n < o.seats.length) say("pick", t("said.some_gone", { n, all: o.seats.length }), { show: true });
}

/** One step to the same seats, if nobody has taken any of them meanwhile. @param {Order} o */
async function holdAgain(o) {
  go(`/e/${o.event}`);
  const outcome = await orders.holdAgain(o.key);
  if (outcome.ok || outcome.certainty === "unknown") return;
  const n = basket.peek().seats.length;
  say("pick", outcome.code === "some_gone" ? t("said.some_gone", { n, all: o.seats.length }) : codeSentence(outcome.code), { show: true });
}
