// Every way in which buying can end, each brought about by a real fault on the way:
// what the page says, what it does by itself, what it leaves to the person, and
// that it comes to a good end after the heal without a reload.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Buyer } from "./support/buyer.js";
import { HALL, claim, shop } from "./support/class.js";
import { inspect } from "./support/looks.js";
import { rush } from "./support/rush.js";
import { Shop, watchWords } from "./support/shop.js";
import { links } from "./support/stack.js";
import { until } from "./support/until.js";

/** @typedef {import("node:test").TestContext} T */

/** A buyer at the hall, with seats of his own. @param {T} t @param {{seats?: number, name?: string}} [who] */
async function buyer(t, { seats = 1, name = "Ana" } = {}) {
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.enter(name);
  await s.mark();
  return { s, seats: await claim(seats) };
}

/** What the ledger has of who sits at this page. @param {Shop} s */
async function ledger(s) {
  return (await new Buyer(shop.url, await s.token()).purchases()).map((p) => [p.transaction_id, p.status]);
}

/** When the page says that it asks or tries again by itself, it counts down, and keeps its word. @param {Shop} s @param {string} key */
async function countsDown(s, key) {
  await s.page.locator(".order-next").getByText(s.like(key)).waitFor();
}

test("503, nothing bought: it waits with the seats held, tries again with the same hold, and gets through", async (t) => {
  const { s, seats } = await buyer(t, { seats: 2 });
  await s.hold(...seats);
  const cut = await shop.cut(t, links.queue);
  const tx = await s.buy();
  await s.order("waiting").getByText(s.t("code.queue_unavailable")).waitFor();
  await s.order("waiting").getByText(s.like("order.waiting.say")).waitFor();
  await s.order("waiting").getByRole("timer").waitFor();
  await countsDown(s, "order.next_try");
  await inspect(s.page, "waiting");
  const rival = await Buyer.enter(shop.url);
  const refused = await rival.send("POST", "/api/seats/lock", { event_id: HALL, seats });
  assert.equal(refused.status, 409, "the seats are still theirs");
  await s.order("waiting").getByText(s.like("order.attempt")).waitFor();
  await cut.heal();
  await s.confirmed();
  assert.equal(s.tx(), tx, "the same hold is the same purchase");
  await s.sameLife();
  assert.deepEqual(await ledger(s), [[tx, "confirmed"]]);
});

test("503: the person stops the trying, still has the seats, and buys later", async (t) => {
  const { s, seats } = await buyer(t);
  await s.hold(...seats);
  const cut = await shop.cut(t, links.queue);
  const tx = await s.buy();
  await s.order("waiting").waitFor();
  await s.act("cancel").click();
  await s.order("held").getByText(s.t("code.queue_unavailable")).waitFor();
  await inspect(s.page, "held-after-cancel");
  await cut.heal();
  await s.act("buy").click();
  await s.confirmed();
  assert.deepEqual(await ledger(s), [[tx, "confirmed"]]);
});

test("Redis is gone: the map says what nobody knows, a hold is refused and the basket stays", async (t) => {
  const { s, seats } = await buyer(t);
  await s.pick(...seats);
  const cut = await shop.cut(t, links.redis);
  await s.page.getByText(s.t("holds.title")).waitFor();
  await s.act("hold").click();
  const bar = s.bar();
  await bar.getByText(s.t("code.redis_unavailable")).waitFor();
  await bar.getByText(String(seats[0])).first().waitFor();
  await inspect(s.page, "redis-map");
  await cut.heal();
  await s.held();
  await s.page.getByText(s.t("holds.title")).waitFor({ state: "hidden" });
  await s.sameLife();
});

test("Redis is gone while buying: it waits like for the queue, and gets through", async (t) => {
  const { s, seats } = await buyer(t);
  await s.hold(...seats);
  const cut = await shop.cut(t, links.redis);
  const tx = await s.buy();
  await s.order("waiting").getByText(s.t("code.redis_unavailable")).waitFor();
  await cut.heal();
  await s.confirmed();
  assert.deepEqual(await ledger(s), [[tx, "confirmed"]]);
});

test("the answer to a purchase is lost: unknown, asked about by itself, resolved, and never bought twice", async (t) => {
  const { s, seats } = await buyer(t);
  await s.hold(...seats);
  const words = await watchWords(s.page);
  const lost = await shop.loseReplies(t, links.nodes);
  const tx = await s.buy();
  await s.order("unknown").getByText(s.t("order.unknown.say")).waitFor();
  await countsDown(s, "order.next_ask");
  assert.equal(await s.act("buy").count(), 0, "nobody is asked to buy again");
  await inspect(s.page, "unknown");
  await lost.heal();
  await s.confirmed();
  const seen = await words.states();
  assert.equal(seen.lastIndexOf("buying"), seen.indexOf("buying"), `it was sent once: ${seen}`);
  assert.deepEqual(await ledger(s), [[tx, "confirmed"]]);
  await s.sameLife();
});

test("the purchase itself is lost: the shop does not know it, and the person sends it again with the same hold", async (t) => {
  const { s, seats } = await buyer(t);
  await s.hold(...seats);
  const lost = await shop.loseRequests(t, links.nodes);
  const tx = await s.buy();
  await s.order("unknown").waitFor();
  await lost.heal();
  await s.order("unknown").getByText(s.t("order.unknown.missing")).waitFor();
  await inspect(s.page, "unknown-missing");
  await s.button("do.send_again").click();
  await s.confirmed();
  assert.deepEqual(await ledger(s), [[tx, "confirmed"]]);
});

