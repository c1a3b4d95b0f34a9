// The one region from which messages are read out. What stands nowhere else on the
// page is to be seen as well.

import { said } from "./say.js";

export function Status() {
  const { text, shown } = said.value;
  return <p role="status" class={shown && text ? "toast" : "sr-only"}>{text}</p>;
}
