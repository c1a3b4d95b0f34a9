// The shop's page: which view is open, what the buyer has picked, and the clocks
// that ask again.
//
// It must know nothing but EventFlow's public API: no store, no node by name, no
// laboratory.

import { call } from "./api.js";
import { Cards, word } from "./cards.js";
import { Hall, make } from "./hall.js";
import { recall, remember } from "./memory.js";
import { Orders } from "./orders.js";
import { age, choose, clock, count, day, lang, money, seats, t, why } from "./words.js";

const MAX_SEATS = 8;
const POLL = 2000; // ms between an answer about seats or purchases and the next question
const LIST_RETRY = 3; // s between two questions for the list of events while it does not come
const SAID = 8000; // ms a message stays in the status line
const ENTRY = "eventflow.entry";

const $ = (id) => document.getElementById(id);

/** Who entered: a guest's token for this tab. */
const session = {
  ...recall("sessionStorage", ENTRY),
  keep(token, name) {
    Object.assign(this, { token, name });
    remember("sessionStorage", ENTRY, { token, name });
  },
  drop() { this.keep("", ""); },
};

/** What the page shows. `at` of an answer is when its data were true, in ms of this clock. */
const page = {
  event: 0, // 0 = the list
  events: null, listTrouble: "", listAt: 0, listMeta: null, listWait: 0,
  map: null, mapAt: 0, mapMeta: null, mapTrouble: "",
  picked: new Map(), // seat -> cents
  pickTrouble: null, // () => why the last hold did not come about, in the language in use
  busy: false,
  asking: null, // the visit whose question about seats is on its way
  visit: new AbortController(), // ends with the view
};

const orders = new Orders(session, ordersChanged);
const hall = new Hall($("hall"), press);
const cards = new Cards($("card"), deed);

// ---- what is read out ----

/**
 * One message at a time in the status line. A quiet one is only read out, because
 * the page shows it elsewhere already.
 */
function say(message, quiet = false) {
  clearTimeout(silence);
  $("status").classList.toggle("quiet", quiet);
  setText($("status"), message);
  silence = setTimeout(() => setText($("status"), ""), SAID);
}
let silence = 0;

// ---- the two views ----

