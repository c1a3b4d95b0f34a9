// Two buyers, one seat. One gets it; the other is told, and nothing of the page is
// taken from under the fingers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Buyer } from "./support/buyer.js";
import { HALL, claim, shop } from "./support/class.js";
import { inspect } from "./support/looks.js";
import { Shop } from "./support/shop.js";
import { until } from "./support/until.js";

const DESK = { width: 1280, height: 800 };

/** The page hears no news of the seats until the returned function is called: as on a bad connection. @param {import("playwright-core").Page} page */
async function noNews(page) {
  /** @type {(value?: unknown) => void} */
  let release = () => {};
  const released = new Promise((resolve) => { release = resolve; });
  await page.route("**/api/events/*/seats", async (route) => { await released; await route.continue().catch(() => {}); });
  return async () => { release(); await page.unroute("**/api/events/*/seats"); };
}

test("two pages press at the same moment: one holds the seat, the other is told and keeps the focus", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const two = await Promise.all(["Ana", "Bea"].map(async (name) => {
    const s = await Shop.open(t, shop, `/e/${HALL}`, DESK);
    await s.enter(name);
    await s.pick(seat);
    return { s, news: await noNews(s.page) };
  }));
  await Promise.all(two.map(({ s }) => s.act("hold").focus()));
  await Promise.all(two.map(({ s }) => s.page.keyboard.press("Enter")));
  const [winner, loser] = await until("one has it", async () => {
    const has = await Promise.all(two.map(({ s }) => s.bar("held").count()));
    if (has[0] === has[1]) return undefined;
    return has[0] ? two : two.toReversed();
  });
  assert.ok(winner && loser);
  await loser.s.bar().getByText(loser.s.t("hold.taken", { seats: seat })).waitFor();
  await inspect(loser.s.page, "taken");
  assert.ok(await loser.s.bar().evaluate((e) => e.contains(document.activeElement)), "the focus stays in the strip where it was");
  await loser.s.page.getByRole("status").getByText(seat).waitFor();

  await Promise.all(two.map(({ news }) => news()));
  await loser.s.seatLooks(seat, "held");
  await winner.s.buy();
  await winner.s.confirmed();
  await loser.s.seatLooks(seat, "sold");
});

test("the one who came second takes what the page offers instead", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop, `/e/${HALL}`, DESK);
  await s.enter();
  await s.pick(seat);
  const news = await noNews(s.page);
  await (await Buyer.enter(shop.url)).hold(HALL, [seat]);
  await s.act("hold").click();
  const instead = s.page.getByRole("button", { name: s.like("hold.instead") });
  await instead.click();
  await news();
  const offered = await s.bar().locator(".bar-seats").innerText();
  assert.notEqual(offered, seat);
  await s.held();
  await s.bar("held").getByText(offered).waitFor();
});

test("a seat that is taken under the focus keeps it, and says so", async (t) => {
  const [seat, other] = /** @type {[string, string]} */ (await claim(2));
  const s = await Shop.open(t, shop, `/e/${HALL}`, DESK);
  await s.seatLooks(seat, "free");
  await s.seat(seat).focus();
  const rival = await Buyer.enter(shop.url);
  await rival.hold(HALL, [seat]);
  await s.seatLooks(seat, "held");
  await s.focused(s.seat(seat));
  assert.equal(await s.seat(seat).getAttribute("aria-disabled"), "true");
  assert.equal(await s.seat(seat).getAttribute("disabled"), null, "a disabled button would throw the focus away");
  await s.page.getByRole("status").getByText(new RegExp(`${seat}.*${s.t("state.held")}`)).waitFor();

  // In the basket it is not kept in silence either.
  await s.pick(other);
  await rival.buy(HALL, [other]);
  await s.bar().getByText(s.t("basket.lost", { seats: other })).waitFor();
  await s.seatLooks(other, "sold");
});
