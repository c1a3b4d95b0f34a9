// What a phone loads before it shows anything: everything that index.html names,
// as the server sends it. A cheap phone on a full access point pays for every kB.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";

const BUDGET = 60_000;
const dist = new URL("../../dist/", import.meta.url);
const built = existsSync(new URL("index.html", dist));

// A machine that judges changes builds first; one that only looks at a store need not.
const skip = !built && !process.env.CI ? "nothing is built: run `npm run build`" : false;

/** @param {string} file */
const read = (file) => readFileSync(new URL(file, dist));

describe("the build", { skip }, () => {
  test("loads within the budget, and nothing from elsewhere", () => {
    const html = read("index.html").toString();
    const named = [...html.matchAll(/<(?:script|link|img)\b[^>]*\s(?:src|href)="([^"]+)"/g)].map((m) => m[1]);
    assert.ok(named.some((f) => f.endsWith(".js")) && named.some((f) => f.endsWith(".css")), String(named));
    assert.deepEqual(named.filter((f) => !f.startsWith("/")), [], "not of this site");
    const sizes = ["/index.html", ...named].map((f) => ({ f, size: gzipSync(read(f.slice(1)), { level: 6 }).length }));
    const total = sizes.reduce((sum, { size }) => sum + size, 0);
    assert.ok(total <= BUDGET, `${total} bytes: ${sizes.map(({ f, size }) => `${f} ${size}`).join(", ")}`);
    console.log(`first load: ${total} bytes gzip of ${BUDGET}`);
  });

  test("names nothing outside this site", () => {
    const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((f) => /\.(js|css|html)$/.test(f));
    for (const f of files) {
      // Names of XML languages and of tools in comments are not addresses that anybody asks.
      const elsewhere = (read(f).toString().match(/https?:\/\/[^\s"'`)]+/g) ?? []).filter((a) => !/^http:\/\/www\.w3\.org\/|^https:\/\/tailwindcss\.com$/.test(a));
      assert.deepEqual(elsewhere, [], f);
    }
  });

  test("keeps every script and style in a file with a hash", () => {
    const loose = readdirSync(dist, { encoding: "utf8" }).filter((f) => /\.(js|css)$/.test(f));
    assert.deepEqual(loose, []);
    for (const f of readdirSync(new URL("assets/", dist))) assert.match(f, /-[\w-]{8}\.\w+$/);
  });

  test("has no script or style of its own in the page, so that a strict content policy holds", () => {
    const html = read("index.html").toString();
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)[^>]*>/);
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=/);
  });
});
