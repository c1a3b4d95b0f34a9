// More requests from one address than nginx lets through to auth. It must not be
// more than needed: the limit is nginx's, and it forgets within seconds.

import { Agent, request } from "node:http";

/** How many are under way at once. */
const WIDE = 32;

/**
 * Keeps the limit exceeded until stop is called; resolves once it is.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} url
 */
export async function rush(t, url) {
  const agent = new Agent({ keepAlive: true, maxSockets: WIDE });
  let on = true;
  const stop = async () => {
    on = false;
    await Promise.all(all);
    agent.destroy();
  };
  t.after(() => on && stop());

  /** @type {(value: unknown) => void} */
  let exceeded = () => {};
  const begun = new Promise((resolve) => { exceeded = resolve; });
  const one = async () => {
    while (on) if ((await status(agent, `${url}/api/auth/guest`)) === 429) exceeded(undefined);
  };
  const all = Array.from({ length: WIDE }, one);
  await begun;
  return stop;
}

/** What a body that is no JSON is answered with: 400 from auth, 429 from nginx. @param {Agent} agent @param {string} url @returns {Promise<number>} */
function status(agent, url) {
  return new Promise((resolve, reject) => {
    const r = request(url, { method: "POST", agent, headers: { "Content-Type": "application/json", "Content-Length": 1 } }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    r.on("error", reject).end("x");
  });
}
