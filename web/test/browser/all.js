// The test files that are named, in one process and one browser, one after the
// other. Started by `go test ./web`, which says where EventFlow is:
//
//   go test -run TestBrowser/trouble -v ./web

import { after, before } from "node:test";
import { writeReport } from "./support/looks.js";
import { closeBrowser } from "./support/phone.js";

// Whoever started this holds the other end of its input; with him this ends.
process.stdin.resume().on("end", () => process.exit(1)).unref?.();

// No test begins before all are known, or the end of the first file would be taken
// for the end of all.
/** @type {(value?: unknown) => void} */
let known = () => {};
const all = new Promise((resolve) => { known = resolve; });
before(() => all);

after(async () => {
  writeReport();
  await closeBrowser();
  process.stdin.destroy();
});

for (const file of process.argv.slice(2)) await import(`./${file}.test.js`);
known();
