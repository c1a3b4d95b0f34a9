// The shop forgot who has entered. What was chosen is still here, and so is the door.

import { t } from "../../shared/i18n.js";
import { ended } from "../session.js";
import { openEnter } from "./enter.js";
import { Icon } from "./Icon.jsx";

export function Ended() {
  const who = ended.value;
  if (!who) return null;
  return (
    <div class="page page-notice">
      <section class="banner" data-tone="slow" aria-label={t("who.ended")}>
        <Icon name="user" class="banner-icon" />
        <div class="banner-text">
          <p class="banner-title">{t("who.ended")}</p>
          <p>{t("who.ended_say", { name: who.name })}</p>
        </div>
        <button type="button" class="btn" onClick={() => openEnter()}>{t("who.enter")}</button>
      </section>
    </div>
  );
}
