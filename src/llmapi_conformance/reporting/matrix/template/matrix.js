
"use strict";
// Filters and colours. The page says everything without it, too.
(() => {
  const $ = (id) => document.getElementById(id);
  const items = [...document.querySelectorAll(".item")];
  const texts = new Map(items.map((item) => [item, item.querySelector(".clause").textContent.toLowerCase()]));
  const fields = ["text", "rows", "surface", "level"];

  const apply = () => {
    const words = $("text").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const rows = $("rows").value, surface = $("surface").value, level = $("level").value;
    let seen = 0;
    for (const item of items) {
      item.hidden = !(
        (!rows || rows in item.dataset) &&
        (!surface || item.parentElement.dataset.surface === surface) &&
        (!level || item.dataset.level === level) &&
        words.every((word) => texts.get(item).includes(word))
      );
      seen += !item.hidden;
    }
    for (const group of document.querySelectorAll("tbody[data-surface]")) group.hidden = !group.querySelector(".item:not([hidden])");
    const active = Boolean(words.length || rows || surface || level);
    $("state").textContent = active ? `${seen} of ${items.length} clauses` : `${items.length} clauses`;
    $("clear").hidden = !active;
    $("nothing").hidden = seen > 0;
  };
  // The state of the filter stands in the fragment, so that a link shows what its sender saw.
  const keep = () => {
    apply();
    const state = new URLSearchParams();
    for (const name of fields) if ($(name).value.trim()) state.set(name, $(name).value.trim());
    history.replaceState(null, "", String(state) ? `#?${state}` : location.pathname + location.search);
  };
  const follow = () => {
    if (location.hash.startsWith("#?")) {
      const state = new URLSearchParams(location.hash.slice(2));
      for (const name of fields) $(name).value = state.get(name) ?? "";
    } else if (location.hash) {
      for (const name of fields) $(name).value = "";
    }
    apply();
    if (location.hash && !location.hash.startsWith("#?")) $(location.hash.slice(1))?.scrollIntoView();
  };
  $("text").addEventListener("input", keep);
  for (const name of fields.slice(1)) $(name).addEventListener("change", keep);
  $("clear").addEventListener("click", () => { for (const name of fields) $(name).value = ""; keep(); $("text").focus(); });
  addEventListener("hashchange", follow);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select")) return;
    event.preventDefault();
    $("text").focus();
  });

  const themes = ["auto", "light", "dark"];
  const paint = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    $("theme").textContent = `Colours: ${theme}`;
  };
  $("theme").addEventListener("click", () => paint(themes[(themes.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % 3]));
  $("theme").hidden = false;
  $("filters").hidden = false;
  follow();
})();
