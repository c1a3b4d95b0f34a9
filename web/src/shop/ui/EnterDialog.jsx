// The door: a nickname is enough; an account is for who wants to come back. The
// browser's own dialog keeps the focus inside, closes on Escape and gives it back.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { now } from "../../shared/clock.js";
import { span } from "../../shared/format.js";
import { codeSentence, t } from "../../shared/i18n.js";
import { enterGuest, logIn, register } from "../session.js";
import { closeEnter, door } from "./enter.js";
import { Icon } from "./Icon.jsx";
import { say } from "./say.js";

/** @typedef {"guest" | "login" | "register"} Way */

export function EnterDialog() {
  const open = door.value;
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open && dialog.current?.open) dialog.current.close();
  }, [open]);
  /** A press on the backdrop is a press on the dialog itself, outside of what it holds. @param {MouseEvent} e */
  const outside = (e) => { if (e.target === dialog.current) closeEnter(); };
  return (
    <dialog ref={dialog} class="door" aria-labelledby="door-title" onClose={closeEnter} onClick={outside}>
      {open && <Door wish={open} close={() => dialog.current?.close()} />}
    </dialog>
  );
}

/** @param {{wish: import("./enter.js").Door, close: () => void}} props */
function Door({ wish, close }) {
  const [way, setWay] = useState(/** @type {Way} */ ("guest"));
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);
  /** From when on the shop wants to hear of it again, in ms. */
  const [from, setFrom] = useState(0);
  const wait = from === 0 ? 0 : Math.max(0, from - now.value);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  // After the dialog has opened, which puts the focus on the first button it finds.
  useEffect(() => { form.current?.querySelector("input")?.focus(); }, [way]);

  /** @param {SubmitEvent} e */
  const submit = async (e) => {
    e.preventDefault();
    if (busy || wait > 0 || !form.current) return;
    setBusy(true);
    setRefusal("");
    const outcome = await enter(way, new FormData(form.current));
    setBusy(false);
    if (outcome.ok) {
      close(); // first, so that the focus is back where it was before anything else happens
      wish.then?.();
      return;
    }
    const sentence = t(outcome.certainty === "unknown" ? "enter.unknown" : "enter.refused", { why: codeSentence(outcome.code) });
    setRefusal(sentence);
    setFrom(outcome.wait > 0 ? Date.now() + outcome.wait : 0);
    say("enter", sentence);
    form.current.querySelector("input")?.focus();
  };

  return (
    <div class="door-in">
      <div class="door-head">
        <h2 id="door-title">{t(`enter.title.${way}`)}</h2>
        <button type="button" class="round" aria-label={t("enter.close")} onClick={close}><Icon name="cross" /></button>
      </div>
      <p class="muted">{t(wish.why ?? `enter.say.${way}`)}</p>
      <form ref={form} class="fields" onSubmit={submit}>
        {FIELDS[way].map((f, i) => <Field key={`${way} ${f.name}`} {...f} first={i === 0} wrong={refusal !== ""} />)}
        {refusal && <p id="door-refusal" class="refusal"><Icon name="warning" /><span>{refusal} {wait > 0 && t("enter.wait", { s: span(wait) })}</span></p>}
        <button type="submit" class="btn btn-main btn-wide" aria-disabled={busy || wait > 0}>{t(busy ? "enter.busy" : `enter.go.${way}`)}</button>
      </form>
      <p class="door-other">
        <span class="muted">{t("enter.other")}</span>
        {/** @type {Way[]} */ (["guest", "login", "register"]).filter((w) => w !== way).map((w) => (
          <button type="button" class="linkish" key={w} onClick={() => { setWay(w); setRefusal(""); }}>{t(`enter.way.${w}`)}</button>
        ))}
      </p>
    </div>
  );
}

/** @type {Record<Way, {name: string, type: "text" | "email" | "password", autocomplete: string, maxLength: number, minLength?: number}[]>} */
const FIELDS = {
  guest: [{ name: "nickname", type: "text", autocomplete: "nickname", maxLength: 32 }],
  login: [
    { name: "email", type: "email", autocomplete: "username", maxLength: 254 },
    { name: "password", type: "password", autocomplete: "current-password", maxLength: 72 },
  ],
  register: [
    { name: "name", type: "text", autocomplete: "name", maxLength: 64 },
    { name: "email", type: "email", autocomplete: "username", maxLength: 254 },
    { name: "password", type: "password", autocomplete: "new-password", maxLength: 72, minLength: 8 },
  ],
};

/**
 * The browser's dialog gives the focus to what says `autofocus` when it opens, and
 * else to its first button, which here would close it.
 *
 * @param {(typeof FIELDS)[Way][number] & {first: boolean, wrong: boolean}} props
 */
function Field({ name, type, autocomplete, maxLength, minLength, first, wrong }) {
  const hint = minLength ? `hint-${name}` : "";
  const told = [hint, wrong ? "door-refusal" : ""].filter(Boolean).join(" ");
  return (
    <p class="field">
      <label for={`door-${name}`}>{t(`enter.${name}`)}</label>
      <input id={`door-${name}`} name={name} type={/** @type {"text"} */ (type)} autocomplete={autocomplete} maxLength={maxLength} minLength={minLength} required autofocus={first}
        spellcheck={false} autocapitalize={type === "text" ? "words" : "none"} aria-describedby={told || undefined} />
      {hint && <span id={hint} class="hint">{t(`enter.hint.${name}`, { n: minLength ?? 0 })}</span>}
    </p>
  );
}

/** @param {Way} way @param {FormData} typed */
function enter(way, typed) {
  /** @param {string} name */
  const value = (name) => String(typed.get(name) ?? "");
  if (way === "guest") return enterGuest(value("nickname").trim());
  const email = value("email").trim(), password = value("password");
  return way === "login" ? logIn({ email, password }) : register({ email, password, name: value("name").trim() });
}
