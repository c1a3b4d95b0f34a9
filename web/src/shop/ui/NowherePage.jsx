// For an address that leads nowhere.

import { t } from "../../shared/i18n.js";
import { Title } from "./Title.jsx";

export function NowherePage() {
  return (
    <div class="page page-narrow">
      <Title>{t("nowhere.title")}</Title>
      <p class="lead">{t("nowhere.say")}</p>
      <p><a class="btn btn-main" href="/">{t("nav.events")}</a></p>
    </div>
  );
}
