// What is read out: one polite message at a time, at most one in two seconds.
// What is said of the same thing meanwhile replaces what was said before, so that
// nobody has to listen to a history. It must not know what the messages are about.

import { signal } from "@preact/signals";

const PAUSE = 2000;
const STAYS = 7000;

/** @type {Map<string, {text: string, shown: boolean}>} */
const waiting = new Map();
let last = 0;
let timer = 0;
let clearing = 0;

/** What the status region holds. `shown`: it stands nowhere else on the page, so it is to be seen too. */
export const said = signal({ text: "", shown: false });

/**
 * @param {string} about what it is about: a later message of the same replaces an earlier one that still waits
 * @param {string} text
 * @param {{show?: boolean}} [how]
 */
export function say(about, text, { show = false } = {}) {
  waiting.delete(about);
  waiting.set(about, { text, shown: show });
  clearTimeout(timer);
  timer = window.setTimeout(speak, Math.max(0, last + PAUSE - Date.now()));
}

function speak() {
  last = Date.now();
  const all = [...waiting.values()];
  waiting.clear();
  said.value = { text: all.map((m) => (/[.…!?]$/.test(m.text) ? m.text : `${m.text}.`)).join(" "), shown: all.some((m) => m.shown) };
  clearTimeout(clearing);
  clearing = window.setTimeout(() => (said.value = { text: "", shown: false }), STAYS);
}
