// How the pages are built: one folder, dist/, with hashed names below assets/ that
// a phone may keep for ever. It must not know who serves it.

import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

/** Git keeps an empty dist/ by this file, so that Go compiles before anything was built. */
const keep = {
  name: "keep-dist",
  generateBundle() {
    /** @type {any} */ (this).emitFile({ type: "asset", fileName: ".keep", source: "" });
  },
};

export default defineConfig({
  plugins: [tailwindcss(), keep],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    // Inlined data: addresses would need an exception in the page's content policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": process.env.EVENTFLOW ?? "http://127.0.0.1:8888" } },
});
