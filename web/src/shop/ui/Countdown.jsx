// What is left of a hold: as time, and as a bar that shrinks.

import { now } from "../../shared/clock.js";
import { countdown, countdownWords } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";

/** Under this much the bar changes its colour and more time is offered in words, in ms. */
export const SHORT = 60_000;

/** @param {{until: number, span: number}} props */
export function Countdown({ until, span }) {
  // The second hand may be a second behind: never more than was given.
  const left = Math.max(0, Math.min(span, until - now.value));
  return (
    <span class="countdown" data-tone={left <= SHORT ? "slow" : "queued"}>
      <span class="countdown-time" role="timer" aria-live="off" aria-label={t("hold.left", { left: countdownWords(left) })}>{countdown(left)}</span>
      <span class="countdown-bar" aria-hidden="true"><span style={{ "--part": span > 0 ? Math.min(1, left / span) : 0 }} /></span>
    </span>
  );
}

/** @param {{until: number}} props */
export function ShortNotice({ until }) {
  const left = until - now.value;
  if (left > SHORT || left <= 0) return null;
  return <p class="hold-short">{t("hold.short")}</p>;
}
