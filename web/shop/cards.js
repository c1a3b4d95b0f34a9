// Draws orders as cards, in place: a card keeps its element, and so its focus,
// for as long as the order is on the page.
//
// It must not know how an order comes from one state to the next.

import { t, why, money, clock, seats } from "./words.js";
import { make } from "./hall.js";

const GLYPH = { locking: "…", lock_unknown: "?", held: "◔", buying: "…", unknown: "?", queued: "↻",
  confirmed: "✓", rejected: "✕", lapsed: "○" };

/** What a buyer can do about an order in each state. */
const DEEDS = {
  lock_unknown: ["askhold", "giveup"],
  held: ["buy", "extend", "release"],
  unknown: ["ask"],
  confirmed: ["dismiss"],
  rejected: ["dismiss"],
  lapsed: ["dismiss"],
};

/** The state in words, as shown and as read out. */
export function word(o) {
  return t(`order.${o.state}`, { reason: why(o.reason) });
}

export class Cards {
  /**
   * @param {HTMLTemplateElement} template
   * @param {(deed: string, order: any) => void} onDeed
   */
  constructor(template, onDeed) {
    this.template = template;
    this.onDeed = onDeed;
    this.cards = new Map();
  }

  /** Shows exactly these orders in the box, in this order. */
  show(box, orders) {
    const wanted = orders.map((o) => this.card(o));
    for (const old of [...box.children]) if (!wanted.includes(old)) old.remove();
    wanted.forEach((card, i) => { if (box.children[i] !== card) box.insertBefore(card, box.children[i] ?? null); });
  }

  card(o) {
    if (!this.cards.has(o.key)) this.cards.set(o.key, this.template.content.firstElementChild.cloneNode(true));
    const card = this.cards.get(o.key);
    this.draw(card, o);
    return card;
  }

  draw(card, o) {
    card.dataset.state = o.state;
    text(card, ".glyph", GLYPH[o.state]);
    text(card, ".word", word(o));
    text(card, ".what", `${o.name} · ${seats(o.seats)} · ${money(o.amount)}`);
    text(card, ".sentence", t(`say.${o.state}`));
    text(card, ".note", note(o));
    text(card, ".tx", o.tx ? `${t("tx", { tx: o.tx })}${o.node ? ` · ${t("source.node", { node: o.node })}` : ""}` : "");
    this.deeds(card, o);
    this.time(o);
  }

  deeds(card, o) {
    const box = card.querySelector(".actions");
    const deeds = DEEDS[o.state] ?? [];
    if (box.dataset.deeds !== deeds.join()) {
      box.dataset.deeds = deeds.join();
      box.replaceChildren(...deeds.map((d, i) => this.button(d, i === 0 && d !== "dismiss", o)));
    }
    for (const b of box.children) {
      b.textContent = label(b.dataset.deed, o);
      b.setAttribute("aria-disabled", String(o.extending));
    }
  }

  button(deed, first, o) {
    const b = make("button", first ? "primary" : "");
    b.type = "button";
    b.dataset.deed = deed;
    b.addEventListener("click", () => { if (b.getAttribute("aria-disabled") !== "true") this.onDeed(deed, o); });
    return b;
  }

  /** Only the countdown, once a second. */
  time(o) {
    const box = this.cards.get(o.key)?.querySelector(".countdown");
    if (!box) return;
    const left = o.until - Date.now();
    box.hidden = o.state !== "held";
    box.querySelector("progress").max = Math.max(1, o.span / 1000);
    box.querySelector("progress").value = Math.max(0, left / 1000);
    box.querySelector("progress").setAttribute("aria-label", t("order.held"));
    box.querySelector(".time").textContent = clock(left);
    box.classList.toggle("short", left < 60_000);
  }

  forget(keys) {
    for (const key of [...this.cards.keys()]) if (!keys.has(key)) this.cards.delete(key);
  }
}

function label(deed, o) {
  if (deed === "buy") return t(o.note ? "do.again" : "do.buy", { total: money(o.amount) });
  if (deed === "askhold") return t("do.ask");
  return t(`do.${deed}`);
}

/** What came on top of the state: why the last try did not get further. */
function note(o) {
  if (!o.note) return "";
  if (["extend_failed", "release_failed", "no_news"].includes(o.note)) return t(`note.${o.note}`);
  return t(o.state === "held" ? "note.held" : "note.why", { why: why(o.note) });
}

function text(card, part, value) {
  const e = card.querySelector(part);
  if (e.textContent !== value) e.textContent = value;
  e.hidden = value === "";
}
