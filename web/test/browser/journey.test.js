// The way from "what is on" to a ticket, as people go it: with a mouse or a thumb,
// with the keyboard alone, with an account, with a reload at the worst moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HALL, THEATRE, claim, shop } from "./support/class.js";
import { Buyer } from "./support/buyer.js";
import { inspect } from "./support/looks.js";
import { Shop, watchWords } from "./support/shop.js";
import { links } from "./support/stack.js";
import { until } from "./support/until.js";

test("with a thumb: choose, enter, hold, buy, and the address of the purchase lasts", async (t) => {
  const s = await Shop.open(t, shop);
  const words = await watchWords(s.page);
  await s.page.getByRole("link", { name: /Conferencia Sistemas Distribuidos/ }).click();
  await s.page.waitForURL(`**/e/${HALL}`);
  await s.page.getByText(s.like("fresh.node")).first().waitFor();

  await s.page.getByRole("form", { name: s.t("best.label") }).getByRole("button", { name: s.t("best.go") }).click();
  await s.bar().getByText(s.t("basket.seats.other", { n: 2 })).waitFor();
  await s.button("do.hold").click();
  await s.nickname("Ana");
  await s.bar("held").getByRole("timer").waitFor();
  await inspect(s.page, "held");

  await s.bar("held").getByRole("button", { name: new RegExp(`^${s.t("do.buy_short")}`) }).click();
  await s.page.waitForURL(/\/p\//);
  const tx = s.tx();
  await s.confirmed();
  await s.page.getByRole("region", { name: s.t("ticket.label") }).waitFor();
  const seen = await words.states();
  assert.equal(seen.at(-1), "confirmed");

  await s.page.reload();
  await s.order("confirmed").waitFor();
  assert.equal(s.tx(), tx);
  await s.page.getByRole("link", { name: s.t("nav.me") }).first().click();
  await s.order("confirmed").waitFor();
  const bought = await new Buyer(shop.url, await s.token()).purchases();
  assert.deepEqual(bought.map((p) => [p.transaction_id, p.status]), [[tx, "confirmed"]], "the ledger says the same");
});

test("with the keyboard alone", async (t) => {
  const s = await Shop.open(t, shop, "/", { lang: "en", width: 1280, height: 800 });
  const { page } = s;
  const keys = page.keyboard;
  await s.tabTo(page.getByRole("link", { name: /Obra de Teatro/ }));
  await keys.press("Enter");
  const heading = page.getByRole("heading", { level: 1, name: /Obra de Teatro/ });
  await s.focused(heading);
  await s.seatLooks("A-1", "free");

  // One tab stop in each section; arrows inside of it.
  await s.tabTo(page.locator("[data-seat]:focus, [data-seat='A-1']").first());
  await s.focused(s.seat("A-1"));
  await keys.press("End");
  await s.focused(s.seat("A-14"));
  await keys.press("Home");
  await keys.press("ArrowRight");
  await s.focused(s.seat("A-2"));
  await keys.press("ArrowDown");
  const below = await page.evaluate(() => document.activeElement?.getAttribute("data-seat") ?? "");
  assert.match(below, /^B-/);
  await keys.press("ArrowUp");
  await keys.press("Control+End");
  assert.match(await page.evaluate(() => document.activeElement?.getAttribute("data-seat") ?? ""), /^J-20$/, "the last seat of the section");
  await keys.press("Control+Home");
  await s.focused(s.seat("A-1"));
  await keys.press("Space");
  await s.seatLooks("A-1", "picked");
  await s.focused(s.seat("A-1"));
  assert.equal(await s.seat("A-1").getAttribute("aria-pressed"), "true");
  await keys.press("ArrowRight");
  await keys.press("Enter");
  await s.seatLooks("A-2", "picked");

  await s.tabTo(s.button("do.hold"));
  await keys.press("Enter");
  await s.focused(s.dialog().getByLabel(s.t("enter.nickname")));
  await keys.press("Escape");
  await s.dialog().waitFor({ state: "hidden" });
  await s.focused(s.button("do.hold"));
  await keys.press("Enter");
  await s.focused(s.dialog().getByLabel(s.t("enter.nickname")));
  await keys.type("Grace");
  await keys.press("Enter");
  await s.bar("held").waitFor();
  assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), "BODY", "the focus is somewhere when the button that had it is gone");
  await s.tabTo(s.act("buy"));
  await keys.press("Enter");
  await page.waitForURL(/\/p\//);
  await s.confirmed();
  await s.focused(page.getByRole("heading", { level: 1 }));
});

test("with an account: made, left, and logged in to again on another phone", async (t) => {
  const account = { name: "Inés", email: `ines-${Date.now()}@example.org`, password: "correct horse battery" };
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.page.getByRole("banner").getByRole("button", { name: s.t("who.enter") }).click();
  await s.button("enter.way.register").click();
  await s.dialog().getByLabel(s.t("enter.name")).fill(account.name);
  await s.dialog().getByLabel(s.t("enter.email")).fill(account.email);
  await s.dialog().getByLabel(s.t("enter.password")).fill(account.password);
  await inspect(s.page, "register");
  await s.button("enter.go.register").click();
  await s.dialog().waitFor({ state: "hidden" });
  await s.hold(seat);
  await s.buy();
  await s.confirmed();

  const other = await Shop.open(t, shop, "/me", { lang: "en" });
  await other.page.getByRole("banner").getByRole("button", { name: other.t("who.enter") }).click();
  await other.button("enter.way.login").click();
  await other.dialog().getByLabel(other.t("enter.email")).fill(account.email);
  await other.dialog().getByLabel(other.t("enter.password")).fill(account.password);
  await other.page.keyboard.press("Enter");
  await other.dialog().waitFor({ state: "hidden" });
  await other.page.getByRole("link", { name: new RegExp(seat) }).click();
  await other.confirmed();
  await other.page.getByText(seat).first().waitFor();
});

test("a reload in the middle of buying: nothing is bought twice and nothing is forgotten", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter();
  await s.hold(seat);
  const slow = await shop.slow(t, links.nodes, 1500);
  const asked = s.page.waitForRequest((r) => r.url().endsWith("/api/purchase"));
  const tx = await s.buy();
  await asked;
  await s.page.reload();
  const words = await watchWords(s.page);
  await s.order("unknown").waitFor();
  await inspect(s.page, "reloaded");
  await slow.heal();
  await s.confirmed();
  assert.equal(s.tx(), tx);
  assert.ok(!(await words.states()).includes("buying"), "it asks, it does not buy again");
  const bought = await new Buyer(shop.url, await s.token()).purchases();
  assert.deepEqual(bought.map((p) => p.transaction_id), [tx]);
});

test("map and list show the same seats, and the choice follows from one to the other", async (t) => {
  const s = await Shop.open(t, shop, `/e/${THEATRE}`, { width: 1280, height: 800 });
  await s.seatLooks("C-7", "free");
  await s.pick("C-7");
  const looks = () => s.page.locator("[data-seat]").evaluateAll((all) => all.map((e) => `${e.getAttribute("data-seat")} ${e.getAttribute("data-look")}`).filter((x) => !/held|sold|purchasing/.test(x)).sort());
  const onMap = await looks();
  await s.button("view.list").click();
  await until("the list is there", async () => (await s.page.locator(".list-seats").count()) > 0);
  assert.deepEqual(await looks(), onMap);
});
