// The second hand of a page: a signal that counts ages and what is left of a
// hold. It stands still while nobody reads it and while the page is hidden.

import { signal } from "@preact/signals";
import { world as theWorld } from "./store.js";

const SECOND = 1000;

/** @param {import("./store.js").World} world */
export function createClock(world) {
  let watched = false;
  let stop = () => {};

  const now = signal(world.now(), {
    watched() { watched = true; tick(); },
    unwatched() { watched = false; stop(); },
  });

  function tick() {
    stop();
    if (!watched || !world.visible()) return;
    now.value = world.now();
    stop = world.after(SECOND, tick);
  }

  world.onVisibility(tick);
  return { now };
}

export const { now } = createClock(theWorld);
