// What a reader may do with the page. Nothing here is needed to read it.
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (css, from = document) => [...from.querySelectorAll(css)];
  const one = (id) => document.getElementById(id);
  const params = () => new URLSearchParams(location.hash.slice(1));
  root.classList.remove("no-js");

  // Language and theme. The language stands in the address, so that a link keeps it.
  const anchor = () => { const a = location.hash.slice(1).split("&")[0]; return a.includes("=") ? "" : a; };
  const remember = (lang) => history.replaceState(null, "", "#" + [anchor(), "lang=" + lang].filter(Boolean).join("&"));
  function speak(lang) {
    root.lang = lang;
    all("option[data-en]").forEach((o) => { o.textContent = o.dataset[lang]; });
    const other = one("lang");
    if (other) other.lang = lang === "en" ? "es" : "en";
    shown();
  }
  function wanted() {
    const asked = params().get("lang");
    if (asked === "es" || asked === "en") return asked;
    const first = (navigator.languages || [navigator.language]).map((l) => l.slice(0, 2)).find((l) => l === "es" || l === "en");
    return first || root.lang;
  }
  one("lang")?.addEventListener("click", () => { const l = root.lang === "en" ? "es" : "en"; speak(l); remember(l); });

  const store = { get() { try { return localStorage.getItem("theme"); } catch { return null; } }, set(v) { try { localStorage.setItem("theme", v); } catch { /* a file on disk may have no store */ } } };
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (store.get() === "dark" || store.get() === "light") root.dataset.theme = store.get();
  one("theme")?.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; store.set(root.dataset.theme); });

  // Filters of a table: a row is shown if every control agrees.
  const rows = all("#ops-table tbody tr, #runs tbody tr");
  const text = new Map();
  const controls = { k: one("f-kind"), o: one("f-outcome"), words: one("f-text"), evidence: one("f-evidence") };
  function fits(row) {
    for (const name of ["k", "o"]) if (controls[name]?.value && row.dataset[name] !== controls[name].value) return false;
    if (controls.evidence?.checked && !row.classList.contains("ev")) return false;
    const words = controls.words?.value.trim().toLowerCase();
    if (!words) return true;
    if (!text.has(row)) text.set(row, row.textContent.toLowerCase());
    return words.split(/\s+/).every((w) => text.get(row).includes(w));
  }
  let count = rows.length;
  function filter() { count = 0; for (const r of rows) { r.hidden = !fits(r); if (!r.hidden) count++; } shown(); }
  function shown() { const s = one("f-shown"); if (s) s.textContent = s.dataset[root.lang].replace("{n}", count); }
  one("filters")?.addEventListener("input", filter);
  one("filters")?.addEventListener("submit", (e) => e.preventDefault());
  function clear() { for (const c of Object.values(controls)) if (c) { if (c.type === "checkbox") c.checked = false; else c.value = ""; } filter(); }

  // A link to a request shows its row, whatever the filters say.
  function go() {
    const target = anchor() && one(anchor());
    all("tr.here").forEach((r) => r.classList.remove("here"));
    if (!target) return;
    if (target.tagName === "TR") {
      if (target.hidden) clear();
      target.classList.add("here");
      target.tabIndex = -1;
      target.scrollIntoView({ block: "center" });
      target.focus({ preventScroll: true });
    } else target.scrollIntoView();
  }
  addEventListener("hashchange", () => { const asked = params().get("lang"); if (asked && asked !== root.lang) speak(wanted()); go(); if (!asked && chosen) remember(root.lang); });
  const chosen = params().has("lang");

  // The crosshair goes through all charts; what each shows there is read from its table.
  const plots = all("figure.chart .area").map((area) => {
    const figure = area.closest("figure");
    const body = all("tbody tr", figure).map((r) => ({ t: +r.cells[0].textContent, v: [...r.cells].slice(1).map((c) => c.textContent) }));
    return { figure, body, readout: figure.querySelector(".readout"), heads: all("thead th", figure).slice(1) };
  });
  const end = +(document.querySelector("[data-end]")?.dataset.end || 0);
  const nearest = (body, t) => body.reduce((best, r) => Math.abs(r.t - t) < Math.abs(best.t - t) ? r : best, body[0]);
  function read(t) {
    for (const p of plots) {
      if (!p.readout || !p.body.length) continue;
      const r = nearest(p.body, t);
      p.readout.textContent = r.t.toFixed(2) + " s · " + p.heads.map((h, i) => (h.querySelector("." + root.lang) || h).textContent.replace(/ \(.*/, "") + " " + r.v[i]).join(" · ");
    }
  }
  let frame = 0;
  for (const area of all(".chart .area, .strip .area")) {
    area.addEventListener("pointermove", (e) => {
      const box = area.getBoundingClientRect();
      const share = Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1);
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => { root.style.setProperty("--x", 100 * share + "%"); root.classList.add("hover"); read(share * end); });
    });
    area.addEventListener("pointerleave", () => { cancelAnimationFrame(frame); root.classList.remove("hover"); });
  }
  // A click in the strip goes to the listed request of that kind nearest in time.
  for (const area of all(".strip .area")) area.addEventListener("click", (e) => {
    const box = area.getBoundingClientRect();
    const t = end * (e.clientX - box.left) / box.width;
    const near = rows.filter((r) => r.dataset.k === area.dataset.kind).map((r) => ({ r, t: +r.cells[1].textContent }));
    if (near.length) location.hash = nearest(near, t).r.id;
  });

  for (const b of all("button.copy")) b.addEventListener("click", async () => {
    const code = b.parentElement.querySelector("code");
    try { await navigator.clipboard.writeText(code.textContent); } catch { getSelection().selectAllChildren(code); document.execCommand("copy"); }
    const before = b.innerHTML;
    b.textContent = b.dataset[root.lang];
    setTimeout(() => { b.innerHTML = before; }, 1500);
  });

  // On paper nothing can be opened: what is evidence is open already.
  speak(wanted());
  filter();
  if (anchor()) go();
})();
