// Whether the door stands open, and what its opener wants to do once inside. It
// must not know what the dialog looks like.

import { signal } from "@preact/signals";

/** @typedef {{then?: () => void, why?: string}} Door `why`: key of a sentence that says what entering is for */

/** @type {import("@preact/signals").Signal<Door | null>} */
export const door = signal(null);

/** @param {Door} [wish] */
export function openEnter(wish = {}) {
  door.value = wish;
}

export function closeEnter() {
  door.value = null;
}
