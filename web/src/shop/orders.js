// The buyer's orders: sends what order.js allows, keeps what is known for the
// next visit, and asks on by itself where asking is safe. It draws nothing.
//
// Every tab of a browser keeps the same orders, each under a key of its own, so
// that no tab writes over what another one learned.

import { computed, effect, signal } from "@preact/signals";
import { world as theWorld } from "../shared/store.js";
import { outcomeOf, refused } from "./api.js";
import * as theBasket from "./basket.js";
import * as theCatalogue from "./catalogue.js";
import { isAsking, newOrder, step } from "./order.js";
import { createPurchases } from "./purchases.js";
import * as theSeats from "./seats.js";
import * as theSession from "./session.js";
import { uuid4 } from "./uuid5.js";

/** @typedef {import("./contract.js").Order} Order */
/** @typedef {import("./contract.js").Outcome} Outcome */
/** @typedef {import("./contract.js").Farewell} Farewell */
/** @typedef {import("./order.js").Event} Event */
/** @typedef {"lock" | "buy" | "status" | "extend" | "release"} Question */

const KEPT = "eventflow.order.";

/** Of the shape of an order as kept; another one is left alone. */
const VERSION = 1;

/** After this time another tab's request will get no answer any more: the tab is gone. In ms. */
const LOST = 10_000;

const OPEN = new Set(["locking", "lock_unknown", "held", "buying", "waiting"]);
const NOT_OURS = new Set(["rejected", "lapsed"]);

/** @type {Record<Question, (o: Order) => ["GET" | "POST" | "DELETE", string, object?]>} */
const REQUESTS = {
  lock: (o) => ["POST", "/api/seats/lock", { event_id: o.event, seats: o.seats, request_id: o.key }],
  buy: (o) => ["POST", "/api/purchase", { lock_id: o.lock }],
  status: (o) => ["GET", `/api/purchases/${encodeURIComponent(o.tx)}`],
  extend: (o) => ["POST", `/api/seats/lock/${encodeURIComponent(o.lock)}/extend`],
  release: (o) => ["DELETE", `/api/seats/lock/${encodeURIComponent(o.lock)}`],
};

/** What is asked by itself in a state, when its time has come. @type {Partial<Record<Order["state"], Question>>} */
const BY_ITSELF = { lock_unknown: "lock", waiting: "buy", unknown: "status", queued: "status" };

/**
 * @param {import("../shared/store.js").World} world
 * @param {Pick<typeof theSession, "session" | "ended" | "send">} session
 * @param {Pick<typeof theBasket, "basket" | "pick" | "hand" | "reconcile">} basket
 * @param {Pick<typeof theSeats, "map" | "onMap" | "askNow">} seats
 * @param {Pick<typeof theCatalogue, "events" | "event">} catalogue
 */
