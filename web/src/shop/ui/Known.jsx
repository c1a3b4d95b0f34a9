// How old something is, where it came from, and what is wrong when nothing newer
// comes: beside everything that the shop was told.

import { now } from "../../shared/clock.js";
import { ago, span } from "../../shared/format.js";
import { codeSentence, t } from "../../shared/i18n.js";
import { Icon } from "./Icon.jsx";

/** @typedef {import("../contract.js").Known<any>} Known */

/** From here on an age is worth a warning colour, in ms. */
const OLD = 15_000;

/** @param {Known} known */
export const ageOf = (known) => known.ageAtArrival + Math.max(0, now.value - known.arrivedAt);

/** @param {Known} known */
export const isOld = (known) => known.stale || known.remembered || ageOf(known) > OLD;

/** Where it came from and when it was true; always in sight. @param {{known: Known}} props */
export function Freshness({ known }) {
  if (known.value === undefined) return <p class="fresh" data-tone="muted"><Icon name="refresh" />{t(known.trouble ? "fresh.none" : "fresh.asking")}</p>;
  const old = isOld(known) || known.trouble !== undefined;
  return (
    <p class="fresh" data-tone={old ? "slow" : "ok"}>
      <Icon name={old ? "clock" : "check"} />
      <span>
        <strong>{t(known.remembered ? "fresh.remembered" : known.source === "cache" ? "fresh.cache" : "fresh.database")}</strong>
        {", "}<span class="whole">{ago(ageOf(known))}</span>
        {known.stale && <> · <span class="whole">{t("fresh.stale")}</span></>}
        {known.node && <span class="muted"> · <span class="whole">{t("fresh.node", { node: known.node })}</span></span>}
      </span>
    </p>
  );
}

/**
 * What is wrong, since when, and when the page asks again by itself.
 *
 * @param {{trouble: import("../contract.js").Trouble | undefined, title: string, say: string, onAsk?: () => void}} props
 */
export function TroubleBanner({ trouble, title, say, onAsk }) {
  if (!trouble) return null;
  const offline = trouble.code === "network" || trouble.code === "timeout";
  return (
    <section class="banner" data-tone="lost" aria-label={title}>
      <Icon name={offline ? "offline" : "warning"} class="banner-icon" />
      <div class="banner-text">
        <p class="banner-title">{title}</p>
        <p>{codeSentence(trouble.code)} {say}</p>
        <p class="banner-when"><Since ms={trouble.since} /> <Next at={trouble.nextTry} /></p>
      </div>
      {onAsk && <button type="button" class="btn" onClick={onAsk}><Icon name="refresh" />{t("do.ask_now")}</button>}
    </section>
  );
}

/** @param {{ms: number}} props */
function Since({ ms }) {
  return <span>{t("trouble.since", { span: span(now.value - ms) })}</span>;
}

/** When the page tries again by itself. @param {{at: number, say?: string}} props */
export function Next({ at, say = "trouble.next" }) {
  if (!at) return null;
  const left = at - now.value;
  return <span class="next">{left > 500 ? t(say, { s: span(left) }) : t("trouble.asking")}</span>;
}

/** @param {{tone: string, glyph: string, title: string, children?: any}} props */
export function Notice({ tone, glyph, title, children }) {
  return (
    <section class="banner" data-tone={tone} aria-label={title}>
      <Icon name={glyph} class="banner-icon" />
      <div class="banner-text">
        <p class="banner-title">{title}</p>
        {children}
      </div>
    </section>
  );
}
