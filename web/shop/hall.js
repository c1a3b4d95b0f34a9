// The seat map: a grid of buttons per section that is kept up to date in place,
// so that news never moves the focus.
//
// It must not know where the map comes from or what picking a seat leads to.

import { t, money } from "./words.js";

export class Hall {
  /**
   * @param {HTMLElement} root
   * @param {(seat: string, state: string) => void} onPress
   */
  constructor(root, onPress) {
    this.root = root;
    this.onPress = onPress;
    this.shape = "";
    /** @type {Map<string, {button: HTMLButtonElement, row: string, price: number, said: string}>} */
    this.seats = new Map();
    root.addEventListener("keydown", (e) => this.key(e));
    root.addEventListener("focusin", (e) => this.rove(e.target));
    root.addEventListener("click", (e) => this.press(e.target));
  }

  /** Shows a map; `look` says how one seat is to be shown. */
  show(sections, look) {
    const shape = JSON.stringify(sections.map((s) => [s.name, s.price_cents, s.rows.map((r) => [r.name, r.seats.map((x) => x.id)])]));
    if (shape !== this.shape) this.build(sections);
    this.shape = shape;
    for (const s of sections) for (const r of s.rows) for (const seat of r.seats) this.paint(seat.id, look(seat));
  }

  clear() {
    this.root.replaceChildren();
    this.seats.clear();
    this.shape = "";
  }

  build(sections) {
    const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.seat : "";
    this.seats.clear();
    this.root.replaceChildren(...sections.map((s, i) => this.section(s, i)));
    const first = this.seats.get(focused) ?? this.seats.values().next().value;
    if (first) first.button.tabIndex = 0;
    if (focused && first) first.button.focus({ preventScroll: true });
  }

  section(s, i) {
    const title = make("h2", "section-title");
    title.id = `section-${i}`;
    title.append(make("span", "", s.name), make("span", "price", money(s.price_cents)));
    const grid = make("div", "grid");
    grid.setAttribute("role", "grid");
    grid.setAttribute("aria-labelledby", title.id);
    grid.setAttribute("aria-describedby", "keys");
    grid.append(...s.rows.map((r) => this.row(r, s.price_cents)));
    const box = make("section", "section");
    box.append(title, grid);
    return box;
  }

  row(r, price) {
    const head = make("div", "row-name", r.name);
    head.setAttribute("role", "rowheader");
    head.setAttribute("aria-label", t("row", { row: r.name }));
    const row = make("div", "row");
    row.setAttribute("role", "row");
    row.append(head, ...r.seats.map((seat) => this.cell(seat.id, r.name, price)));
    return row;
  }

  cell(id, row, price) {
    const button = make("button", "seat");
    button.type = "button";
    button.tabIndex = -1;
    button.dataset.seat = id;
    button.append(make("span", "no", id.startsWith(`${row}-`) ? id.slice(row.length + 1) : id));
    this.seats.set(id, { button, row, price, said: "" });
    const cell = make("div", "cell");
    cell.setAttribute("role", "gridcell");
    cell.append(button);
    return cell;
  }

  paint(id, state) {
    const { button, row, price, said } = this.seats.get(id);
    if (said === state) return;
    this.seats.get(id).said = state;
    button.dataset.state = state;
    button.setAttribute("aria-label", t("seat", { seat: id, row, price: money(price), state: t(`state.${state}`) }));
    button.setAttribute("aria-pressed", String(state === "picked"));
    // Not `disabled`: a seat that is taken under the focus must not throw it away.
    button.setAttribute("aria-disabled", String(state !== "free" && state !== "picked"));
  }

  press(target) {
    const button = target.closest("button.seat");
    if (button) this.onPress(button.dataset.seat, button.dataset.state);
  }

  /** One tab stop for the whole map: the seat that was last in focus. */
  rove(target) {
    if (!target.dataset.seat) return;
    for (const { button } of this.seats.values()) if (button.tabIndex === 0) button.tabIndex = -1;
    target.tabIndex = 0;
  }

  key(e) {
    const from = e.target.closest("button.seat");
    if (!from || e.altKey || e.metaKey) return;
    const to = this.target(e, from);
    if (!to) return;
    e.preventDefault();
    to.focus();
  }

  /** Where a key leads from a seat; undefined for keys that are none of ours. */
  target(e, from) {
    const all = [...this.seats.values()].map((s) => s.button);
    const row = [...from.closest(".row").querySelectorAll("button.seat")];
    const at = row.indexOf(from);
    switch (e.key) {
      case "ArrowRight": return row[at + 1] ?? from;
      case "ArrowLeft": return row[at - 1] ?? from;
      case "ArrowDown": return beside(all, from, 1);
      case "ArrowUp": return beside(all, from, -1);
      case "Home": return e.ctrlKey ? all[0] : row[0];
      case "End": return e.ctrlKey ? all.at(-1) : row.at(-1);
      default: return undefined;
    }
  }
}

/** The nearest seat on the next line as drawn: rows wrap on a narrow screen. */
function beside(all, from, way) {
  const here = from.getBoundingClientRect();
  let best = from, bestDown = Infinity, bestAside = Infinity;
  for (const b of all) {
    const r = b.getBoundingClientRect();
    const down = (r.top - here.top) * way, aside = Math.abs(r.left - here.left);
    if (down < 2 || down > bestDown + 2) continue;
    if (down < bestDown - 2 || aside < bestAside) [best, bestDown, bestAside] = [b, down, aside];
  }
  return best;
}

/** An element with a class and a text. */
export function make(tag, cls = "", text = "") {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text) e.textContent = text;
  return e;
}
