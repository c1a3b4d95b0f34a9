// How many requests a second arrive at nginx, as nginx counts them.

/** ms between two looks; a rate is over four of them. */
const LOOK = 250;
const WINDOW = 4;

export class Rate {
  /** @param {import("./stack.js").Stack} stack */
  constructor(stack) {
    this.stack = stack;
    /** @type {{at: number, n: number}[]} */
    this.samples = [];
    /** @type {{at: number, what: string}[]} */
    this.marks = [];
    this.begun = performance.now();
    this.on = true;
    this.done = this.run();
  }

  async run() {
    while (this.on) {
      const n = await this.stack.requests();
      this.samples.push({ at: performance.now(), n });
      await new Promise((next) => setTimeout(next, LOOK));
    }
  }

  async stop() {
    this.on = false;
    await this.done;
  }

  /** @param {string} what */
  mark(what) { this.marks.push({ at: performance.now(), what }); }

  /** @param {string} what */
  at(what) {
    const found = this.marks.find((m) => m.what === what);
    if (!found) throw new Error(`nothing was marked as ${what}`);
    return found.at;
  }

  /** Requests a second, over a second each. @param {number} from @param {number} to */
  between(from, to) {
    const within = this.samples.filter((s) => s.at >= from && s.at <= to);
    return within.slice(WINDOW).map((s, i) => {
      const first = /** @type {{at: number, n: number}} */ (within[i]);
      return (1000 * (s.n - first.n)) / (s.at - first.at);
    });
  }

  /** @param {number} from @param {number} to */
  mean(from, to) {
    const within = this.samples.filter((s) => s.at >= from && s.at <= to);
    const first = within[0], last = within.at(-1);
    return first && last && last.at > first.at ? (1000 * (last.n - first.n)) / (last.at - first.at) : 0;
  }

  /** @param {number} from @param {number} to */
  peak(from, to) { return Math.max(0, ...this.between(from, to)); }

  /** For people: seconds since the beginning and requests a second, with what happened when. */
  record() {
    const seconds = (/** @type {number} */ at) => Math.round((at - this.begun) / 10) / 100;
    return {
      marks: this.marks.map((m) => ({ s: seconds(m.at), what: m.what })),
      rate: this.samples.slice(WINDOW).map((s, i) => {
        const first = /** @type {{at: number, n: number}} */ (this.samples[i]);
        return { s: seconds(s.at), requests_per_second: Math.round((1000 * (s.n - first.n)) / (s.at - first.at)) };
      }),
    };
  }
}
