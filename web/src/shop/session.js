// Who has entered: a guest with a nickname, or an account. A session ends when the
// person leaves or the server says 401; what was picked or bought is not its
// business and stays.

import { batch, signal } from "@preact/signals";
import { world as theWorld } from "../shared/store.js";
import { call as theCall, outcomeOf, refused } from "./api.js";

/** @typedef {import("./contract.js").Session} Session */
/** @typedef {import("./contract.js").Outcome} Outcome */

const KEPT = "eventflow.session";

/**
 * @param {import("../shared/store.js").World} world
 * @param {import("./contract.js").Call} call
 */
export function createSession(world, call) {
  const kept = world.recall(KEPT);
  const session = signal(isSession(kept) ? /** @type {Session} */ (kept) : null);
  const ended = signal(/** @type {{ kind: Session["kind"], name: string, email?: string } | null} */ (null));

  /**
   * @param {Session["kind"]} kind
   * @param {string} path
   * @param {object} body
   * @returns {Promise<Outcome>}
   */
  async function enter(kind, path, body) {
    const a = await call("POST", path, { body });
    if (!a.ok) return outcomeOf(a);
    const { user, token, expires_at } = a.data;
    const next = { user, token, expires: Date.parse(expires_at) || 0, kind };
    if (!isSession(next)) return refused("unreadable");
    session.value = next;
    ended.value = null;
    world.remember(KEPT, next);
    return { ok: true };
  }

  function end() {
    session.value = null;
    world.remember(KEPT, undefined);
  }

  // All tabs of a browser are one person.
  world.onKept((key) => {
    if (key !== KEPT) return;
    const next = world.recall(KEPT);
    session.value = isSession(next) ? next : null;
  });

  return {
    session,
    ended,
    /** @param {string} nickname */
    enterGuest: (nickname) => enter("guest", "/api/auth/guest", { nickname }),
    /** @param {{ email: string, password: string, name: string }} account */
    register: (account) => enter("account", "/api/auth/register", account),
    /** @param {{ email: string, password: string }} credentials */
    logIn: (credentials) => enter("account", "/api/auth/login", credentials),
    leave() {
      end();
      ended.value = null;
    },
    /**
     * A request in the name of who has entered. A 401 ends the session, unless
     * somebody else has entered since it was sent.
     *
     * @type {import("./contract.js").Call}
     */
    async send(method, path, request = {}) {
      const token = session.peek()?.token;
      const a = await call(method, path, { ...request, token });
      const who = session.peek();
      if (a.status === 401 && who && who.token === token) {
        batch(() => { // nobody may take it for a leaving
          end();
          ended.value = { kind: who.kind, name: who.user.name, email: who.user.email };
        });
      }
      return a;
    },
  };
}

/** @param {any} s */
function isSession(s) {
  return typeof s?.user?.id === "string" && typeof s.user.name === "string" && typeof s.token === "string" && s.token !== "" &&
    (s.kind === "guest" || s.kind === "account");
}

export const { session, ended, enterGuest, register, logIn, leave, send } = createSession(theWorld, theCall);
