// What the page remembers: for this tab (orders, who entered) and for this
// browser (the language). It must not know what the values mean.

/** Reads a value kept under key; undefined when there is none or it is not readable. */
export function recall(store, key) {
  try {
    return JSON.parse(globalThis[store].getItem(key)) ?? undefined;
  } catch {
    return undefined; // storage is blocked, or another version wrote this
  }
}

/** Keeps a value. A browser that refuses storage gets a page that forgets on reload. */
export function remember(store, key, value) {
  try {
    globalThis[store].setItem(key, JSON.stringify(value));
  } catch (cause) {
    console.warn(`not remembered: ${key}`, cause);
  }
}