function route() {
  const id = Number(/^#\/event\/(\d+)$/.exec(location.hash)?.[1] ?? 0);
  page.visit.abort();
  page.visit = new AbortController();
  if (id !== page.event) Object.assign(page, { map: null, mapMeta: null, mapTrouble: "", picked: new Map(), pickTrouble: null });
  page.event = id;
  $(id ? "side" : "main").append($("mine")); // in sight of the map, or under the list
  hall.clear();
  draw();
  loadEvents();
  if (id) loadSeats(page.visit.signal);
}

async function loadEvents() {
  const visit = page.visit.signal;
  page.listWait = 0;
  drawList();
  const r = await call("GET", "/api/events", { signal: visit });
  if (visit.aborted) return;
  page.listTrouble = r.ok && Array.isArray(r.data.events) ? "" : r.code || "unreadable";
  if (page.listTrouble) page.listWait = Math.max(LIST_RETRY, r.wait);
  if (page.listTrouble && !page.event) say(listTrouble(), true);
  else Object.assign(page, { events: r.data.events, listAt: r.sentAt - seconds(r.data) * 1000, listMeta: meta(r) });
  draw();
}

const seconds = (data) => Math.max(0, Number(data.age_seconds) || 0);
const meta = (r) => ({ source: r.data.source, stale: r.stale, node: r.node });

async function loadSeats(visit) {
  if (!document.hidden) {
    page.asking = visit;
    const r = await call("GET", `/api/events/${page.event}/seats`, { signal: visit });
    if (visit.aborted) return;
    page.asking = null;
    heardSeats(r);
  }
  seatsTimer = setTimeout(() => loadSeats(visit), POLL);
}
let seatsTimer = 0;

function heardSeats(r) {
  if (r.ok && Array.isArray(r.data.sections)) {
    Object.assign(page, { map: r.data, mapAt: r.sentAt - seconds(r.data) * 1000, mapMeta: meta(r), mapTrouble: "" });
    unpickTaken();
  } else {
    const first = !page.mapTrouble;
    page.mapTrouble = r.code || "unreadable";
    if (first) say(seatsTrouble(Date.now() - page.mapAt), true);
  }
  drawSeats();
}

function askSeatsNow() {
  if (!page.event || page.asking === page.visit.signal) return;
  clearTimeout(seatsTimer);
  loadSeats(page.visit.signal);
}

// ---- picking ----

function look(seat) {
  if (page.ours.has(seat.id)) return "mine";
  if (page.picked.has(seat.id)) return "picked";
  return ["held", "purchasing", "sold"].includes(seat.state) ? seat.state : "free";
}

function press(seat, state) {
  page.pickTrouble = null;
  if (state === "picked") page.picked.delete(seat);
  else if (state !== "free") return say(t("pick.taken", { seat, state: t(`state.${state}`) }));
  else if (orders.current()) return say(t("pick.finish"));
  else if (page.picked.size >= MAX_SEATS) return say(t("pick.max"));
  else page.picked.set(seat, price(seat));
  say(page.picked.size ? pickedLine() : t("pick.none"), true);
  drawSeats();
}

function price(id) {
  return page.map.sections.find((s) => s.rows.some((r) => r.seats.some((x) => x.id === id)))?.price_cents ?? 0;
}

function pickedLine() {
  return count("picked", page.picked.size, { total: money(total()) });
}

const total = () => [...page.picked.values()].reduce((sum, cents) => sum + cents, 0);

function unpickTaken() {
  const free = new Set(page.map.sections.flatMap((s) => s.rows.flatMap((r) => r.seats)).filter((x) => x.state === "free").map((x) => x.id));
  const lost = [...page.picked.keys()].filter((id) => !free.has(id));
  if (page.busy || lost.length === 0) return; // our own hold is on its way
  lost.forEach((id) => page.picked.delete(id));
  say(t("pick.lost", { seats: seats(lost) }));
}

// ---- entering, holding, buying ----

async function submit(e) {
  e.preventDefault();
  if (page.busy || page.picked.size === 0 || orders.current()) return;
  Object.assign(page, { busy: true, pickTrouble: null });
  drawPanel();
  if (session.token || await enter()) await hold();
  page.busy = false;
  drawSeats();
  askSeatsNow();
}

async function enter() {
  const r = await call("POST", "/api/auth/guest", { body: { nickname: $("nick").value.trim() } });
  if (r.ok && r.data.token) {
    session.keep(r.data.token, r.data.user?.name ?? "");
    return true;
  }
  pickTrouble(() => t("enter.refused", { why: why(r.code) })); // an unknown entry costs nothing: the next is another guest
  return false;
}

async function hold() {
  const picked = [...page.picked.keys()], event = page.event;
  const no = await orders.begin(event, title(), picked, total());
  if (no) return refusedHold(no);
  if (event !== page.event) return;
  page.picked.clear();
  $("current").scrollIntoView({ block: "nearest" });
}

function refusedHold(r) {
  const taken = Array.isArray(r.data.seats) ? r.data.seats : [];
  taken.forEach((id) => page.picked.delete(id));
  pickTrouble(() => taken.length ? t("hold.taken", { seats: seats(taken) }) : t("hold.refused", { why: why(r.code) }));
}

function pickTrouble(sentence) {
  page.pickTrouble = sentence;
  say(sentence(), true);
  drawPanel();
}

const deeds = {
  askhold: async (o) => { const no = await orders.lock(o); if (no) refusedHold(no); },
  giveup: (o) => orders.drop(o, "giveup"),
  buy: (o) => orders.buy(o),
  ask: (o) => orders.buy(o),
  extend: (o) => orders.extend(o),
  release: (o) => orders.release(o),
  dismiss: (o) => orders.drop(o),
};

function deed(name, o) { deeds[name](o); }

function ordersChanged(o, what) {
  if (what === "order") say(t("order.said", { seats: seats(o.seats), state: word(o) }), true);
  else if (what) say(t(`${what}.said`));
  drawSeats();
}

async function pollOrders() {
  if (!document.hidden) await orders.check();
  setTimeout(pollOrders, POLL);
}

// ---- drawing ----

function draw() {
  document.documentElement.lang = lang();
  for (const e of document.querySelectorAll("[data-t]")) setText(e, t(e.dataset.t));
  for (const b of document.querySelectorAll("[data-lang]")) b.setAttribute("aria-pressed", String(b.dataset.lang === lang()));
  document.title = page.event ? `${title()} · EventFlow` : "EventFlow";
  $("list").hidden = page.event !== 0;
  $("event").hidden = page.event === 0;
  drawList();
  drawSeats();
}

function drawList() {
  $("list-trouble").hidden = !page.listTrouble;
  if (page.listTrouble) setText($("list-trouble").firstElementChild, listTrouble());
  const shown = lang() + JSON.stringify(page.events);
  if (page.events && $("events").dataset.shown !== shown) {
    $("events").replaceChildren(...page.events.map(eventItem));
    $("events").dataset.shown = shown;
  }
  drawAges();
}

const listTrouble = () => t("list.trouble", { why: why(page.listTrouble), s: page.listWait });

function eventItem(e) {
  const a = make("a", "event-card");
  a.href = `#/event/${encodeURIComponent(e.id)}`;
  a.append(make("strong", "", e.name), make("span", "", e.venue), make("span", "muted", day(e.starts_at)));
  if (e.seats) a.append(make("span", "muted", count("event.seats", e.seats)));
  const li = make("li");
  li.append(a);
  return li;
}

const event = () => page.events?.find((e) => e.id === page.event);
const title = () => event()?.name ?? t("event.unnamed", { id: page.event });

function drawSeats() {
  page.ours = orders.seats(page.event);
  setText($("event-title"), title());
  setText($("event-when"), event() ? [event().venue, day(event().starts_at)].filter(Boolean).join(" · ") : "");
  for (const id of ["legend", "keys", "stage"]) $(id).hidden = !page.map;
  if (page.map) {
    hall.show(page.map.sections, look);
    drawLegend(page.map.counts ?? {});
  }
  $("holds-warning").hidden = page.map?.holds_known !== false;
  drawPanel();
  drawAges();
}

function drawLegend(counts) {
  const states = ["free", "picked", "mine", "held", "purchasing", "sold"];
  const items = states.map((state) => {
    const li = make("li"), mark = make("span", "seat sample");
    mark.dataset.state = state;
    mark.setAttribute("aria-hidden", "true");
    const key = counts[state] === undefined ? "legend" : "legend.counts";
    li.append(mark, make("span", "", t(key, { state: t(`state.${state}`), n: counts[state] })));
    return li;
  });
  $("legend").replaceChildren(...items);
}

function drawPanel() {
  keepFocus(drawOrders);
  drawBar();
}

/** What had the focus may be gone or moved by a drawing: then its card gets it, or the panel. */
function keepFocus(drawing) {
  const had = document.activeElement;
  const card = had.closest(".card"), ours = had.closest("#panel, #mine");
  drawing();
  if (!ours || (document.activeElement === had && had.offsetParent)) return;
  if (card?.offsetParent) return card.focus();
  $(page.event ? "panel" : "list-title").focus({ preventScroll: true });
}

function drawOrders() {
  const now = orders.current();
  cards.forget(new Set(orders.list.map((o) => o.key)));
  cards.show($("current"), now && page.event ? [now] : []);
  const rest = page.event ? orders.list.filter((o) => o !== now) : orders.list;
  $("mine").hidden = rest.length === 0;
  cards.show($("orders"), rest);
  $("pick").hidden = Boolean(now);
  $("pick-none").hidden = page.picked.size > 0;
  $("pick-some").hidden = page.picked.size === 0;
  setText($("pick-seats"), seats([...page.picked.keys()]));
  setText($("pick-total"), page.picked.size ? pickedLine() : "");
  $("pick-trouble").hidden = !page.pickTrouble;
  if (page.pickTrouble) setText($("pick-trouble"), page.pickTrouble());
  drawEntry();
}

function drawEntry() {
  $("nick-field").hidden = Boolean(session.token);
  $("nick").required = !session.token;
  setText($("hold"), t(page.busy ? "hold.wait" : session.token ? "hold.go" : "hold.enter"));
  $("hold").setAttribute("aria-disabled", String(page.busy));
  $("who").hidden = !session.token;
  setText($("who"), session.token ? t("who", { name: session.name }) : "");
}

/** On a narrow screen the panel is below the map: this bar says what is in it. */
function drawBar() {
  const now = orders.current() ?? orders.list.find((o) => o.state === "unknown" || o.state === "queued");
  let line = now ? word(now) : "";
  if (now?.state === "held") line = t("bar.held", { left: clock(now.until - Date.now()) });
  if (page.picked.size && !orders.current()) line = pickedLine();
  $("bar").hidden = !page.event || !line || page.panelSeen;
  setText($("bar-text"), line);
}

function drawAges() {
  setText($("list-source"), page.listMeta ? origin(page.listMeta, page.listAt) : page.listTrouble ? "" : t("list.loading"));
  if (page.events?.length === 0) setText($("list-source"), t("list.empty"));
  const old = Date.now() - page.mapAt;
  const blank = page.mapTrouble ? t("seats.none") : t("seats.loading");
  setText($("seats-source"), page.map ? origin(page.mapMeta, page.mapAt) : blank);
  $("seats-source").classList.toggle("old", Boolean(page.map) && old > 5000);
  $("hall").classList.toggle("old", Boolean(page.map) && old > 5000);
  $("seats-trouble").hidden = !page.mapTrouble;
  if (page.mapTrouble) setText($("seats-trouble").firstElementChild, seatsTrouble(old));
}

function seatsTrouble(old) {
  if (page.mapTrouble === "no_event") return t("seats.no_event");
  const line = t("seats.trouble", { why: why(page.mapTrouble) });
  return page.map ? `${line} ${t("seats.old", { age: age(old / 1000) })}` : line;
}

/** Where the data came from, how old they are now, and which node brought them. */
function origin(m, at) {
  const known = m.source === "cache" || m.source === "database" ? t(`source.${m.source}`) : String(m.source ?? "?");
  return [known, m.stale ? t("source.stale") : "", t("source.age", { age: age((Date.now() - at) / 1000) }),
    m.node ? t("source.node", { node: m.node }) : ""].filter(Boolean).join(" · ");
}

function setText(e, value) {
  if (e.textContent !== value) e.textContent = value;
}

// ---- clocks and wires ----

const WARN_AT = [120, 60, 30, 10]; // s left of a hold that are read out
let left = Infinity;

function warn(o, now) {
  if (WARN_AT.some((s) => left > s && now <= s)) say(t("left.said", { left: clock(now * 1000) }), true);
  left = now;
}

function second() {
  orders.tick();
  const now = orders.current();
  if (now?.state === "held") {
    cards.time(now);
    warn(now, Math.ceil((now.until - Date.now()) / 1000));
  }
  if (page.listTrouble && page.listWait > 0 && !document.hidden && --page.listWait === 0) loadEvents();
  else drawList();
  drawAges();
  drawBar();
}

function wire() {
  addEventListener("hashchange", () => { route(); $(page.event ? "event-title" : "list-title").focus(); scrollTo(0, 0); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) askSeatsNow(); });
  for (const b of document.querySelectorAll("[data-lang]")) b.addEventListener("click", () => { choose(b.dataset.lang); hall.clear(); say(""); draw(); });
  $("skip").addEventListener("click", (e) => { e.preventDefault(); $("main").focus(); });
  $("pick").addEventListener("submit", submit);
  $("unpick").addEventListener("click", () => { page.picked.clear(); page.pickTrouble = null; say(t("pick.none"), true); drawSeats(); });
  $("list-trouble").querySelector("button").addEventListener("click", loadEvents);
  $("seats-trouble").querySelector("button").addEventListener("click", askSeatsNow);
  $("bar-go").addEventListener("click", () => { $("panel").scrollIntoView(); $("panel").focus({ preventScroll: true }); });
  new IntersectionObserver(([seen]) => { page.panelSeen = seen.isIntersecting; drawBar(); }, { threshold: 0.1 }).observe($("side"));
}

wire();
route();
pollOrders();
setInterval(second, 1000);
