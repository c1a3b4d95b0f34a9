// What the server says of purchases: one by its address, and the list of who has
// entered. A purchase that this browser made itself is followed by orders.js; here
// only those are asked for that it does not remember.

import { computed, effect, signal } from "@preact/signals";
import { createKnown } from "./known.js";
import { around, backoff, createLoop } from "./retry.js";

/** @typedef {import("./contract.js").PurchaseView} PurchaseView */
/** @typedef {import("./contract.js").ServerPurchase} ServerPurchase */
/** @typedef {import("./contract.js").Answer} Answer */

/** ms between fresh answers. */
const ONE = 2000;
const LIST = 5000;

/**
 * @param {import("../shared/store.js").World} world
 * @param {Pick<typeof import("./session.js"), "session" | "ended" | "send">} session
 * @param {(tx: string) => import("./contract.js").Order | undefined} byTx
 */
export function createPurchases(world, session, byTx) {
  /** Whoever has not entered is not worth a request. @type {import("./contract.js").Call} */
  const send = async (method, path, request) =>
    session.session.peek() ? session.send(method, path, request) : nobody(world.now());

  const list = createKnown(world, {
    ask: (signal) => send("GET", "/api/purchases", { signal }),
    read: (data) => (Array.isArray(data.purchases) ? /** @type {ServerPurchase[]} */ (data.purchases) : undefined),
    every: LIST, keep: "eventflow.purchases", of: () => session.session.peek()?.user.id ?? "",
    more: { partial: false }, heard: (_next, _before, data) => ({ partial: data.partial === true }),
  });

  /** @param {string} tx */
  function follow(tx) {
    /** @type {PurchaseView} */
    const nothing = { tx, arrivedAt: 0, node: "", asking: false };
    const asked = signal(nothing, {
      watched: () => loop.start(),
      unwatched() {
        loop.stop();
        asked.value = { ...asked.peek(), asking: false };
      },
    });
    const loop = createLoop(world, async (abort) => {
      asked.value = { ...asked.peek(), asking: true };
      const a = await send("GET", `/api/purchases/${encodeURIComponent(tx)}`, { signal: abort });
      if (abort.aborted) return 0;
      if (!a.ok || !isPurchase(a.data, tx)) return failed(a);
      asked.value = { tx, server: a.data, arrivedAt: a.arrivedAt, node: a.node, asking: false };
      return a.data.status === "queued" ? around(ONE, 0.2, world.random) : Infinity;
    }, (due) => {
      const { trouble } = asked.peek();
      if (trouble && trouble.nextTry !== due) asked.value = { ...asked.peek(), trouble: { ...trouble, nextTry: due } };
    });

    /** @param {Answer} a */
    function failed(a) {
      const before = asked.peek();
      const attempt = (before.trouble?.attempt ?? 0) + 1;
      asked.value = { ...before, asking: false, node: a.node || before.node, trouble: { code: a.ok ? "unreadable" : a.code,
        since: before.trouble?.since ?? world.now(), nextTry: 0, attempt, gone: a.code === "no_purchase" } };
      // A purchase may come to be known later, so even "no such purchase" is asked again.
      return a.status === 401 ? Infinity : backoff(attempt, world.random, a.wait);
    }

    return {
      view: computed(() => {
        const order = byTx(tx);
        return order ? { tx, order, arrivedAt: order.toldAt, node: order.node, asking: order.busy === "ask" } : asked.value;
      }),
      renew() {
        asked.value = nothing;
        loop.again();
      },
    };
  }

  /** @type {Map<string, ReturnType<typeof follow>>} */
  const made = new Map();

  let last = session.session.peek()?.user.id;
  effect(() => {
    const now = session.session.value?.user.id;
    if (now === undefined && session.ended.value) return; // a 401 takes nothing away
    if (now === last) return void list.now();
    last = now;
    list.renew();
    for (const one of made.values()) one.renew();
  });

  return {
    mine: list.state,
    /** @param {string} tx @returns {import("@preact/signals").ReadonlySignal<PurchaseView>} */
    purchase(tx) {
      let one = made.get(tx);
      if (!one) made.set(tx, (one = follow(tx)));
      return one.view;
    },
  };
}

/** @param {any} data @param {string} tx @returns {data is ServerPurchase} */
const isPurchase = (data, tx) => data.transaction_id === tx && ["queued", "confirmed", "rejected"].includes(data.status);

/** The answer to a question that was not sent. @param {number} now @returns {Answer} */
const nobody = (now) => ({ ok: false, status: 401, outcome: "none", code: "enter_first", data: {}, node: "", stale: false, wait: 0,
  sentAt: now, arrivedAt: now });
