// One request to EventFlow's public API, and what its answer means.
//
// It must not know what the requests are for. It never repeats one by itself:
// whether asking again is safe is for the caller to say.

/** @typedef {import("./contract.js").Answer} Answer */
/** @typedef {Omit<Answer, "sentAt" | "arrivedAt">} Undated */
/** @typedef {import("./contract.js").Outcome} Outcome */

/** How long the page waits for an answer, in ms. */
export const PATIENCE = 3000;

/**
 * Sends one request. Never throws: silence is an answer of its own.
 *
 * @type {import("./contract.js").Call}
 */
export async function call(method, path, { body, token, signal, patience = PATIENCE } = {}) {
  const sentAt = Date.now();
  const abort = new AbortController();
  const stop = () => abort.abort();
  let late = false;
  const timer = setTimeout(() => { late = true; stop(); }, patience);
  signal?.addEventListener("abort", stop);
  /** @param {Undated} a @returns {Answer} */
  const dated = (a) => ({ ...a, sentAt, arrivedAt: Date.now() });
  try {
    const response = await fetch(path, {
      method, headers: headers(body, token), body: body === undefined ? undefined : JSON.stringify(body),
      signal: abort.signal, cache: "no-store", credentials: "omit",
    });
    return dated(read(method, response, await response.text()));
  } catch {
    return dated(silence(method, late ? "timeout" : "network"));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** @param {unknown} body @param {string | undefined} token */
function headers(body, token) {
  /** @type {Record<string, string>} */
  const h = { Accept: "application/json" };
  if (body !== undefined) h["Content-Type"] = "application/json";
  if (token) h.Authorization = `Bearer ${token}`;
  return h;
}

/**
 * Nothing, or nothing readable, came back. Only reading is sure to have changed nothing.
 *
 * @param {string} method
 * @param {string} code
 * @returns {Undated}
 */
function silence(method, code) {
  return { ok: false, status: 0, outcome: method === "GET" ? "none" : "unknown", code, data: {}, node: "", stale: false, wait: 0 };
}

/** @param {string} method @param {Response} response @param {string} text @returns {Undated} */
function read(method, response, text) {
  const data = parse(text);
  // An ok without its words, as of a proxy's own page, is no answer to what was asked.
  if (response.ok && data === undefined) return silence(method, "unreadable");
  return {
    ok: response.ok,
    status: response.status,
    outcome: response.ok ? "" : outcome(method, response),
    code: response.ok ? "" : code(data, response.status),
    data: data ?? {},
    node: response.headers.get("X-EventFlow-Node") ?? "",
    stale: /detail=stale/.test(response.headers.get("Cache-Status") ?? ""),
    wait: (Number(response.headers.get("Retry-After")) || 0) * 1000,
  };
}

/** @param {any} data @param {number} status */
const code = (data, status) => (typeof data?.code === "string" ? data.code : `http_${status}`);

/**
 * Believes X-Outcome. Where it is missing something in between has answered, and
 * that knows nothing of what happened behind it: only a plain 4xx is a "no".
 *
 * @param {string} method
 * @param {Response} response
 * @returns {import("./contract.js").Certainty}
 */
function outcome(method, response) {
  const said = response.headers.get("X-Outcome");
  if (said === "none" || said === "unknown") return said;
  if (method === "GET") return "none";
  return response.status < 500 && response.status !== 408 ? "none" : "unknown";
}

/** @param {string} text @returns {any} undefined when the text is no JSON object; {} when there is none */
function parse(text) {
  if (text === "") return {};
  try {
    const data = JSON.parse(text);
    return typeof data === "object" && data !== null && !Array.isArray(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** What an answer is to the person who pressed the button. @param {Answer} a @returns {Outcome} */
export function outcomeOf(a) {
  if (a.ok) return { ok: true };
  const seats = Array.isArray(a.data.seats) ? a.data.seats.map(String) : [];
  return { ok: false, certainty: a.outcome || "unknown", code: a.code, seats, wait: a.wait };
}

/** A refusal of the page itself: nothing was sent. @param {string} code @returns {Outcome} */
export const refused = (code) => ({ ok: false, certainty: "none", code, seats: [], wait: 0 });
