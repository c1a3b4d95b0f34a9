// Every screen at every width, in both themes and both languages: no accessibility
// violation, nothing to scroll sideways, and a picture for people to look at. Then
// without motion, and in colours that somebody forces on the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Buyer } from "./support/buyer.js";
import { CHAMBER, HALL, claim, shop } from "./support/class.js";
import { accessible, noSidewaysScroll, shoot } from "./support/looks.js";
import { Shop } from "./support/shop.js";

const WIDTHS = [320, 768, 1280, 1920];
const HEIGHTS = /** @type {Record<number, number>} */ ({ 320: 640, 768: 1024, 1280: 800, 1920: 1080 });
const THEMES = /** @type {const} */ (["light", "dark"]);
const LANGS = /** @type {const} */ (["es", "en"]);

/** How each screen is reached, on a phone of its own. @type {Record<string, (s: Shop) => Promise<unknown>>} */
const SCREENS = {
  async events(s) { await s.page.getByRole("link", { name: /Conferencia/ }).waitFor(); },
  async map(s) {
    await s.visit(`/e/${CHAMBER}`, "C-8");
    await s.button("view.map").click();
    await s.pick("C-8", "C-9");
  },
  async list(s) {
    await s.visit(`/e/${CHAMBER}`, "C-8");
    await s.button("view.list").click();
    await s.pick("C-8");
  },
  async door(s) {
    await s.page.getByRole("banner").getByRole("button", { name: s.t("who.enter") }).click();
    await s.dialog().getByLabel(s.t("enter.nickname")).waitFor();
  },
  async purchase(s) {
    await s.enter("Margarita Salas Falgueras de la Luz");
    await s.page.goto(`/e/${HALL}`);
    await s.hold(...await claim(3));
    await s.buy();
    await s.confirmed();
  },
  async me(s) {
    await s.enter();
    const other = new Buyer(shop.url, await s.token());
    await other.buy(HALL, await claim(2));
    await s.page.goto(`/e/${HALL}`);
    await s.hold(...await claim(2));
    await s.page.goto("/me");
    await s.page.locator("article[data-state=held], article[data-state=lapsed]").first().waitFor();
    await s.page.getByRole("heading", { name: s.t("me.shop") }).waitFor();
  },
  async nowhere(s) {
    await s.page.goto("/e/7777777");
    await s.page.getByRole("heading", { level: 1, name: s.t("event.gone") }).waitFor();
  },
};

test("screens", async (t) => {
  await shop.open(CHAMBER);
  for (const [screen, reach] of Object.entries(SCREENS)) {
    await t.test(screen, async (t) => {
      const s = await Shop.open(t, shop, "/", { width: 1280, height: 800, motion: "reduce" });
      await reach(s);
      /** @type {unknown[]} */
      const wrong = [];
      for (const lang of LANGS) {
        await s.speak(lang);
        for (const theme of THEMES) {
          await s.page.emulateMedia({ colorScheme: theme });
          for (const width of WIDTHS) {
            await s.page.setViewportSize({ width, height: HEIGHTS[width] ?? 800 });
            await accessible(s.page, screen).catch((e) => wrong.push(e.message));
            await noSidewaysScroll(s.page, `${screen} at ${width} px in ${lang}`).catch((e) => wrong.push(e.message));
            if (lang === "es" || width === 320) await shoot(s.page, `${screen}-${width}-${theme}-${lang}`);
          }
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
});

test("without motion nothing moves; with it seats fade in", async (t) => {
  const still = await Shop.open(t, shop, `/e/${HALL}`, { width: 1280, height: 800, motion: "reduce" });
  await still.enter();
  const rival = await Buyer.enter(shop.url);
  const [theirs, mine] = /** @type {[string, string]} */ (await claim(2));
  await still.seatLooks(theirs, "free");
  await still.page.evaluate(() => {
    const w = /** @type {any} */ (window);
    w.moved = [];
    const look = () => {
      for (const a of document.getAnimations()) {
        if (a.playState === "running" && Number(a.effect?.getComputedTiming().duration) > 1) w.moved.push(String(/** @type {any} */ (a.effect)?.target?.className));
      }
      requestAnimationFrame(look);
    };
    look();
  });
  await rival.hold(HALL, [theirs]);
  await still.seatLooks(theirs, "held");
  await still.hold(mine);
  await still.buy();
  await still.confirmed();
  assert.deepEqual(await still.page.evaluate(() => /** @type {any} */ (window).moved), []);
});

test("forced colours: states are not told by background alone", async (t) => {
  const s = await Shop.open(t, shop, `/e/${HALL}`, { width: 1280, height: 800, forced: "active" });
  await s.enter();
  const [mine, theirs] = /** @type {[string, string]} */ (await claim(2));
  await (await Buyer.enter(shop.url)).hold(HALL, [theirs]);
  await s.seatLooks(theirs, "held");
  await s.hold(mine);
  for (const [id, glyph] of [[theirs, true], [mine, true]]) {
    assert.equal((await s.seat(String(id)).locator("svg").count()) > 0, glyph, `${id} has a glyph`);
  }
  await shoot(s.page, "forced-colours");
  await s.buy();
  await s.confirmed();
  await shoot(s.page, "forced-colours-confirmed");
});

test("without script the page says what is missing", async (t) => {
  const response = await fetch(shop.url);
  assert.match(await response.text(), /<noscript>/);
  assert.ok(t);
});
