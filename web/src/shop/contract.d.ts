// What the shop's stores promise to its components: the shapes of the state and
// the signature of everything that a store exports. Types only; nothing of it
// reaches a browser. test/types.ts checks that every store keeps its promise.

import type { ReadonlySignal } from "@preact/signals";

// ---- one request and what its answer means (api.js) ----

/**
 * What may be believed about a request that did not succeed:
 * "none" = it did not happen and never will, "unknown" = it may have, or may yet.
 */
export type Certainty = "none" | "unknown";

export interface Answer<T = any> {
  ok: boolean;
  /** 0 when nothing came back. */
  status: number;
  outcome: "" | Certainty;
  /** "" when ok; else the server's code, or network, timeout, unreadable, http_<status>. */
  code: string;
  data: T;
  node: string;
  /** The cache says that what it serves has outlived its time. */
  stale: boolean;
  /** Retry-After in ms; 0 when the answer had none. */
  wait: number;
  sentAt: number;
  arrivedAt: number;
}

export interface Request {
  body?: unknown;
  token?: string;
  signal?: AbortSignal;
  /** ms; 3000 unless told. */
  patience?: number;
}

export type Call = (method: "GET" | "POST" | "DELETE", path: string, request?: Request) => Promise<Answer>;

/** How an act of the person ended, for the sentence next to the button. */
export type Outcome =
  | { ok: true }
  | {
      ok: false;
      certainty: Certainty;
      /** Key of the sentence: `code.${code}`; see i18n.js `codeSentence`. */
      code: string;
      /** Seats that the answer names, as those that somebody else has. */
      seats: string[];
      /** How long the server asked to wait, in ms; 0 = it did not. */
      wait: number;
    };

// ---- what is known and how old it is ----

export interface Trouble {
  code: string;
  /** When the first of the failures in a row came, in ms. */
  since: number;
  /** When the page asks again by itself, in ms; 0 = it does not (final, hidden, or asking now). */
  nextTry: number;
  /** Failures in a row. */
  attempt: number;
  /** The server said for certain that there is no such thing. */
  gone: boolean;
}

/** Age to show, in ms: ageAtArrival + (clock.now - arrivedAt). Meaningless without a value. */
export interface Known<T> {
  value?: T;
  source?: "cache" | "database";
  ageAtArrival: number;
  arrivedAt: number;
  stale: boolean;
  /** It comes from what this browser kept of an earlier visit, not from an answer of this one. */
  remembered: boolean;
  trouble?: Trouble;
  node: string;
  asking: boolean;
}

// ---- the catalogue (catalogue.js) ----

export interface EventSummary {
  id: number;
  name: string;
  venue: string;
  starts_at: string;
  seats: number;
}

export interface EventDetail extends EventSummary {
  sections: { name: string; price_cents: number }[];
}

/** Reading a signal keeps it up to date: it asks while somebody looks and the page is visible. */
export interface CatalogueStore {
  events: ReadonlySignal<Known<EventSummary[]>>;
  /** The same signal for the same id, always. */
  event(id: number): ReadonlySignal<Known<EventDetail>>;
  /** Asks now, for whoever does not want to wait for nextTry. */
  askNow(): void;
}

// ---- the seat map (seats.js) ----

export type SeatState = "free" | "held" | "purchasing" | "sold";

export interface Seat {
  id: string;
  state: SeatState;
}
export interface Row {
  name: string;
  seats: Seat[];
}
export interface Section {
  name: string;
  price_cents: number;
  rows: Row[];
}
export interface SeatMap {
  event_id: number;
  /** False: a seat shown as free may be held by somebody. Sold seats are right. */
  holds_known: boolean;
  counts: Record<SeatState, number>;
  sections: Section[];
}

export interface Change {
  from: SeatState;
  to: SeatState;
  /** When the page learned of it, in ms. */
  at: number;
}

export interface KnownSeats extends Known<SeatMap> {
  holdsKnown: boolean;
  /** Seats that changed while the page looked, by their id; kept for five minutes. */
  lastChange: ReadonlyMap<string, Change>;
}

export interface Best {
  seats: string[];
  section: string;
  row: string;
  price_cents: number;
}

export interface SeatsStore {
  /** The same signal for the same id, always. Reading it polls: see CatalogueStore. */
  map(eventId: number): ReadonlySignal<KnownSeats>;
  askNow(eventId: number): void;
  /** The n adjacent free seats nearest to the centre of the front; undefined when nowhere n are free together. */
  best(eventId: number, n: number, section?: string): Best | undefined;
  /** The same, of any map: pure. `mine` are not offered again. */
  bestOf(map: SeatMap, n: number, section?: string, mine?: ReadonlySet<string>): Best | undefined;
  /** Free seats nearest to the given one, the nearest first: what to suggest instead of one that is taken. */
  nearest(map: SeatMap, seat: string, n: number): string[];
}

// ---- the basket: picked, not yet held (basket.js) ----

export interface Picked {
  id: string;
  section: string;
  row: string;
  price_cents: number;
}

