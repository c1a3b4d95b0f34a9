// One request to EventFlow's public API, and what its answer means.
//
// It must not know what the requests are for. It never repeats one by itself:
// whether asking again is safe is for the caller to say.

/** How long the page waits for an answer, in milliseconds. */
const PATIENCE = 3000;

/**
 * What came back. `outcome` is what the caller may believe about a request that
 * did not succeed: "none" = it did not happen, "unknown" = it may have.
 *
 * @typedef {{ok: boolean, status: number, outcome: ""|"none"|"unknown", code: string,
 *   data: any, node: string, stale: boolean, wait: number, sentAt: number}} Answer
 */

/**
 * Sends one request. Never throws: silence is an answer of its own.
 *
 * @returns {Promise<Answer>}
 */
export async function call(method, path, { body, token, signal } = {}) {
  const sentAt = Date.now();
  const abort = new AbortController();
  const stop = () => abort.abort();
  let late = false;
  const timer = setTimeout(() => { late = true; stop(); }, PATIENCE);
  signal?.addEventListener("abort", stop);
  try {
    const response = await fetch(path, { method, headers: headers(body, token), body: body && JSON.stringify(body),
      signal: abort.signal, cache: "no-store", credentials: "omit" });
    return { ...read(method, response, await response.text()), sentAt };
  } catch {
    return { ...silence(method, late ? "timeout" : "network"), sentAt };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function headers(body, token) {
  const h = { Accept: "application/json" };
  if (body) h["Content-Type"] = "application/json";
  if (token) h.Authorization = `Bearer ${token}`;
  return h;
}

/** Nothing, or nothing readable, came back. Only reading is sure to have changed nothing. */
function silence(method, code) {
  return { ok: false, status: 0, outcome: method === "GET" ? "none" : "unknown", code,
    data: {}, node: "", stale: false, wait: 0 };
}

function read(method, response, text) {
  const data = parse(text);
  if (response.ok && data === undefined) return silence(method, "unreadable");
  return {
    ok: response.ok,
    status: response.status,
    outcome: response.ok ? "" : outcome(method, response),
    code: response.ok ? "" : String(data?.code ?? `http_${response.status}`),
    data: data ?? {},
    node: response.headers.get("X-EventFlow-Node") ?? "",
    stale: /detail=stale/.test(response.headers.get("Cache-Status") ?? ""),
    wait: Number(response.headers.get("Retry-After")) || 0,
  };
}

/**
 * Believes X-Outcome. Where it is missing something in between has answered, and
 * that knows nothing of what happened behind it: only a plain 4xx is a "no".
 */
function outcome(method, response) {
  const said = response.headers.get("X-Outcome");
  if (said === "none" || said === "unknown") return said;
  if (method === "GET") return "none";
  return response.status < 500 && response.status !== 408 ? "none" : "unknown";
}

/** @returns {any} undefined when the text is not JSON; {} when there is none. */
function parse(text) {
  if (text === "") return {};
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

/** A random UUID. crypto.randomUUID is missing on plain http:// from another machine. */
export function uuid() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
