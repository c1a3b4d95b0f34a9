// Starts the shop: hangs its components into the page.

import { render } from "preact";
import "../shared/tokens.css";
import { t } from "../shared/i18n.js";

function App() {
  return <main><h1>{t("app.name")}</h1></main>;
}

render(<App />, /** @type {HTMLElement} */ (document.getElementById("app")));
