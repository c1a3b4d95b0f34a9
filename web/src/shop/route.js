// Where the page is. Four addresses, each of which a reload brings back. It must
// not know what is shown there.

import { signal } from "@preact/signals";

/** @typedef {import("./contract.js").Route} Route */

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** @param {string} pathname @returns {Route} */
export function parse(pathname) {
  const path = pathname.replace(/\/+$/, "") || "/";
  if (path === "/" || path === "/index.html") return { page: "events" };
  if (path === "/me") return { page: "me" };
  const [, kind, id, ...more] = path.split("/");
  if (kind === "e" && /^[1-9]\d{0,8}$/.test(id ?? "") && more.length === 0) return { page: "event", id: Number(id) };
  if (kind === "p" && UUID.test(id ?? "") && more.length === 0) return { page: "purchase", tx: id.toLowerCase() };
  return { page: "nowhere", path: pathname };
}

const here = signal(parse(globalThis.location?.pathname ?? "/"));

/** @type {import("@preact/signals").ReadonlySignal<Route>} */
export const route = here;

globalThis.addEventListener?.("popstate", () => { here.value = parse(location.pathname); });

/**
 * @param {string} path
 * @param {{ replace?: boolean }} [how]
 */
export function go(path, { replace = false } = {}) {
  const to = new URL(path, location.href);
  const same = to.href === location.href;
  history[replace || same ? "replaceState" : "pushState"](null, "", to);
  here.value = parse(to.pathname);
  if (!replace) scrollTo(0, 0);
}

/** @param {MouseEvent} e */
export function follow(e) {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  const link = /** @type {Element} */ (e.target).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (link.pathname === location.pathname && link.hash) return; // a place on this page, as the skip link
  if (parse(link.pathname).page === "nowhere") return; // not of this page
  e.preventDefault();
  go(link.pathname + link.search + link.hash);
}
