// The test files that are named, in one process and one browser, one after the
// other. Started by `go test ./web`, which says where EventFlow is:
//
//   go test -run TestBrowser/trouble -v ./web

import { after } from "node:test";
import { writeReport } from "./support/looks.js";
import { closeBrowser } from "./support/phone.js";

// Whoever started this holds the other end of its input; with him this ends.
process.stdin.resume().on("end", () => process.exit(1)).unref?.();

after(async () => {
  writeReport();
  await closeBrowser();
  process.stdin.destroy();
  setTimeout(() => process.exit(), 5000).unref(); // with the exit code that the tests have earned
});

for (const file of process.argv.slice(2)) await import(`./${file}.test.js`);
