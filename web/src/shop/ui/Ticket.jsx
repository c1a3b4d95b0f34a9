// What was bought, as paper: only for what is in the ledger.

import { day, money } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";

/** @param {{tx: string, seats: string[], amount: number, title: string, about?: import("../contract.js").EventSummary, holder: string}} props */
export function Ticket({ tx, seats, amount, title, about, holder }) {
  return (
    <section class="ticket" aria-label={t("ticket.label")}>
      <div class="ticket-main">
        <p class="ticket-over">{t("ticket.over")}</p>
        <p class="ticket-name">{about?.name ?? title}</p>
        {about && <p class="ticket-where">{about.venue}<br />{day(about.starts_at)}</p>}
        <ul class="ticket-seats" aria-label={t("order.seats")}>
          {seats.map((s) => <li key={s}>{s}</li>)}
        </ul>
      </div>
      <div class="ticket-stub">
        <Bars of={tx} />
        <p class="ticket-no"><span class="muted">{t("ticket.no")}</span><br /><code>{tx.slice(0, 8)}</code></p>
        <p class="ticket-no"><span class="muted">{t("order.total")}</span><br />{money(amount)}</p>
        {holder && <p class="ticket-no"><span class="muted">{t("ticket.holder")}</span><br />{holder}</p>}
      </div>
    </section>
  );
}

/** Stripes as of a bar code, from the number's own digits; no machine reads them. @param {{of: string}} props */
function Bars({ of }) {
  const widths = [...of.replaceAll("-", "")].map((digit) => 1 + (parseInt(digit, 16) % 4));
  let x = 0;
  const bars = widths.map((w, i) => {
    const bar = i % 2 === 0 ? <rect key={i} x={x} width={w} height="40" /> : null;
    x += w;
    return bar;
  });
  return <svg class="bars" viewBox={`0 0 ${x} 40`} preserveAspectRatio="none" aria-hidden="true" focusable="false">{bars}</svg>;
}
