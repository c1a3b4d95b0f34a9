// Why the last request for a hold came to nothing, until the person does something
// about it.

import { computed, signal } from "@preact/signals";
import { farewell } from "../orders.js";

/** @typedef {Extract<import("../contract.js").Outcome, {ok: false}>} Refusal */

const seen = signal(farewell.peek());

/** @type {import("@preact/signals").ReadonlySignal<Refusal | null>} */
export const refusal = computed(() => {
  const last = farewell.value;
  return last && last !== seen.value && last.why === "refused" && last.outcome && !last.outcome.ok ? last.outcome : null;
});

export function forgetRefusal() {
  seen.value = farewell.peek();
}
