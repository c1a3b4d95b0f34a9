// A button for what can be done about an order.

import { Icon } from "./Icon.jsx";

/** @param {{act: import("./orderActions.js").Act, order: import("../contract.js").Order, quiet?: boolean}} props `quiet`: where room is short */
export function ActButton({ act, order, quiet = false }) {
  const waits = order.busy !== "";
  return (
    <button type="button" class={`btn ${act.main ? "btn-main" : quiet ? "btn-quiet" : ""}`} data-act={act.name} aria-disabled={waits || undefined}
      onClick={() => { if (!waits) act.act(); }}>
      {act.glyph && !quiet && <Icon name={act.glyph} />}{quiet ? act.short ?? act.label : act.label}
    </button>
  );
}
