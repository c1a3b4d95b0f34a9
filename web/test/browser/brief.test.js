// A hold that runs out, on an EventFlow whose holds last seconds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HALL, claim, shop } from "./support/class.js";
import { accessible, inspect, shoot } from "./support/looks.js";
import { Shop } from "./support/shop.js";
import { until } from "./support/until.js";

/** Seconds. */
const GIVEN = 16;

/** How often the hold has begun anew. @param {Shop} s */
const extensions = (s) => s.page.evaluate(() => Math.max(0, ...Object.keys(localStorage).filter((k) => k.startsWith("eventflow.order."))
  .map((k) => JSON.parse(localStorage.getItem(k) ?? "{}").order?.extensions ?? 0)));

test("time runs out: it can be had anew ten times, then it ends, and one tap holds the same seats again", async (t) => {
  const seats = await claim(2);
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter();
  await s.hold(...seats);
  const timer = s.bar("held").getByRole("timer");
  const left = async () => Number((await timer.innerText()).replace(/^0:/, ""));
  await s.bar("held").getByText(s.t("hold.short")).waitFor();
  await shoot(s.page, "short");
  await until("it was extended ten times", async () => {
    if ((await extensions(s)) >= 10) return true;
    if ((await s.act("extend").getAttribute("aria-disabled", { timeout: 2000 })) !== "true") await s.act("extend").click({ timeout: 2000 });
    return false;
  });
  assert.ok((await left()) <= GIVEN, "never more than the server gave");
  await until("it counts down", async () => (await left()) < GIVEN - 2);
  await s.act("extend").click();
  await until("it begins anew", async () => (await left()) >= GIVEN - 2);
  await accessible(s.page, "short"); // while this takes its time the hold may end, and that is a screen, too

  await s.page.goto("/me");
  await s.order("lapsed").waitFor();
  await s.order("lapsed").getByText(s.t("order.lapsed.say")).waitFor();
  await inspect(s.page, "lapsed");
  await s.button("do.hold_again").click();
  await s.held();
  await s.bar("held").getByText(seats.join(", ")).waitFor();
  await s.buy();
  await s.confirmed();
});

test("the hold is over for the shop and not yet for the page: 410 is a lapsed hold, not a failure", async (t) => {
  const seats = await claim(1);
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter();
  await s.hold(...seats);
  // Given back from elsewhere: from now on the shop answers 410 to this hold.
  const lock = await s.page.evaluate(() => Object.keys(localStorage).filter((k) => k.startsWith("eventflow.order.")).map((k) => JSON.parse(localStorage.getItem(k) ?? "{}").order.lock)[0]);
  const gone = await fetch(`${shop.url}/api/seats/lock/${lock}`, { method: "DELETE", headers: { Authorization: `Bearer ${await s.token()}` } });
  assert.equal(gone.status, 204);
  await s.buy();
  await s.order("lapsed").getByText(s.t("code.lock_lapsed")).waitFor();
  await s.button("do.hold_again").click();
  await s.held();
  await s.bar("held").getByText(seats.join(", ")).waitFor();
});
