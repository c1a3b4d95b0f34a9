// What a part of a hall is called. Halls name their parts in any language; the
// usual ones are said in the reader's.

import { has, t } from "../../shared/i18n.js";

/** @param {string} name as the server calls it */
export function sectionName(name) {
  const key = `section.${name.toLowerCase().replaceAll(" ", "_")}`;
  return has(key) ? t(key) : name;
}
