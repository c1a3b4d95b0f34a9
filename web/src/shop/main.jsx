// Starts the shop: hangs its components into the page.

import { render } from "preact";
import "../shared/theme.js";
import "./shop.css";
import { App } from "./ui/App.jsx";

render(<App />, /** @type {HTMLElement} */ (document.getElementById("app")));
