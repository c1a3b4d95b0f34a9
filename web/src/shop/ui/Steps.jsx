// The way of a purchase, and how far along it this one is known to be.

import { t } from "../../shared/i18n.js";
import { Icon } from "./Icon.jsx";

/** @typedef {import("../contract.js").OrderState} OrderState */

const STEPS = ["held", "sent", "queued", "confirmed"];
const GLYPH = { done: "check", now: "hourglass", doubt: "question", later: "", ended: "cross" };

/** For each state, how each of the four steps stands. @type {Record<OrderState, (keyof typeof GLYPH)[]>} */
const STANDS = {
  locking: ["now", "later", "later", "later"],
  lock_unknown: ["doubt", "later", "later", "later"],
  held: ["done", "later", "later", "later"],
  buying: ["done", "now", "later", "later"],
  waiting: ["done", "now", "later", "later"],
  unknown: ["done", "doubt", "later", "later"],
  queued: ["done", "done", "now", "later"],
  confirmed: ["done", "done", "done", "done"],
  rejected: ["done", "done", "done", "ended"],
  lapsed: ["ended", "later", "later", "later"],
};

/** @param {{state: OrderState}} props */
export function Steps({ state }) {
  return (
    <ol class="steps" aria-label={t("steps.label")}>
      {STEPS.map((step, i) => {
        const stands = STANDS[state][i] ?? "later";
        return (
          <li key={step} class="step" data-stands={stands}>
            <span class="step-dot">{GLYPH[stands] && <Icon name={GLYPH[stands]} />}</span>
            <span>{t(`step.${step}`)}<span class="sr-only">: {t(`stands.${stands}`)}</span></span>
          </li>
        );
      })}
    </ol>
  );
}
