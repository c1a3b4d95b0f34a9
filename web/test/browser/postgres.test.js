// The Postgres cut, as somebody in the audience sees it: an old map that says how
// old it is, a purchase that is queued and not called more, and the good end
// without a reload.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Buyer } from "./support/buyer.js";
import { HALL, claim, shop } from "./support/class.js";
import { inspect } from "./support/looks.js";
import { Shop, watchWords } from "./support/shop.js";
import { links } from "./support/stack.js";
import { until } from "./support/until.js";

test("Postgres is cut: the map grows old in sight, the purchase queues, and is confirmed after the heal", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter();
  await s.mark();
  const words = await watchWords(s.page);
  const cut = await shop.cut(t, links.postgres);

  await s.page.locator(".fresh").getByText(s.t("fresh.cache")).first().waitFor();
  const first = await until("the map is old", async () => { const age = await s.age(); return age >= 3 ? age : undefined; });
  await until("it grows older", async () => (await s.age()) > first);
  await s.page.locator(".fresh").getByText(s.t("fresh.stale")).first().waitFor();
  await inspect(s.page, "postgres-map");

  await s.seat(seat).click();
  await s.act("hold").click();
  await s.bar("held").waitFor();
  const tx = await s.buy();
  await s.order("queued").waitFor();
  await inspect(s.page, "queued");
  const token = await s.token();
  const told = await new Buyer(shop.url, token).send("GET", `/api/purchases/${tx}`);
  assert.equal(told.data.status, "queued", "the API says the same");

  // Reloading helps nobody and harms nobody.
  const second = await s.page.context().newPage();
  await second.goto(`/p/${tx}`);
  await second.locator("article[data-state=queued]").waitFor();
  await second.close();

  await cut.heal();
  await s.confirmed();
  await s.sameLife();
  // A busy machine may make it wait or doubt on the way; what counts is that it was queued for as long as it was.
  const seen = await words.states();
  assert.deepEqual(seen.slice(seen.indexOf("queued")), ["queued", "confirmed"]);
  await inspect(s.page, "confirmed");
  assert.equal((await new Buyer(shop.url, token).send("GET", `/api/purchases/${tx}`)).data.status, "confirmed");

  await s.page.goto(`/e/${HALL}`);
  await s.seatLooks(seat, "mine");
  await until("the map is fresh", async () => (await s.age()) < 3);
});

test("the ledger refuses a purchase that was queued: it is rejected with a reason, and never was bought", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter();
  await s.hold(seat);
  await shop.sell(HALL, seat);
  const words = await watchWords(s.page);
  await s.buy();
  await s.order("rejected").getByText(s.t("code.seat_taken")).waitFor();
  assert.ok(!(await words.states()).includes("confirmed"));
  await inspect(s.page, "rejected");
  await s.act("pick_again").click();
  await s.page.waitForURL(`**/e/${HALL}`);
});
