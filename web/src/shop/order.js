// What may be believed about one order: from what was known and what happened
// next follows what is known now. Nothing is sent, kept or drawn here, so every
// step can be tried out.
//
// Its one duty is never to say more than is known. A request without an answer
// leaves a doubt, and with a doubt only what speaks of the purchase itself counts:
// "nothing happened" in an answer is about that one request, not about the one
// before it.

import { around, backoff } from "./retry.js";
import { transactionOf } from "./uuid5.js";

/** @typedef {import("./contract.js").Answer} Answer */
/** @typedef {import("./contract.js").Order} Order */

/**
 * What can happen to an order. `*_sent` comes before the request goes out.
 *
 * @typedef {{ type: "lock_sent" | "buy_sent" | "status_sent" | "extend_sent" | "release_sent" }} Sent
 * @typedef {{ type: "lock_answer" | "buy_answer" | "status_answer" | "extend_answer" | "release_answer", answer: Answer }} Answered
 * @typedef {{ type: "cancel" | "give_up" | "dismiss" | "disown" | "clock" | "reloaded" | "resume" }} Other
 * @typedef {Sent | Answered | Other} Event
 */

/** @typedef {{ now: number, random: () => number }} Context */

/** What to say of a request about a hold when its answer will never come. @type {Partial<Record<Order["busy"], string>>} */
const LEFT = { extend: "extend_failed", release: "release_failed" };

/** ms between two questions about a purchase in the queue. */
const FOLLOW = 2000;

/** How long the page repeats the request for a hold by itself, in ms: later nobody may want the seats any more. */
export const INSIST = 60_000;

/** A page that comes back asks within this time, in ms. */
const RETURN = 500;

/**
 * @param {{ key: string, event: number, eventName: string, seats: string[], amount: number, user: string, userName: string }} wanted
 * @param {number} now
 * @returns {Order}
 */
export function newOrder(wanted, now) {
  return { ...wanted, state: "locking", lock: "", tx: "", until: 0, span: 0, extensions: 0, doubt: false, note: "", reason: "",
    missing: false, attempt: 0, nextTry: 0, busy: "", trying: false, node: "", createdAt: now, sentAt: now, changedAt: now, toldAt: 0 };
}

/**
 * The order after the event; the same object when the event means nothing in this
 * state; null when the order is over without a trace.
 *
 * @param {Order} o
 * @param {Event} e
 * @param {Context} c
 * @returns {Order | null}
 */
export function step(o, e, c) {
  const next = STEPS[e.type](o, /** @type {Answered} */ (e).answer, c);
  if (next === o || next === null) return next;
  return { ...next, changedAt: next.state === o.state ? o.changedAt : c.now, sentAt: e.type.endsWith("_sent") ? c.now : o.sentAt };
}

