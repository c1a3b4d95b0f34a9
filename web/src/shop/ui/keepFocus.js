// A button that is pressed may be gone with what it did. Then the focus goes to
// what it stood in, or to the page's content when that is gone too, and never
// back to the top of the document.

import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * A ref for an element with tabIndex -1.
 *
 * @template {HTMLElement} T
 */
export function useKeptFocus() {
  const ref = useRef(/** @type {T | null} */ (null));
  const had = ref.current?.contains(document.activeElement) ?? false;
  useLayoutEffect(() => {
    if (had && document.activeElement === document.body) (ref.current ?? document.getElementById("main"))?.focus({ preventScroll: true });
  });
  return ref;
}
