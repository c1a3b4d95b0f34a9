// The heading of a page. Who follows a link within the shop lands on it, as on a
// page that was loaded: the focus goes there and the window gets its name.

import { useEffect, useRef } from "preact/hooks";

/** The first page was loaded by the browser, which puts the focus where it should be. */
let loaded = false;

/** @param {{name?: string, class?: string, children: any}} props `name`: what the window is called, if not as the heading reads */
export function Title({ name, class: more = "", children }) {
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  useEffect(() => {
    if (loaded) heading.current?.focus({ preventScroll: true });
    loaded = true;
  }, []);
  useEffect(() => { document.title = `${name ?? heading.current?.textContent} · EventFlow`; });
  return <h1 ref={heading} tabIndex={-1} class={`title ${more}`}>{children}</h1>;
}
