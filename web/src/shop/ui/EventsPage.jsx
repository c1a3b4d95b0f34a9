// What is on sale: a ticket stub for each event.

import { datePart, day, number } from "../../shared/format.js";
import { plural, t } from "../../shared/i18n.js";
import { askNow, events } from "../catalogue.js";
import { Icon } from "./Icon.jsx";
import { Freshness, TroubleBanner } from "./Known.jsx";
import { Title } from "./Title.jsx";

export function EventsPage() {
  const known = events.value;
  return (
    <div class="page">
      <Title name={t("events.title")}>{t("events.title")}</Title>
      <Freshness known={known} />
      <TroubleBanner trouble={known.trouble} title={t("trouble.events")} say={t(known.value ? "trouble.shown" : "trouble.nothing")} onAsk={askNow} />
      {known.value?.length === 0 && <p class="empty">{t("events.none")}</p>}
      <ul class="stubs">
        {known.value?.map((e) => <li key={e.id}><Stub event={e} /></li>)}
        {!known.value && !known.trouble && [1, 2, 3].map((n) => <li key={n} class="stub stub-blank" aria-hidden="true" />)}
      </ul>
    </div>
  );
}

/** @param {{event: import("../contract.js").EventSummary}} props */
function Stub({ event: e }) {
  return (
    <a class="stub" href={`/e/${e.id}`}>
      <span class="stub-date" aria-hidden="true">
        <span class="stub-month">{datePart(e.starts_at, "month")}</span>
        <span class="stub-day">{datePart(e.starts_at, "day")}</span>
        <span class="stub-week">{datePart(e.starts_at, "weekday")}</span>
      </span>
      <span class="stub-what">
        <strong class="stub-name">{e.name}</strong>
        <span class="fact"><Icon name="pin" />{e.venue}</span>
        <span class="fact"><Icon name="calendar" />{day(e.starts_at)}</span>
        <span class="stub-foot">
          <span class="muted">{plural("events.seats", e.seats, { n: number(e.seats) })}</span>
          <span class="stub-go">{t("events.go")}<Icon name="next" /></span>
        </span>
      </span>
    </a>
  );
}
