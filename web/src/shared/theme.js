// Light or dark: what the person chose stands on <html data-theme>, where
// tokens.css reads it. Without a choice there is no attribute and the style sheet
// asks the system, so that no page flashes in the wrong colours while it loads.

import { signal } from "@preact/signals";
import { world } from "./store.js";

/** @typedef {import("../shop/contract.js").ThemeChoice} ThemeChoice */

const KEPT = "eventflow.theme";
const kept = world.recall(KEPT);

const choice = signal(/** @type {ThemeChoice} */ (kept === "light" || kept === "dark" ? kept : "system"));

/** @type {import("@preact/signals").ReadonlySignal<ThemeChoice>} */
export const theme = choice;

/** @param {ThemeChoice} next */
export function setTheme(next) {
  choice.value = next;
  world.remember(KEPT, next === "system" ? undefined : next);
  mark();
}

function mark() {
  if (!globalThis.document) return;
  if (choice.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice.value;
}
mark();