/** @type {Record<Event["type"], (o: Order, a: Answer, c: Context) => Order | null>} */
const STEPS = {
  lock_sent: (o) => {
    if (o.state === "locking") return o;
    return o.state === "lock_unknown" && !o.busy ? { ...o, busy: "ask", nextTry: 0 } : o;
  },

  lock_answer(o, a, c) {
    if (o.state !== "locking" && o.state !== "lock_unknown") return o;
    if (a.ok && isLock(a)) return held({ ...o, doubt: false, busy: "", attempt: 0, nextTry: 0 }, a);
    const open = { ...heardOf(o, a), busy: /** @type {const} */ (""), attempt: o.attempt + 1, note: noteOf(a) };
    const doubt = a.ok || a.outcome !== "none";
    // A refusal that did not look at the seats says nothing of an earlier request.
    const blind = a.status === 401 || a.status === 429 || a.status >= 500;
    if (!doubt && !(o.doubt && blind)) return null;
    const byItself = a.status !== 401 && c.now - o.createdAt < INSIST;
    return { ...open, state: "lock_unknown", doubt: true, nextTry: byItself ? again(open.attempt, a, c) : 0 };
  },

  buy_sent(o) {
    if (o.busy && o.busy !== "ask") return o;
    if (o.state === "held") return { ...o, state: "buying", trying: true, attempt: 0, nextTry: 0, note: "" };
    if (o.state === "waiting") return { ...o, state: "buying", nextTry: 0 };
    if (maySendAgain(o)) return { ...o, state: "buying", trying: false, attempt: 0, nextTry: 0, busy: "", note: "" };
    return o;
  },

  buy_answer(o, a, c) {
    // Another tab may have taken the question for lost; a good answer is one all the same.
    if (o.state !== "buying" && o.state !== "unknown") return o;
    const told = heardOf(o, a);
    if (a.ok && a.data.status === "ACCEPTED_ASYNC") return queued(told, c);
    if (!a.ok && a.outcome === "none" && a.code === "purchase_rejected") return final(told, "rejected", String(a.data.reason ?? a.code));
    if (o.state === "unknown") return o;
    if (a.ok || a.outcome !== "none" || o.doubt) return unknown({ ...told, note: noteOf(a) }, a, c);
    // From here on: this request did nothing, and it is the only one.
    if (a.code === "lock_lapsed" || a.code === "no_lock" || a.code === "not_owner") return { ...final(told, "lapsed"), note: a.code };
    const later = a.status === 503 || a.status === 429;
    if (!later || !o.trying) return stillHeld(told, a.code);
    const attempt = o.attempt + 1;
    return { ...told, state: "waiting", attempt, note: a.code, nextTry: again(attempt, a, c) };
  },

  status_sent: (o) => ((o.state === "unknown" || o.state === "queued") && !o.busy ? { ...o, busy: "ask", nextTry: 0 } : o),

  status_answer(o, a, c) {
    if (o.state !== "unknown" && o.state !== "queued") return o;
    const told = { ...heardOf(o, a), busy: /** @type {const} */ ("") };
    if (a.ok && a.data.transaction_id === o.tx) {
      if (a.data.status === "queued") return queued(told, c);
      if (a.data.status === "confirmed") return final(told, "confirmed");
      if (a.data.status === "rejected") return final(told, "rejected", String(a.data.reason ?? "purchase_rejected"));
    }
    // Accepted is accepted: no answer to a question takes it back.
    const missing = o.missing || (o.state === "unknown" && a.code === "no_purchase");
    const attempt = o.attempt + 1;
    return { ...told, missing, attempt, note: noteOf(a), nextTry: a.status === 401 ? 0 : again(attempt, a, c) };
  },

  extend_sent: (o) => (isHeld(o) && !o.busy ? { ...o, busy: "extend" } : o),

  extend_answer(o, a, c) {
    if (!isHeld(o)) return o;
    const free = { ...o, busy: /** @type {const} */ ("") };
    if (a.ok && isLock(a) && a.data.lock_id === o.lock) {
      return { ...held(free, a), state: o.state, extensions: o.extensions + 1, note: o.state === "waiting" ? o.note : "" };
    }
    return holdTrouble(free, a, c, "extend_failed");
  },

  release_sent: (o) => (isHeld(o) && !o.busy ? { ...o, busy: "release" } : o),

  release_answer(o, a, c) {
    if (!isHeld(o)) return o;
    return a.status === 204 ? null : holdTrouble({ ...o, busy: "" }, a, c, "release_failed");
  },

  cancel(o) {
    if (o.state === "waiting") return stillHeld(o, o.note);
    return o.state === "buying" && o.trying ? { ...o, trying: false } : o;
  },

  give_up: (o) => (o.state === "lock_unknown" ? null : o),

  dismiss: (o) => (o.state === "confirmed" || o.state === "rejected" || o.state === "lapsed" || (o.state === "unknown" && o.missing) ? null : o),

  /** Somebody else has entered, whom the server will never tell how it ended. */
  disown: (o) => (isAsking(o) ? o : null),

  // While an extension is on its way the hold may just have got more time.
  clock: (o, _, c) => (isHeld(o) && !o.busy && c.now >= o.until ? final(o, "lapsed") : o),

  /** Somebody looks again, or has entered again: what stands still is asked soon. */
  resume(o, _, c) {
    if (o.state === "held" && o.note === "unauthorized") return { ...o, note: "" };
    return (o.state === "unknown" || o.state === "queued") && !o.busy ? { ...o, nextTry: c.now + c.random() * RETURN } : o;
  },

  /** What was asked when the page went away has no answer now, and may have happened. */
  reloaded(o, _, c) {
    const soon = c.now + c.random() * RETURN;
    const idle = { ...o, busy: /** @type {const} */ (""), note: onTop(o, LEFT[o.busy] ?? o.note) };
    switch (o.state) {
      case "locking":
      case "lock_unknown":
        return { ...idle, state: "lock_unknown", doubt: true, note: o.state === "locking" ? "reloaded" : o.note,
          nextTry: c.now - o.createdAt < INSIST ? soon : 0 };
      case "buying":
        return { ...idle, state: "unknown", doubt: true, note: "reloaded", attempt: 0, nextTry: soon };
      case "unknown":
      case "queued":
        return { ...idle, nextTry: soon };
      case "waiting":
        return { ...idle, nextTry: Math.max(soon, o.nextTry) };
      default:
        return idle;
    }
  },
};

