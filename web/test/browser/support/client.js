// A phone without a screen: the page's own stores, and nothing that draws. Of these
// a small machine carries as many as a class has.

import { call as theCall } from "../../../src/shop/api.js";
import { createBasket } from "../../../src/shop/basket.js";
import { createCatalogue } from "../../../src/shop/catalogue.js";
import { createOrders } from "../../../src/shop/orders.js";
import { createSeats } from "../../../src/shop/seats.js";
import { createSession } from "../../../src/shop/session.js";

/** A world that is always looked at and remembers nothing. @returns {import("../../../src/shared/store.js").World} */
function world() {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    after(ms, then) {
      const timer = setTimeout(then, ms).unref(); // what it still wants to ask keeps no test waiting
      return () => clearTimeout(timer);
    },
    visible: () => true,
    onVisibility() {},
    recall: () => undefined,
    remember() {},
    kept: () => [],
    onKept() {},
  };
}

/** @param {string} url @param {number} event what it looks at */
export function client(url, event) {
  const own = world();
  /** @type {import("../../../src/shop/contract.js").Call} */
  const call = (method, path, request) => theCall(method, url + path, request);
  const session = createSession(own, call);
  const catalogue = createCatalogue(own, call);
  const seats = createSeats(own, call);
  const basket = createBasket(own, seats);
  const orders = createOrders(own, session, basket, seats, catalogue);
  /** Looking is what keeps a store up to date; nobody wants to see it. */
  const looking = [seats.map(event), catalogue.event(event), orders.current].map((s) => s.subscribe(() => {}));
  return { session, seats, basket, orders, away: () => looking.forEach((stop) => stop()) };
}

/** @typedef {ReturnType<typeof client>} Client */
