// What the shop goes through in a class, and the page with it: every node gone,
// nginx gone, links slow, the phone asleep. The page stays, says what it knows and
// how old that is, and goes on without a reload.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Buyer } from "./support/buyer.js";
import { HALL, THEATRE, claim, shop } from "./support/class.js";
import { inspect } from "./support/looks.js";
import { Shop } from "./support/shop.js";
import { links } from "./support/stack.js";
import { until } from "./support/until.js";

test("every node is cut: the page stays, says so, also after a reload, and goes on after the heal", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop);
  await s.enter();
  await s.page.getByRole("link", { name: /Conferencia/ }).click();
  await s.seatLooks(seat, "free");
  const cut = await shop.cut(t, links.nodes);
  const trouble = s.page.getByRole("region", { name: s.t("trouble.seats") });
  await trouble.getByText(s.t("code.unavailable")).waitFor();
  await trouble.getByText(s.like("trouble.next")).waitFor();
  await s.seatLooks(seat, "maybe");
  await inspect(s.page, "nodes-cut");

  await s.page.reload();
  await s.page.getByText(s.t("fresh.remembered")).first().waitFor();
  await s.seatLooks(seat, "maybe");
  await s.mark();
  await s.page.getByRole("link", { name: s.t("event.back") }).click();
  await s.page.getByRole("link", { name: /Conferencia/ }).waitFor();
  await inspect(s.page, "nodes-cut-events");
  await s.page.goBack();
  await s.seat(seat).click();
  await s.act("hold").click();
  await s.bar().getByText(s.t("code.unavailable")).waitFor();

  await cut.heal();
  await s.seatLooks(seat, "picked");
  await trouble.waitFor({ state: "hidden" });
  await s.sameLife();
  await s.held();
});

test("nginx dies: no connection, in words; it comes back and so does the page", async (t) => {
  const s = await Shop.open(t, shop, `/e/${THEATRE}`);
  await s.seatLooks("A-1", "free");
  await s.mark();
  await shop.kill(t, "nginx");
  const trouble = s.page.getByRole("region", { name: s.t("trouble.seats") });
  await trouble.getByText(s.t("code.network")).waitFor();
  await s.seat("A-1").waitFor();
  await inspect(s.page, "offline");
  await shop.revive("nginx");
  await trouble.waitFor({ state: "hidden" });
  await s.sameLife();
});

test("a purchase that is known to this browser stands at its address when nobody can say anything about it", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter();
  await s.hold(seat);
  const consumer = await shop.cut(t, /^consumer_/);
  await s.buy();
  await s.order("queued").waitFor();
  const cut = await shop.cut(t, links.nodes);
  await s.page.reload();
  await s.order("queued").waitFor();
  await s.order("queued").getByText(s.like("order.remembered")).waitFor();
  await inspect(s.page, "remembered");
  await cut.heal();
  await consumer.heal();
  await s.confirmed();
});

test("slow links: everything takes its time and nothing is doubted", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter();
  await s.seatLooks(seat, "free");
  const slow = await shop.slow(t, links.nodes, 600);
  await s.pick(seat);
  await s.act("hold").click();
  await s.bar("locking").waitFor();
  await s.bar("held").waitFor();
  const tx = await s.buy();
  await s.order("buying").waitFor();
  await inspect(s.page, "buying");
  await s.confirmed();
  await slow.heal();
  assert.deepEqual((await new Buyer(shop.url, await s.token()).purchases()).map((p) => p.transaction_id), [tx]);
});

test("the phone sleeps: it asks nothing, and knows everything again a moment after it wakes", async (t) => {
  const [mine, theirs] = /** @type {[string, string]} */ (await claim(2));
  const s = await Shop.open(t, shop, "/", { width: 1280, height: 800 });
  await s.page.clock.install();
  await s.page.goto(`/e/${HALL}`);
  await s.enter();
  await s.hold(mine);
  await s.seatLooks(theirs, "free");
  await s.mark();
  const consumer = await shop.cut(t, /^consumer_/);
  await s.act("buy").click();
  await s.order("queued").waitFor();
  await s.page.goBack();
  await s.seatLooks(theirs, "free");

  await asleep(s, true);
  const asked = /** @type {string[]} */ ([]);
  s.page.on("request", (r) => asked.push(r.url()));
  await consumer.heal();
  const rival = await Buyer.enter(shop.url);
  await rival.buy(HALL, [theirs]);
  await shop.kill(t, "nginx"); // what connections it had are gone
  await shop.revive("nginx");
  await s.page.clock.fastForward("01:30");
  assert.deepEqual(asked, [], "a phone in a pocket asks nothing");

  await asleep(s, false);
  await s.seatLooks(theirs, "sold");
  await until("the map is fresh", async () => (await s.age()) < 5);
  await s.page.goForward();
  await s.confirmed();
  await s.sameLife();
});

/** A browser without a screen is never hidden; this tells the page that it is. @param {Shop} s @param {boolean} hidden */
async function asleep(s, hidden) {
  await s.page.evaluate((now) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (now ? "hidden" : "visible") });
    Object.defineProperty(document, "hidden", { configurable: true, get: () => now });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}