/** Whether an answer is being waited for. @param {Order} o */
export const isAsking = (o) => o.busy !== "" || o.state === "locking" || o.state === "buying";

/**
 * Whether it is for the person to send the same purchase again. The server has
 * said that it does not know it; or that it cannot tell, and then it may take
 * minutes to find out by itself what one more request would settle.
 *
 * @param {Order} o
 */
export const maySendAgain = (o) => o.state === "unknown" && (o.missing || (o.note === "outcome_unknown" && o.attempt > 0));

/** @param {Order} o */
const isHeld = (o) => o.state === "held" || o.state === "waiting";

/** @param {Answer} a */
const isLock = (a) => typeof a.data.lock_id === "string" && a.data.lock_id !== "" && a.data.expires_in_seconds >= 0;

/** An ok that does not say what an ok has to say is as good as no answer. @param {Answer} a */
const noteOf = (a) => (a.ok ? "unreadable" : a.code);

/** @param {number} attempt @param {Answer} a @param {Context} c */
const again = (attempt, a, c) => c.now + backoff(attempt, c.random, a.wait);

/** When and by whom something was said, if anything was. @param {Order} o @param {Answer} a @returns {Order} */
const heardOf = (o, a) => (a.status === 0 ? o : { ...o, node: a.node || o.node, toldAt: a.arrivedAt });

/** @param {Order} o @param {Answer} a @returns {Order} */
function held(o, a) {
  const span = a.data.expires_in_seconds * 1000;
  return { ...heardOf(o, a), state: "held", note: "", lock: a.data.lock_id, tx: transactionOf(a.data.lock_id), span,
    // Counted from when it was asked: this page never grants more time than the server does.
    until: a.sentAt + span,
    seats: Array.isArray(a.data.seats) ? a.data.seats : o.seats, amount: a.data.amount_cents ?? o.amount };
}

/** @param {Order} o @param {string} note @returns {Order} */
const stillHeld = (o, note) => ({ ...o, state: "held", trying: false, attempt: 0, nextTry: 0, note });

/** That the seats may be given back already is not forgotten over a lesser trouble. @param {Order} o @param {string} note */
const onTop = (o, note) => (isHeld(o) && o.note === "release_failed" ? o.note : note);

/** @param {Order} o @param {Context} c @returns {Order} */
const queued = (o, c) => ({ ...o, state: "queued", doubt: false, missing: false, trying: false, note: "", attempt: 0,
  nextTry: c.now + around(FOLLOW, 0.2, c.random) });

/** @param {Order} o @param {Answer} a @param {Context} c @returns {Order} */
const unknown = (o, a, c) => ({ ...o, state: "unknown", doubt: true, trying: false, attempt: 0, nextTry: again(1, a, c) });

/** @param {Order} o @param {"confirmed" | "rejected" | "lapsed"} state @param {string} [reason] @returns {Order} */
const final = (o, state, reason = "") => ({ ...o, state, reason, doubt: false, missing: false, trying: false, note: "", attempt: 0, nextTry: 0, busy: "" });

/**
 * More time or none was asked for, and it was not done for sure.
 *
 * @param {Order} o
 * @param {Answer} a
 * @param {Context} c
 * @param {string} note
 * @returns {Order}
 */
function holdTrouble(o, a, c, note) {
  const none = !a.ok && a.outcome === "none";
  if (none && (a.code === "lock_lapsed" || a.code === "no_lock")) return { ...final(o, "lapsed"), note: a.code };
  // Somebody is buying with this lock, and that can only be us.
  if (none && a.code === "lock_in_use") return unknown({ ...o, note: a.code }, a, c);
  return { ...o, note: onTop(o, none && a.status === 401 ? a.code : note) };
}
