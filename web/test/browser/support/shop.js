// What a buyer does with the page, by the names that the page gives to things.

import assert from "node:assert/strict";
import { phone } from "./phone.js";
import { until } from "./until.js";
import { words } from "./words.js";

/** @typedef {import("./phone.js").Looks} Looks */
/** @typedef {import("../../../src/shop/contract.js").OrderState} OrderState */

export const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/;

export class Shop {
  /** @param {import("playwright-core").Page} page @param {"es" | "en"} lang */
  constructor(page, lang) {
    this.page = page;
    const { t, like } = words(lang);
    this.t = t;
    this.like = like;
  }

  /** Somebody's phone that has just come to this address. @param {import("node:test").TestContext} t @param {import("./stack.js").Stack} stack @param {string} [path] @param {Looks} [looks] */
  static async open(t, stack, path = "/", looks = {}) {
    const page = await phone(t, stack.url, looks);
    await page.goto(path);
    return new Shop(page, looks.lang ?? "es");
  }

  /** @param {string} key @param {Record<string, string | number>} [blanks] */
  button(key, blanks) { return this.page.getByRole("button", { name: this.t(key, blanks), exact: true }); }

  /** What can be done about an order, wherever it stands on the page. @param {string} name */
  act(name) { return this.page.locator(`[data-act="${name}"]`).first(); }

  /** @param {string} id */
  seat(id) { return this.page.locator(`[data-seat="${id}"]`); }

  /** @param {string} id @param {string} look */
  async seatLooks(id, look) { await this.page.locator(`[data-seat="${id}"][data-look="${look}"]`).waitFor(); }

  /** @param {OrderState} state */
  order(state) { return this.page.locator(`article[data-state="${state}"]`).first(); }

  /** The strip at the bottom. @param {OrderState} [state] */
  bar(state) { return this.page.locator(state ? `aside[data-state="${state}"]` : "aside.bar"); }

  dialog() { return this.page.getByRole("dialog"); }

  /** Through the door, which is open. @param {string} name */
  async nickname(name) {
    await this.dialog().getByLabel(this.t("enter.nickname")).fill(name);
    await this.page.keyboard.press("Enter");
    await this.dialog().waitFor({ state: "hidden" });
  }

  /** @param {string} [name] */
  async enter(name = "Ana") {
    await this.page.getByRole("banner").getByRole("button", { name: this.t("who.enter") }).click();
    await this.nickname(name);
  }

  /** @param {...string} ids */
  async pick(...ids) {
    for (const id of ids) {
      await this.seat(id).click();
      await this.seatLooks(id, "picked");
    }
  }

  /** Picks and holds, having entered. @param {...string} ids */
  async hold(...ids) {
    await this.pick(...ids);
    await this.held();
  }

  /** Presses Hold, and again when it was refused: on a busy machine a store may be late. */
  async held() {
    await until("the seats are held", async () => {
      if (await this.bar("held").count()) return true;
      const hold = this.act("hold");
      if (await hold.count()) await hold.click({ timeout: 2000 });
      return false;
    }, { every: 200 });
  }

  /** Turns the page to a language. @param {"es" | "en"} lang */
  async speak(lang) {
    // Not a press: a dialog may lie over the switch.
    await this.page.evaluate((l) => /** @type {HTMLElement | null} */ (document.querySelector(`header button[lang="${l}"]`))?.click(), lang);
    await until(`the page speaks ${lang}`, async () => (await this.page.getAttribute("html", "lang")) === lang);
    const { t, like } = words(lang);
    this.t = t;
    this.like = like;
  }

  /** Presses Buy; the purchase has its address from then on. */
  async buy() {
    await this.act("buy").click();
    await this.page.waitForURL(/\/p\//);
    return this.tx();
  }

  /** Waits for the ledger's word. Where the shop itself cannot tell, somebody presses: on a busy machine that happens. */
  async confirmed() {
    await until("it is confirmed", async () => {
      if (await this.order("confirmed").count()) return true;
      const again = this.page.getByRole("button", { name: this.t("do.send_again"), exact: true });
      if (await again.count()) await again.click({ timeout: 2000 });
      return false;
    }, { every: 200 });
  }

  /** An event that may have been opened a moment ago. @param {string} path @param {string} seat that it must have */
  async visit(path, seat) {
    await until(`${path} is on sale`, async () => {
      await this.page.goto(path);
      await until("an answer", async () => (await this.seat(seat).count()) > 0 || (await this.page.getByText(this.t("event.gone"), { exact: true }).count()) > 0);
      return (await this.seat(seat).count()) > 0;
    }, { every: 500 });
  }

  tx() {
    const found = UUID.exec(this.page.url());
    assert.ok(found, `${this.page.url()} is the address of a purchase`);
    return found[0];
  }

  async token() {
    return String(await this.page.evaluate(() => JSON.parse(localStorage.getItem("eventflow.session") ?? "{}").token));
  }

  /** The page goes on living, whatever happens to the shop: no reload between two marks. */
  async mark() { await this.page.evaluate(() => { /** @type {any} */ (window).marked = true; }); }

  async sameLife() { assert.equal(await this.page.evaluate(() => /** @type {any} */ (window).marked), true, "the page was reloaded"); }

  /** The age that stands beside the map, in seconds. */
  async age() {
    const text = await this.page.locator(".fresh").first().innerText();
    const found = /(\d+)\s*(s|min)/.exec(text);
    assert.ok(found, `an age in ${JSON.stringify(text)}`);
    return Number(found[1]) * (found[2] === "min" ? 60 : 1);
  }

  /** @param {import("playwright-core").Locator} target */
  async focused(target) {
    await until(`${target} has the focus`, async () => (await target.count()) > 0 && target.evaluate((e) => e === document.activeElement));
  }

  /** Presses Tab until the target has the focus, as somebody without a mouse does. @param {import("playwright-core").Locator} target @param {string} [key] */
  async tabTo(target, key = "Tab") {
    for (let i = 0; i < 80; i++) {
      if (await target.evaluate((e) => e === document.activeElement)) return;
      await this.page.keyboard.press(key);
    }
    assert.fail(`${target} is not reached with ${key}`);
  }
}

/** Words that may be said of what is in the ledger and of nothing else. */
const BOUGHT = String.raw`\bcomprad[oa]s?\b|\bbought\b`;

/**
 * Looks at every word on the page from now on, until said is called: which of them
 * called something bought while it was queued or unknown?
 *
 * @param {import("playwright-core").Page} page
 */
export async function watchWords(page) {
  await page.evaluate((bought) => {
    const forbidden = new RegExp(bought, "i");
    const w = /** @type {any} */ (window);
    w.heard = [];
    w.states = [];
    const look = () => {
      const state = document.querySelector("article[data-state]")?.getAttribute("data-state");
      if (state && w.states.at(-1) !== state) w.states.push(state);
      if ((state === "queued" || state === "unknown") && forbidden.test(document.body.innerText)) w.heard.push(document.body.innerText);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-state"] });
    look();
  }, BOUGHT);
  return {
    /** The states that were shown, one after the other. @returns {Promise<string[]>} */
    async states() {
      assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).heard), [], "called bought before it was");
      return page.evaluate(() => /** @type {any} */ (window).states);
    },
  };
}