test("the queue swallows the purchase: the shop itself cannot tell, and the person settles it with the same hold", async (t) => {
  const { s, seats } = await buyer(t);
  await s.hold(...seats);
  const words = await watchWords(s.page);
  const lost = await shop.loseRequests(t, links.queue);
  const tx = await s.buy();
  await s.order("unknown").getByText(s.t("order.unknown.undecided")).waitFor();
  await inspect(s.page, "unknown-undecided");
  await lost.heal();
  // Until the queue is back the same request has the same answer.
  await until("it is sent", async () => {
    if (await s.order("confirmed").count()) return true;
    if (await s.button("do.send_again").count()) await s.button("do.send_again").click({ timeout: 2000 });
    return false;
  }, { every: 500 });
  assert.ok((await words.states()).includes("unknown"));
  assert.deepEqual(await ledger(s), [[tx, "confirmed"]]);
});

test("the answer to a hold is lost: the same request is repeated, and it is one hold", async (t) => {
  const { s, seats } = await buyer(t);
  await s.pick(...seats);
  const lost = await shop.loseReplies(t, links.nodes);
  await s.act("hold").click();
  await s.bar("lock_unknown").waitFor();
  await inspect(s.page, "lock-unknown");
  await lost.heal();
  await s.bar("held").waitFor();
  await s.buy();
  await s.confirmed();
});

test("401: the session is over; the basket stays, and entering goes on where it stopped", async (t) => {
  const { s, seats } = await buyer(t);
  await s.pick(...seats);
  await s.page.evaluate(() => {
    const kept = JSON.parse(localStorage.getItem("eventflow.session") ?? "{}");
    localStorage.setItem("eventflow.session", JSON.stringify({ ...kept, token: "a.b.c" }));
  });
  await s.page.reload();
  await s.bar().getByText(String(seats[0])).first().waitFor();
  await s.act("hold").click();
  await s.dialog().getByText(s.t("enter.why_again")).waitFor();
  await inspect(s.page, "session-over");
  await s.nickname("Ana");
  await s.bar("held").getByText(String(seats[0])).first().waitFor();
});

/** The door, at its page for accounts. @param {Shop} s */
async function atTheDoor(s) {
  await s.page.getByRole("banner").getByRole("button", { name: s.t("who.enter") }).click();
  await s.button("enter.way.login").click();
}

/** @param {Shop} s @param {{email: string, password: string}} account */
async function logIn(s, account) {
  await s.dialog().getByLabel(s.t("enter.email")).fill(account.email);
  await s.dialog().getByLabel(s.t("enter.password")).fill(account.password);
  await s.dialog().getByRole("button", { name: s.t("enter.go.login"), exact: true }).click();
}

test("a wrong password, no ledger and no way to auth are three different sentences, and the basket stays", async (t) => {
  const [seat] = /** @type {[string]} */ (await claim(1));
  const account = { email: `eva-${Date.now()}@example.org`, password: "correct horse battery" };
  const made = await fetch(`${shop.url}/api/auth/register`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...account, name: "Eva" }) });
  assert.equal(made.status, 201);
  const s = await Shop.open(t, shop, `/e/${HALL}`);
  await s.pick(seat);
  await atTheDoor(s);
  await logIn(s, { ...account, password: "wrong horse battery" });
  await s.dialog().getByText(s.t("code.wrong_credentials")).waitFor();
  await inspect(s.page, "wrong-password");

  const ledgerless = await shop.cut(t, links.postgres);
  await logIn(s, account);
  await s.dialog().getByText(s.t("code.database_unavailable")).waitFor();
  await inspect(s.page, "login-without-ledger");
  await ledgerless.heal();

  const away = await shop.cut(t, links.auth);
  await logIn(s, account);
  await s.dialog().getByText(s.t("code.unavailable")).waitFor();
  await away.heal();
  await until("it works again", async () => {
    if (!(await s.dialog().isVisible())) return true;
    await logIn(s, account);
    return false;
  }, { every: 500 });
  await s.bar().getByText(seat).first().waitFor();
});

test("429: too many at once, in words, and it works a moment later", async (t) => {
  const s = await Shop.open(t, shop);
  const calm = await rush(t, shop.url);
  const refusal = s.dialog().getByText(s.t("code.too_many_requests"));
  await until("nginx refuses this one, too", async () => {
    if (await s.page.getByRole("button", { name: s.t("who.leave") }).count()) await s.button("who.leave").click(); // it got through
    if (!(await s.dialog().isVisible())) await s.page.getByRole("banner").getByRole("button", { name: s.t("who.enter") }).click();
    await s.dialog().getByLabel(s.t("enter.nickname")).fill("Ana");
    await s.page.keyboard.press("Enter");
    await until("an answer", async () => (await refusal.count()) > 0 || !(await s.dialog().isVisible()));
    return (await refusal.count()) > 0;
  });
  await inspect(s.page, "too-many");
  await calm();
  await until("it works again", async () => {
    if (!(await s.dialog().isVisible())) return true;
    await s.page.keyboard.press("Enter");
    return false;
  }, { every: 300 });
});