export interface Basket {
  /** 0 = no event yet. */
  event: number;
  seats: Picked[];
  total: number;
  /** Seats that somebody took while they were in the basket; removed from it, until clear or the next toggle. */
  lost: string[];
}

export type ToggleResult = "picked" | "unpicked" | "full" | "taken";

export interface BasketStore {
  MAX_SEATS: 8;
  basket: ReadonlySignal<Basket>;
  /** Picks or unpicks; "full" and "taken" change nothing. Picking for another event empties the basket first. */
  toggle(eventId: number, seat: string): ToggleResult;
  /** Replaces what is picked, as by "best N together". */
  pick(eventId: number, seats: string[]): void;
  clear(): void;
}

// ---- who has entered (session.js) ----

export interface Session {
  user: { id: string; name: string; email?: string };
  token: string;
  /** ms by the server's clock: for the eye only. The server ends a session, by a 401. */
  expires: number;
  kind: "guest" | "account";
}

export interface SessionStore {
  session: ReadonlySignal<Session | null>;
  /** Set when the server ended the session (401); empty again after entering or leaving. */
  ended: ReadonlySignal<{ kind: "guest" | "account"; name: string; email?: string } | null>;
  enterGuest(nickname: string): Promise<Outcome>;
  register(account: { email: string; password: string; name: string }): Promise<Outcome>;
  logIn(credentials: { email: string; password: string }): Promise<Outcome>;
  leave(): void;
}

// ---- orders (orders.js) ----

/**
 *   locking       asked for a hold, no answer yet
 *   lock_unknown  asked for a hold, it may exist; the same request is repeated by itself for a while
 *   held          the seats are ours until `until`
 *   buying        asked to buy, no answer yet
 *   waiting       503 none: nothing was bought, the hold stands, the same lock is sent again at `nextTry`
 *   unknown       asked to buy, it may have been accepted; the page asks how it stands at `nextTry`
 *   queued        accepted, not in the ledger yet
 *   confirmed     in the ledger
 *   rejected      refused for good; `reason` says why
 *   lapsed        the hold is over and nothing was bought
 */
export type OrderState =
  | "locking" | "lock_unknown" | "held" | "buying" | "waiting" | "unknown" | "queued" | "confirmed" | "rejected" | "lapsed";

export interface Order {
  /** Its name in this browser. */
  key: string;
  state: OrderState;
  event: number;
  eventName: string;
  seats: string[];
  /** cents */
  amount: number;
  /** Who asked. The server answers nobody else: `isMine(order)` says whether that is who has entered now. */
  user: string;
  userName: string;
  /** "" before the hold is known. */
  lock: string;
  /** Permanent, known as soon as the lock is: `/p/${tx}`. "" before. */
  tx: string;
  /** When the hold ends, in ms of this clock; 0 before it is known. */
  until: number;
  /** How long it was when last given, in ms: what a progress bar is a part of. */
  span: number;
  extensions: number;
  /** An earlier request got no answer that settles it: a "none" to a later one takes nothing back. */
  doubt: boolean;
  /** Code of what came on top of the state, as why the last try got no further: `code.${note}`. "" = nothing. */
  note: string;
  /** rejected: code of the reason. */
  reason: string;
  /** unknown: the server does not know the purchase. The page asks on, and `sendAgain` is on offer. */
  missing: boolean;
  /** Tries in a row that got no further (waiting, unknown, lock_unknown, queued). */
  attempt: number;
  /** When the page tries or asks again by itself, in ms; 0 = not by itself, or right now. */
  nextTry: number;
  /** What is on its way besides the state. "ask" also stands for repeating the request for a hold. */
  busy: "" | "extend" | "release" | "ask";
  /** buying, waiting: tries on by itself. False after `cancel` while a try is on its way. */
  trying: boolean;
  node: string;
  createdAt: number;
  /** When the last request was sent, in ms. */
  sentAt: number;
  /** When the state last changed, in ms. */
  changedAt: number;
  /** When the server last said something about it, in ms; 0 = never. Older than this page = remembered. */
  toldAt: number;
}

/** A purchase the server knows and this browser may not: made on another device, or before it forgot. */
export interface ServerPurchase {
  transaction_id: string;
  event_id: number;
  seats: string[];
  amount_cents: number;
  status: "queued" | "confirmed" | "rejected";
  reason?: string;
}

/** An order that has just left the list. */
export interface Farewell {
  order: Order;
  /** refused: the hold was refused for certain, `outcome` says why; nothing is held. */
  why: "released" | "refused" | "given_up" | "dismissed";
  outcome?: Outcome;
}

/** What `/p/{tx}` shows. `order` is what this browser remembers; `server` what it heard when it asked. */
export interface PurchaseView {
  tx: string;
  order?: Order;
  server?: ServerPurchase;
  /** Set when neither is known: unauthorized (enter first), no_purchase (with `gone`), or trouble on the way. */
  trouble?: Trouble;
  arrivedAt: number;
  node: string;
  asking: boolean;
}

export interface MyPurchases extends Known<ServerPurchase[]> {
  /** A store could not be asked: there may be more. */
  partial: boolean;
}

