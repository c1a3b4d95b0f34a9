// Sixty phones through a Postgres cut with nothing lost, and no stampede when the
// shop comes back. Four of them are real pages; the others are the page's own
// stores without a screen.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { maySendAgain } from "../../src/shop/order.js";
import { Buyer } from "./support/buyer.js";
import { ARENA, claim, shop } from "./support/class.js";
import { client } from "./support/client.js";
import { Rate } from "./support/rate.js";
import { Shop } from "./support/shop.js";
import { links } from "./support/stack.js";
import { until } from "./support/until.js";

const PAGES = 4;
const CLIENTS = 56;

/** What so many phones ask a second by design: a map every two seconds, and as often after a purchase in the queue. */
const MAPS = (PAGES + CLIENTS) / 2;
const MAPS_AND_PURCHASES = 2 * MAPS;

/** How long each phase is watched, in ms: two rounds of what every phone asks every two seconds. */
const PHASE = 4000;

/** @param {number} ms */
const watched = (ms) => new Promise((next) => setTimeout(next, ms));

/** How its order stands; where the shop cannot tell, its owner sends the same again. @param {import("./support/client.js").Client} c */
function pressOn(c) {
  const order = c.orders.orders.peek()[0];
  if (order && maySendAgain(order)) void c.orders.sendAgain(order.key);
  return order?.state;
}

test(`${PAGES + CLIENTS} phones buy while Postgres is cut: all are confirmed, and nobody stampedes`, async (t) => {
  const seats = await claim(PAGES + CLIENTS, ARENA);
  const pages = await Promise.all(seats.slice(0, PAGES).map(async (seat, i) => {
    const s = await Shop.open(t, shop, `/e/${ARENA}`, i % 2 ? { width: 1280, height: 800, lang: "en" } : {});
    await s.enter(`Page ${i + 1}`);
    await s.mark();
    return { s, seat };
  }));
  // Who is refused for sure presses again, as people do.
  const clients = seats.slice(PAGES).map((seat) => ({ ...client(shop.url, ARENA), seat }));
  t.after(() => clients.forEach((c) => c.away()));
  await Promise.all(clients.map(async (c, i) => {
    await watched(50 * i); // a class does not enter in one moment
    await until("it is in", async () => (await c.session.enterGuest(`Phone ${i + 1}`)).ok, { every: 1000 });
    await until("it has a map", () => c.seats.map(ARENA).peek().value !== undefined);
  }));

  const rate = new Rate(shop);
  t.after(() => rate.stop());
  rate.mark("steady");
  await watched(PHASE);
  const cut = await shop.cut(t, links.postgres);
  rate.mark("Postgres is cut");
  await Promise.all([
    ...pages.map(async ({ s, seat }) => {
      await s.pick(seat);
      await s.held();
      await s.buy();
      await s.order("queued").waitFor();
    }),
    ...clients.map(async (c, i) => {
      await watched(50 * i);
      /** @type {string[]} */
      const refusals = [];
      await until(`${c.seat} is held`, async () => {
        const order = c.orders.current.peek();
        if (order?.state === "held") return true;
        if (order) refusals.push(`${order.state} ${order.note}`);
        else {
          c.basket.pick(ARENA, [c.seat]);
          const outcome = await c.orders.hold();
          if (!outcome.ok) refusals.push(outcome.code);
        }
        return false;
      }, { every: 500 }).catch((e) => assert.fail(`${e.message}: ${refusals.join(", ")}`));
      await c.orders.buy(String(c.orders.current.peek()?.key));
      await until(`${c.seat} is queued`, () => pressOn(c) === "queued", { every: 500 });
    }),
  ]);
  rate.mark("all are queued");
  await watched(PHASE);
  rate.mark("Postgres is healed");
  await cut.heal();
  await Promise.all([
    ...pages.map(({ s }) => s.confirmed()),
    ...clients.map((c) => until(`${c.seat} is confirmed`, () => pressOn(c) === "confirmed", { every: 500 })),
  ]);
  rate.mark("all are confirmed");
  await Promise.all(pages.map(({ s }) => s.sameLife()));
  await Promise.all(pages.map(({ s }) => s.page.goto(`/e/${ARENA}`)));

  // The same with nobody there at all: now every phone has seen a failure.
  const gone = await shop.cut(t, links.nodes);
  rate.mark("every node is cut");
  await watched(PHASE);
  rate.mark("the nodes are healed");
  await gone.heal();
  await Promise.all(clients.map((c) => until("its map is fresh", () => !c.seats.map(ARENA).peek().trouble)));
  rate.mark("everybody is back");
  await watched(PHASE / 2);
  await rate.stop();

  const bought = await Promise.all([
    ...pages.map(async ({ s, seat }) => ({ seat, list: await new Buyer(shop.url, await s.token()).purchases() })),
    ...clients.map(async (c) => ({ seat: c.seat, list: await new Buyer(shop.url, String(c.session.session.peek()?.token)).purchases() })),
  ]);
  const lost = bought.filter(({ seat, list }) => !(list.length === 1 && list[0]?.status === "confirmed" && list[0].seats.join() === seat));
  const end = rate.samples.at(-1)?.at ?? 0;
  const figures = {
    phones: { pages: PAGES, without_a_screen: CLIENTS },
    confirmed: bought.length - lost.length,
    lost,
    requests_per_second: {
      steady: rate.mean(rate.at("steady"), rate.at("Postgres is cut")),
      all_queued: rate.mean(rate.at("all are queued"), rate.at("Postgres is healed")),
      peak_after_postgres_heal: rate.peak(rate.at("Postgres is healed"), rate.at("every node is cut")),
      peak_while_cut: rate.peak(rate.at("every node is cut"), rate.at("the nodes are healed")),
      peak_after_nodes_heal: rate.peak(rate.at("the nodes are healed"), end),
    },
    ...rate.record(),
  };
  if (process.env.EVENTFLOW_SHOTS) writeFileSync(join(process.env.EVENTFLOW_SHOTS, "sixty-phones.json"), `${JSON.stringify(figures, null, 1)}\n`);
  const r = figures.requests_per_second;
  t.diagnostic(Object.entries(r).map(([what, n]) => `${what} ${n.toFixed(0)}/s`).join(", "));
  assert.deepEqual(lost, [], "everybody's purchase is in the ledger, once");
  // A machine that is short of breath asks less than it should, and is measured by what it should.
  assert.ok(r.peak_after_postgres_heal <= 2 * Math.max(r.all_queued, MAPS_AND_PURCHASES), "no stampede when Postgres is back");
  assert.ok(r.peak_after_nodes_heal <= 2 * Math.max(r.steady, MAPS), "no stampede when the nodes are back");
});
