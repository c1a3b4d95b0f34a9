import assert from "node:assert/strict";
import { test } from "node:test";

/** As much of a browser as a route needs. */
class Anchor {
  /** @param {string} href @param {Record<string, string>} [attributes] */
  constructor(href, attributes = {}) {
    const url = new URL(href, "http://shop:8888/");
    Object.assign(this, { origin: url.origin, pathname: url.pathname, search: url.search, hash: url.hash, target: "" }, attributes);
    this.attributes = attributes;
  }
  closest() { return this; }
  /** @param {string} name */
  hasAttribute(name) { return name in this.attributes; }
}

const TX = "666b418d-96f0-5a92-886e-6405da014a85";
/** @type {string[]} */
const steps = [];
/** @type {Record<string, () => void>} */
const heard = {};
Object.assign(globalThis, {
  HTMLAnchorElement: Anchor,
  location: new URL("http://shop:8888/"),
  history: {
    pushState: (/** @type {any} */ _s, /** @type {any} */ _t, /** @type {URL} */ to) => { steps.push(`push ${to.pathname}`); globalThis.location.href = to.href; },
    replaceState: (/** @type {any} */ _s, /** @type {any} */ _t, /** @type {URL} */ to) => { steps.push(`replace ${to.pathname}`); globalThis.location.href = to.href; },
  },
  scrollTo() {},
  addEventListener: (/** @type {string} */ name, /** @type {() => void} */ f) => { heard[name] = f; },
});

const { follow, go, parse, route } = await import("../../src/shop/route.js");

test("addresses", () => {
  assert.deepEqual(parse("/"), { page: "events" });
  assert.deepEqual(parse(""), { page: "events" });
  assert.deepEqual(parse("/index.html"), { page: "events" });
  assert.deepEqual(parse("/me/"), { page: "me" });
  assert.deepEqual(parse("/e/999"), { page: "event", id: 999 });
  assert.deepEqual(parse("/e/999/"), { page: "event", id: 999 });
  assert.deepEqual(parse(`/p/${TX}`), { page: "purchase", tx: TX });
  assert.deepEqual(parse(`/p/${TX.toUpperCase()}`), { page: "purchase", tx: TX });
  for (const path of ["/e/", "/e/0", "/e/x", "/e/9/9", "/e/1e3", "/p/", "/p/1", "/x", "/ME"]) assert.equal(parse(path).page, "nowhere", path);
});

test("going somewhere is a step back can undo; going where one is, is none", () => {
  go("/e/999");
  assert.deepEqual(route.peek(), { page: "event", id: 999 });
  go("/e/999");
  go("/me", { replace: true });
  assert.deepEqual(steps, ["push /e/999", "replace /e/999", "replace /me"]);
  globalThis.location.href = "http://shop:8888/";
  heard.popstate();
  assert.deepEqual(route.peek(), { page: "events" });
});

test("links within the shop are followed, others are the browser's", () => {
  /** @param {Anchor} target @param {object} [more] */
  const click = (target, more) => {
    let taken = false;
    follow(/** @type {any} */ ({ target, button: 0, preventDefault() { taken = true; }, ...more }));
    return taken;
  };
  assert.equal(click(new Anchor("/me")), true);
  assert.deepEqual(route.peek(), { page: "me" });
  assert.equal(click(new Anchor(`/p/${TX}`)), true);
  assert.equal(click(new Anchor("http://elsewhere/me")), false);
  assert.equal(click(new Anchor("/api/events")), false);
  assert.equal(click(new Anchor("/me", { target: "_blank" })), false);
  assert.equal(click(new Anchor("/me", { download: "" })), false);
  assert.equal(click(new Anchor(`/p/${TX}#main`)), false, "the skip link");
  for (const held of ["metaKey", "ctrlKey", "shiftKey", "altKey"]) assert.equal(click(new Anchor("/"), { [held]: true }), false, held);
  assert.equal(click(new Anchor("/"), { button: 1 }), false);
  assert.equal(click(new Anchor("/"), { defaultPrevented: true }), false);
});