export interface OrdersStore {
  /** Every order this browser remembers, the newest first. */
  orders: ReadonlySignal<Order[]>;
  /**
   * The one that must be finished or given up before another is begun: locking, lock_unknown, held, buying, waiting.
   * Never somebody else's, once another person has entered.
   */
  current: ReadonlySignal<Order | undefined>;
  /** The order that left the list last, to be said once; null before any has. */
  farewell: ReadonlySignal<Farewell | null>;
  byKey(key: string): Order | undefined;
  byTx(tx: string): Order | undefined;
  /** Whether who has entered now is who asked: only then can anything be sent for it. */
  isMine(order: Order): boolean;
  /** The seats of an event that are ours, or may be by an open question. */
  ourSeats(eventId: number): ReadonlySet<string>;

  /** Holds what the basket has, for who has entered. Refused for certain: no order remains and the basket stays. */
  hold(): Promise<Outcome>;
  /** lock_unknown: asks now, with the same request. */
  askLock(key: string): Promise<Outcome>;
  /** lock_unknown: leaves it; should the seats be held they come free by themselves. */
  giveUp(key: string): void;
  /** held, waiting: begins the hold's time anew. */
  extend(key: string): Promise<Outcome>;
  /** held, waiting: gives the seats back; the order is gone when that is certain. */
  release(key: string): Promise<Outcome>;
  /** held: asks to buy. waiting: tries at once. */
  buy(key: string): Promise<Outcome>;
  /** waiting (or buying in a row of tries): stops trying; back to held. */
  cancel(key: string): void;
  /** unknown, queued: asks now how it stands. */
  ask(key: string): Promise<Outcome>;
  /** unknown, and the server does not know it either (order.js `maySendAgain`): sends the same purchase again, with the same hold: never twice. */
  sendAgain(key: string): Promise<Outcome>;
  /** lapsed, rejected: asks for the map and puts those of the seats that are free into the basket. Resolves to how many. */
  pickAgain(key: string): Promise<number>;
  /**
   * lapsed: holds the same seats anew, in one step, if all of them are still free; else `some_gone`, and those that
   * are free lie in the basket. The lapsed order leaves the list when the new hold is asked for.
   */
  holdAgain(key: string): Promise<Outcome>;
  /**
   * Takes it off this browser's list. confirmed, rejected, lapsed; unknown only when missing; somebody else's in every
   * state, once another person has entered: nobody can be told how it ends.
   */
  dismiss(key: string): void;

  /** Reading it keeps it up to date. The same signal for the same tx, always. */
  purchase(tx: string): ReadonlySignal<PurchaseView>;
  /** The server's list for who has entered; reading it keeps it up to date. */
  mine: ReadonlySignal<MyPurchases>;
}

// ---- where the page is (route.js) ----

export type Route =
  | { page: "events" }
  | { page: "event"; id: number }
  | { page: "purchase"; tx: string }
  | { page: "me" }
  | { page: "nowhere"; path: string };

export interface RouteStore {
  route: ReadonlySignal<Route>;
  /** Follows a path of this site, as "/e/999"; `replace` leaves no step to go back to. */
  go(path: string, how?: { replace?: boolean }): void;
  /** Click handler for the whole document: links within the site are followed without loading the page. */
  follow(e: MouseEvent): void;
}

// ---- shared, of every page of the project (shared/) ----

export type Lang = "es" | "en";
export type ThemeChoice = "system" | "light" | "dark";

export interface ClockStore {
  /** ms, once a second while it is read and the page is visible. */
  now: ReadonlySignal<number>;
}

export interface ThemeStore {
  theme: ReadonlySignal<ThemeChoice>;
  setTheme(choice: ThemeChoice): void;
}

export interface I18nStore {
  lang: ReadonlySignal<Lang>;
  setLang(lang: Lang): void;
  /** The sentence of a key with its {blanks} filled in. Follows `lang`. */
  t(key: string, blanks?: Record<string, string | number>): string;
  /** `${key}.one`, `${key}.other`... by the language's own rule; {n} is filled in. */
  plural(key: string, n: number, blanks?: Record<string, string | number>): string;
  has(key: string): boolean;
  /** A code in words; one nobody has words for is quoted. */
  codeSentence(code: string): string;
}

export interface FormatStore {
  /** Cents to "25,00 €". */
  money(cents: number): string;
  number(n: number): string;
  /** Date and time of an event; "" for what is no date. */
  day(iso: string): string;
  /** One part of an event's day, as for a calendar leaf: "14", "jun", "vie". */
  datePart(iso: string, part: "day" | "month" | "weekday"): string;
  /** Time of day with seconds, of a ms. */
  time(ms: number): string;
  /** What is left, as m:ss; rounded up, never negative. */
  countdown(ms: number): string;
  /** What is left, in words for a screen reader: "3 minutos y 12 segundos". */
  countdownWords(ms: number): string;
  /** "hace 12 s", "12 s ago"; minutes from 100 s on, hours from 100 min on. */
  ago(ms: number): string;
  /** "12 s", "3 min": an age or a wait without direction. */
  span(ms: number): string;
  /** "A, B y C". */
  list(items: string[]): string;
}
