// A purchase at its own address: a reload brings it back, also when the shop knows
// nothing: then what this browser remembers is shown, with its age.

import { t } from "../../shared/i18n.js";
import { events } from "../catalogue.js";
import { purchase } from "../orders.js";
import { session } from "../session.js";
import { openEnter } from "./enter.js";
import { Icon } from "./Icon.jsx";
import { Notice, TroubleBanner } from "./Known.jsx";
import { OrderCard } from "./OrderCard.jsx";
import { Ticket } from "./Ticket.jsx";
import { Title } from "./Title.jsx";

/** @typedef {import("../contract.js").Order} Order */

/** @param {{tx: string}} props */
export function PurchasePage({ tx }) {
  const view = purchase(tx).value;
  const shown = view.order ?? fromServer(view);
  const about = events.value.value?.find((e) => e.id === shown?.event);
  return (
    <div class="page page-narrow">
      <p class="back"><a href="/me"><Icon name="back" />{t("nav.me")}</a></p>
      <Title class="title-small" name={t("purchase.title")}>{t("purchase.title")}</Title>
      {shown && <OrderCard order={shown} large />}
      {shown?.state === "confirmed" && <Ticket tx={tx} seats={shown.seats} amount={shown.amount} title={shown.eventName} about={about} holder={shown.userName} />}
      {!shown && <Unknown view={view} />}
      <p class="hint">{t("purchase.address")}<br /><code class="tx">{tx}</code></p>
    </div>
  );
}

/** @param {{view: import("../contract.js").PurchaseView}} props */
function Unknown({ view }) {
  if (!session.value) {
    return (
      <Notice tone="queued" glyph="user" title={t("purchase.enter")}>
        <p>{t("purchase.enter_say")}</p>
        <p class="acts"><button type="button" class="btn btn-main" onClick={() => openEnter()}>{t("who.enter")}</button></p>
      </Notice>
    );
  }
  if (view.trouble?.gone) return <Notice tone="unknown" glyph="question" title={t("purchase.gone")}><p>{t("purchase.gone_say")}</p></Notice>;
  if (view.trouble && view.trouble.code !== "enter_first") return <TroubleBanner trouble={view.trouble} title={t("purchase.silent")} say={t("purchase.silent_say")} />;
  return <p class="lead" aria-busy="true">{t("purchase.asking")}</p>;
}

/** A purchase that this browser does not remember, as an order of who has entered. @param {import("../contract.js").PurchaseView} view @returns {Order | undefined} */
function fromServer({ server: s, arrivedAt, node, tx }) {
  if (!s) return undefined;
  const who = session.value?.user;
  const name = events.value.value?.find((e) => e.id === s.event_id)?.name ?? t("event.unnamed", { id: s.event_id });
  return { key: `server ${tx}`, state: s.status, event: s.event_id, eventName: name, seats: s.seats, amount: s.amount_cents, user: who?.id ?? "",
    userName: who?.name ?? "", lock: "", tx, until: 0, span: 0, extensions: 0, doubt: false, note: "", reason: s.reason ?? "", missing: false,
    attempt: 0, nextTry: 0, busy: "", trying: false, node, createdAt: 0, sentAt: 0, changedAt: arrivedAt, toldAt: arrivedAt };
}
