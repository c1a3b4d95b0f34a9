// My tickets: every order this browser remembers, and what the shop says of others.

import { list, money } from "../../shared/format.js";
import { t } from "../../shared/i18n.js";
import { events } from "../catalogue.js";
import { mine, orders } from "../orders.js";
import { session } from "../session.js";
import { openEnter } from "./enter.js";
import { Icon } from "./Icon.jsx";
import { useKeptFocus } from "./keepFocus.js";
import { Freshness, Notice, TroubleBanner } from "./Known.jsx";
import { ORDER_LOOK } from "./look.js";
import { OrderCard } from "./OrderCard.jsx";
import { Title } from "./Title.jsx";

export function MePage() {
  /** @type {import("preact").RefObject<HTMLDivElement | null>} */
  const page = useKeptFocus();
  const here = orders.value;
  return (
    <div ref={page} tabIndex={-1} class="page page-narrow">
      <Title>{t("nav.me")}</Title>
      {here.length === 0 && <div class="empty"><p class="lead">{t("me.none")}</p><p><a class="btn btn-main" href="/">{t("nav.events")}</a></p></div>}
      {here.length > 0 && <section aria-labelledby="me-here">
        <h2 id="me-here" class="subtitle">{t("me.here")}</h2>
        <div class="orders">{here.map((o) => <OrderCard key={o.key} order={o} />)}</div>
      </section>}
      {session.value ? <Elsewhere /> : <p class="hint">{t("me.enter")} <button type="button" class="linkish" onClick={() => openEnter()}>{t("who.enter")}</button></p>}
    </div>
  );
}

/** Bought on another device, or before this one forgot. */
function Elsewhere() {
  const known = mine.value;
  const here = new Set(orders.value.map((o) => o.tx));
  const others = (known.value ?? []).filter((p) => !here.has(p.transaction_id));
  return (
    <section class="elsewhere" aria-labelledby="me-shop">
      <h2 id="me-shop" class="subtitle">{t("me.shop")}</h2>
      <Freshness known={known} />
      <TroubleBanner trouble={known.trouble} title={t("me.silent")} say={t("me.silent_say")} />
      {known.partial && <Notice tone="slow" glyph="clock" title={t("me.partial")}><p>{t("me.partial_say")}</p></Notice>}
      {known.value && others.length === 0 && !known.partial && <p class="muted">{t(here.size ? "me.same" : "me.shop_none")}</p>}
      <ul class="lines">{others.map((p) => <Line key={p.transaction_id} purchase={p} />)}</ul>
    </section>
  );
}

/** @param {{purchase: import("../contract.js").ServerPurchase}} props */
function Line({ purchase: p }) {
  const { tone, glyph } = ORDER_LOOK[p.status];
  const name = events.value.value?.find((e) => e.id === p.event_id)?.name ?? t("event.unnamed", { id: p.event_id });
  return (
    <li>
      <a class="line" href={`/p/${p.transaction_id}`} data-tone={tone}>
        <span class="disc disc-small"><Icon name={glyph} /></span>
        <span><strong>{t(`order.${p.status}.title`)}</strong><br /><span class="muted">{list(p.seats)} · {name} · {money(p.amount_cents)}</span></span>
        <Icon name="next" />
      </a>
    </li>
  );
}
