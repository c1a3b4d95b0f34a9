// Above and below every page: the shop's name, where one can go, in which language
// and colours, and who has entered.

import { lang, setLang, t } from "../../shared/i18n.js";
import { setTheme, theme } from "../../shared/theme.js";
import { orders } from "../orders.js";
import { route } from "../route.js";
import { session, leave } from "../session.js";
import { openEnter } from "./enter.js";
import { Icon } from "./Icon.jsx";
import { say } from "./say.js";

export function Header() {
  return (
    <header class="top">
      <a class="brand" href="/"><Mark />{t("app.name")}</a>
      <Places />
      <div class="top-tools">
        <Language />
        <Theme />
      </div>
      <Who />
    </header>
  );
}

/** A ticket with a tick: the shop's sign. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path class="mark-paper" d="M5 7h22a2 2 0 0 1 2 2v4a3 3 0 0 0 0 6v4a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-4a3 3 0 0 0 0-6V9a2 2 0 0 1 2-2z" />
      <path class="mark-tear" d="M21 8v16" />
      <path class="mark-tick" d="M8 16.5l3 3 5.5-6.5" />
    </svg>
  );
}

function Places() {
  const at = route.value.page;
  const open = orders.value.length;
  return (
    <nav class="places" aria-label={t("nav.label")}>
      <a href="/" aria-current={at === "events" || at === "event" ? "page" : undefined}>{t("nav.events")}</a>
      <a href="/me" aria-current={at === "me" || at === "purchase" ? "page" : undefined}>
        {t("nav.me")}{open > 0 && <span class="count">{open}</span>}
      </a>
    </nav>
  );
}

function Language() {
  return (
    <div class="switch" role="group" aria-label={t("lang.label")}>
      {/** @type {const} */ (["es", "en"]).map((l) => (
        <button type="button" lang={l} aria-pressed={lang.value === l} aria-label={t(`lang.${l}`)} onClick={() => setLang(l)}>
          <abbr>{l}</abbr>
        </button>
      ))}
    </div>
  );
}

const NEXT = /** @type {const} */ ({ system: "light", light: "dark", dark: "system" });
const GLYPH = { system: "system", light: "sun", dark: "moon" };

function Theme() {
  const now = theme.value;
  const turn = () => {
    setTheme(NEXT[now]);
    say("theme", t(`theme.${NEXT[now]}`));
  };
  return (
    <button type="button" class="round" title={t(`theme.${now}`)} aria-label={t("theme.turn", { now: t(`theme.${now}`) })} onClick={turn}>
      <Icon name={GLYPH[now]} />
    </button>
  );
}

function Who() {
  const who = session.value;
  if (!who) return <button type="button" class="btn btn-quiet enter" onClick={() => openEnter()}><Icon name="user" />{t("who.enter")}</button>;
  return (
    <div class="who">
      <span class="who-name"><Icon name="user" /><span class="sr-only">{t(`who.${who.kind}`)}</span> <span class="who-cut">{who.user.name}</span></span>
      <button type="button" class="btn btn-quiet" onClick={() => { leave(); say("who", t("who.left"), { show: true }); }}><span class="who-leave">{t("who.leave")}</span><Icon name="exit" /></button>
    </div>
  );
}

export function Footer() {
  return <footer class="foot"><p>{t("foot")}</p></footer>;
}
