// The colours of tokens.css, measured: readable on both surfaces of their theme,
// and apart from each other for people who see fewer colours. Read from the file
// itself, so that whoever changes a colour hears of it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

const css = readFileSync(new URL("../../src/shared/tokens.css", import.meta.url), "utf8");

/** The custom properties of a rule. @param {string} selector @returns {Record<string, string>} */
function block(selector) {
  const at = css.indexOf(`${selector} {`);
  assert.ok(at >= 0, `no ${selector}`);
  const body = css.slice(css.indexOf("{", at) + 1, css.indexOf("}", at));
  return Object.fromEntries([...body.matchAll(/--([\w-]+):\s*([^;]+);/g)].map((m) => [m[1], m[2]]));
}

const themes = { light: block(":root"), dark: block(':root[data-theme="dark"]') };
const STATES = ["ok", "slow", "lost", "queued", "unknown"];
const WORDS = [...STATES, "text", "muted"];
const SURFACES = ["surface", "surface-2"];

/** @typedef {[number, number, number]} Triple */

/** Linear light, 0 to 1. @param {string} hex @returns {Triple} */
function linear(hex) {
  assert.match(hex, /^#[0-9A-F]{6}$/, "a colour of the table is written as #RRGGBB");
  return /** @type {Triple} */ ([1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }));
}

/** @param {Triple} rgb */
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

/** WCAG 2.2. @param {Triple} a @param {Triple} b */
function contrast(a, b) {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi + 0.05) / (lo + 0.05);
}

/** Rows times a colour. @param {number[][]} m @param {Triple} v @returns {Triple} */
const times = (m, v) => /** @type {Triple} */ (m.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]));

/** CIE L*a*b*, D65. @param {Triple} rgb @returns {Triple} */
function lab(rgb) {
  const xyz = times([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]], rgb);
  const [x, y, z] = xyz.map((v, i) => v / [0.95047, 1, 1.08883][i]).map((v) => (v > 216 / 24389 ? Math.cbrt(v) : (24389 / 27 * v + 16) / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** CIE76. @param {Triple} a @param {Triple} b */
function distance(a, b) {
  const [p, q] = [lab(a), lab(b)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

/** Machado, Oliveira and Fernandes 2009, severity 1. */
const EYES = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

/** @param {number[][]} eye @param {string} hex @returns {Triple} */
const seen = (eye, hex) => /** @type {Triple} */ (times(eye, linear(hex)).map((c) => Math.min(1, Math.max(0, c))));

/** What color-mix(in oklab, a share, b) gives, in linear light. @param {Triple} a @param {number} share @param {Triple} b @returns {Triple} */
function mix(a, share, b) {
  const to = (/** @type {Triple} */ rgb) => times([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.808675766]], /** @type {Triple} */ (times([[0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]], rgb).map(Math.cbrt)));
  const [p, q] = [to(a), to(b)];
  const m = /** @type {Triple} */ (p.map((v, i) => v * share + q[i] * (1 - share)));
  const lms = times([[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]], m).map((v) => v ** 3);
  return times([[4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
    [-0.0041960863, -0.7034186147, 1.707614701]], /** @type {Triple} */ (lms));
}

test("the maths gives what everybody's does", () => {
  assert.equal(contrast(linear("#000000"), linear("#FFFFFF")), 21);
  assert.ok(Math.abs(contrast(linear("#767676"), linear("#FFFFFF")) - 4.54) < 0.01);
  assert.ok(Math.abs(distance(linear("#FF0000"), linear("#00FF00")) - 170.57) < 0.1);
  assert.ok(Math.abs(luminance(mix(linear("#FF0000"), 1, linear("#0000FF"))) - 0.2126) < 1e-4);
});

test("both dark blocks are alike", () => {
  assert.deepEqual(block(':root:not([data-theme="light"])'), themes.dark);
});

for (const [name, theme] of Object.entries(themes)) {
  describe(name, () => {
    test("every word is readable on both surfaces", () => {
      for (const surface of SURFACES) {
        for (const colour of WORDS) {
          const got = contrast(linear(theme[colour]), linear(theme[surface]));
          assert.ok(got >= 4.5, `${colour} on ${surface}: ${got.toFixed(2)}`);
        }
      }
    });

    test("a word on a button in a state's colour is readable", () => {
      const on = theme[/** @type {string} */ (/var\(--([\w-]+)\)/.exec(theme.card)?.[1])];
      for (const colour of STATES) {
        const got = contrast(linear(on), linear(theme[colour]));
        assert.ok(got >= 4.5, `card on ${colour}: ${got.toFixed(2)}`);
      }
    });

    test("the edge of what can be pressed stands out", () => {
      const share = Number(/--edge: color-mix\(in oklab, var\(--muted\) (\d+)%, var\(--card\)\)/.exec(css)?.[1]) / 100;
      for (const surface of SURFACES) {
        const got = contrast(mix(linear(theme.muted), share, linear(theme[surface])), linear(theme[surface]));
        assert.ok(got >= 3, `edge on ${surface}: ${got.toFixed(2)}`);
      }
    });

    for (const [who, eye] of Object.entries(EYES)) {
      test(`states are apart for ${who === "all" ? "who sees all colours" : who}`, () => {
        for (const [i, a] of STATES.entries()) {
          for (const b of STATES.slice(i + 1)) {
            const got = distance(seen(eye, theme[a]), seen(eye, theme[b]));
            assert.ok(got >= 20, `${a} and ${b}: ${got.toFixed(1)}`);
          }
        }
      });
    }
  });
}