export function createOrders(world, session, basket, seats, catalogue) {
  const context = () => ({ now: world.now(), random: world.random });
  const list = signal(restore());
  const farewell = signal(/** @type {Farewell | null} */ (null));
  // Somebody else's hold cannot be finished here, so nobody has to wait for it.
  const current = computed(() => list.value.find((o) => OPEN.has(o.state) && (!session.session.value || isMine(o))));
  /** Orders with a request of this tab on its way. @type {Map<string, number>} */
  const flying = new Map();
  let stop = () => {};

  /** @param {string} key */
  const byKey = (key) => list.value.find((o) => o.key === key);
  /** @param {string} key */
  const peek = (key) => list.peek().find((o) => o.key === key);
  /** @param {Order} o */
  const isMine = (o) => session.session.value?.user.id === o.user;

  /** @returns {Order[]} */
  function restore() {
    return world.kept(KEPT).map((at) => read(at)).filter((o) => o !== undefined)
      .map((o) => step(o, { type: "reloaded" }, context()) ?? o).sort((a, b) => b.createdAt - a.createdAt);
  }

  /** @param {string} at @returns {Order | undefined} */
  function read(at) {
    const kept = world.recall(at);
    return kept?.version === VERSION && KEPT + kept.order?.key === at ? kept.order : undefined;
  }

  /** @param {Order} o */
  function put(o) {
    const others = list.peek();
    list.value = others.some((x) => x.key === o.key) ? others.map((x) => (x.key === o.key ? o : x)) : [o, ...others];
  }

  /** @param {Order} o */
  const save = (o) => world.remember(KEPT + o.key, { version: VERSION, order: o });

  /** @param {string} key */
  function forget(key) {
    list.value = list.peek().filter((o) => o.key !== key);
  }

  /**
   * @param {string} key
   * @param {Event} e
   * @param {Omit<Farewell, "order">} [parting] what it means should the order be over
   * @returns {boolean} whether it meant anything
   */
  function happen(key, e, parting) {
    const before = latest(key);
    const next = before && step(before, e, context());
    if (!before || next === before) return false;
    if (next) {
      put(next);
      save(next);
      if (next.lock && !before.lock) basket.hand(next.event, next.seats);
    } else {
      forget(key);
      world.remember(KEPT + key, undefined);
      if (parting) farewell.value = { order: before, ...parting };
    }
    plan();
    return true;
  }

  /** Sends one request for an order, if its state allows it. @param {string} key @param {Question} what @returns {Promise<Outcome>} */
  async function ask(key, what) {
    const known = latest(key);
    if (!known) return refused("no_order");
    if (!isMineNow(known)) return refused(session.session.peek() ? "other_person" : "enter_first");
    if (!happen(key, { type: `${what}_sent` })) return refused("one_moment");
    return sent(/** @type {Order} */ (peek(key)), what);
  }

  /** @param {Order} o @param {Question} what @returns {Promise<Outcome>} */
  async function sent(o, what) {
    const [method, path, body] = REQUESTS[what](o);
    flying.set(o.key, (flying.get(o.key) ?? 0) + 1);
    const answer = await session.send(method, path, { body });
    flying.set(o.key, (flying.get(o.key) ?? 1) - 1);
    const outcome = outcomeOf(answer);
    happen(o.key, { type: `${what}_answer`, answer }, what === "release" ? { why: "released" } : { why: "refused", outcome });
    return outcome;
  }

  /** @param {Order} o */
  const isMineNow = (o) => session.session.peek()?.user.id === o.user;

  /** What is kept is what any tab knew last: an answer to this one may find the order further than it was. @param {string} key */
  function adopt(key) {
    const kept = read(KEPT + key);
    if (kept && JSON.stringify(kept) !== JSON.stringify(peek(key))) put(kept);
  }

  /** @param {string} key */
  function latest(key) {
    adopt(key);
    return peek(key);
  }

  /** When something has to happen for an order by itself. @param {Order} o */
  function due(o) {
    if (isAsking(o)) return flying.get(o.key) ? Infinity : o.sentAt + LOST;
    const what = BY_ITSELF[o.state];
    const asks = what !== undefined && o.nextTry > 0 && isMineNow(o) && (what !== "status" || world.visible());
    const ends = o.state === "held" || o.state === "waiting";
    return Math.min(asks ? o.nextTry : Infinity, ends ? o.until : Infinity);
  }

  function plan() {
    stop();
    const next = Math.min(...list.peek().map(due));
    if (next < Infinity) stop = world.after(Math.max(0, next - world.now()), wake);
  }

  function wake() {
    for (const { key } of list.peek()) {
      const o = latest(key);
      if (!o || due(o) > world.now()) continue;
      if (isAsking(o)) happen(key, { type: "reloaded" });
      else if (!happen(key, { type: "clock" })) ask(key, /** @type {Question} */ (BY_ITSELF[o.state]));
    }
    plan();
  }

  function resume() {
    for (const o of list.peek()) if (isMineNow(o)) happen(o.key, { type: "resume" });
    plan();
  }

  let seen = world.visible();
  world.onVisibility(() => {
    const before = seen;
    seen = world.visible();
    if (seen && !before) resume();
    else plan();
  });

  world.onKept((at) => {
    if (!at.startsWith(KEPT)) return;
    const key = at.slice(KEPT.length);
    if (read(at)) adopt(key);
    else forget(key);
    plan();
  });

  /** @param {number} event */
  const ourSeats = (event) => new Set(list.value.filter((o) => o.event === event && !NOT_OURS.has(o.state)).flatMap((o) => o.seats));

  seats.onMap((event, map) => basket.reconcile(event, map, ourSeats(event)));
  list.peek().forEach(save);
  plan();
  effect(() => { if (session.session.value) resume(); });

  /** @param {string} key */
  async function pickAgain(key) {
    const o = peek(key);
    if (!o || !NOT_OURS.has(o.state)) return 0;
    const answer = answerOf(seats.map(o.event));
    seats.askNow(o.event);
    await answer;
    basket.pick(o.event, o.seats);
    return basket.basket.peek().seats.length;
  }

  /** @returns {Promise<Outcome>} */
  async function hold() {
    const who = session.session.peek();
    const { event, seats: picked, total } = basket.basket.peek();
    if (!who) return refused("enter_first");
    if (current.peek()) return refused("finish_first");
    if (picked.length === 0) return refused("nothing_picked");
    const o = newOrder({ key: uuid4(), event, eventName: nameOf(event), seats: picked.map((s) => s.id), amount: total,
      user: who.user.id, userName: who.user.name }, world.now());
    put(o);
    save(o);
    return sent(o, "lock");
  }

  /** @param {number} id */
  const nameOf = (id) => catalogue.event(id).peek().value?.name ?? catalogue.events.peek().value?.find((e) => e.id === id)?.name ?? "";

  return {
    orders: list,
    current,
    farewell,
    byKey,
    /** @param {string} tx */
    byTx: (tx) => list.value.find((o) => o.tx === tx),
    isMine,
    ourSeats,

    hold,
    /** @param {string} key */
    askLock: (key) => ask(key, "lock"),
    /** @param {string} key */
    giveUp(key) { happen(key, { type: "give_up" }, { why: "given_up" }); },
    /** @param {string} key */
    extend: (key) => ask(key, "extend"),
    /** @param {string} key */
    release: (key) => ask(key, "release"),
    /** @param {string} key */
    async buy(key) {
      const state = latest(key)?.state;
      return state === "held" || state === "waiting" ? ask(key, "buy") : refused("one_moment");
    },
    /** @param {string} key */
    cancel(key) { happen(key, { type: "cancel" }); },
    /** @param {string} key */
    ask: (key) => ask(key, "status"),
    /** @param {string} key */
    async sendAgain(key) {
      return latest(key)?.state === "unknown" ? ask(key, "buy") : refused("one_moment");
    },
    pickAgain,
    /** @param {string} key @returns {Promise<Outcome>} */
    async holdAgain(key) {
      const o = peek(key);
      if (o?.state !== "lapsed") return refused("one_moment");
      if (!session.session.peek()) return refused("enter_first");
      if (current.peek()) return refused("finish_first");
      if (await pickAgain(key) < o.seats.length) return refused("some_gone");
      happen(key, { type: "dismiss" });
      return hold();
    },
    /** @param {string} key */
    dismiss(key) {
      const o = peek(key);
      const foreign = o && session.session.peek() && !isMineNow(o);
      happen(key, { type: foreign ? "disown" : "dismiss" }, { why: "dismissed" });
    },
  };
}

/**
 * The next answer, good or bad, to what is asked while somebody reads the signal.
 *
 * @param {import("@preact/signals").ReadonlySignal<import("./contract.js").Known<any>>} known
 */
function answerOf(known) {
  const before = known.peek();
  return new Promise((resolve) => {
    const stop = effect(() => {
      const k = known.value;
      const news = k.arrivedAt !== before.arrivedAt || (k.trouble && k.trouble.attempt !== before.trouble?.attempt);
      if (news) queueMicrotask(() => { stop(); resolve(undefined); });
    });
  });
}

const theOrders = createOrders(theWorld, theSession, theBasket, theSeats, theCatalogue);

export const { orders, current, farewell, byKey, byTx, isMine, ourSeats, hold, askLock, giveUp, extend, release, buy, cancel, ask,
  sendAgain, pickAgain, holdAgain, dismiss } = theOrders;

export const { purchase, mine } = createPurchases(theWorld, theSession, theOrders.byTx);
