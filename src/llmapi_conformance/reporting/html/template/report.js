"use strict";
// Filters, keys, colours and copying. The page says everything without it, too.
(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const items = [...document.querySelectorAll(".item")];
  const text = $("text"), surface = $("surface"), toggles = [...document.querySelectorAll(".group button")];
  const texts = new WeakMap();

  // The state of the filter stands in the fragment: "#" anchor "?" parameters.
  const parted = () => {
    const [anchor, state = ""] = location.hash.slice(1).split("?", 2);
    return { anchor: decoded(anchor), state: new URLSearchParams(state) };
  };
  const decoded = (part) => { try { return decodeURIComponent(part); } catch { return part; } };
  const wanted = () => ({
    text: text.value.trim().toLowerCase(),
    surface: surface.value,
    level: pressed("level"),
    verdict: pressed("verdict"),
  });
  const pressed = (kind) => toggles.filter((one) => one.dataset[kind] && one.ariaPressed === "true").map((one) => one.dataset[kind]);
  const said = (words) => { $("said").textContent = ""; setTimeout(() => { $("said").textContent = words; }, 50); };

  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, `${item.textContent} ${item.dataset.surface}`.toLowerCase());
    return texts.get(item);
  };
  const fits = (item, filter) =>
    (!filter.surface || item.dataset.surface === filter.surface) &&
    (!filter.level.length || filter.level.includes(item.dataset.level)) &&
    (!filter.verdict.length || filter.verdict.includes(item.dataset.verdict)) &&
    (!filter.text || filter.text.split(/\s+/).every((word) => textOf(item).includes(word)));

  const apply = () => {
    const filter = wanted();
    const active = Boolean(filter.text || filter.surface || filter.level.length || filter.verdict.length);
    for (const item of items) item.hidden = active && !fits(item, filter);
    for (const section of document.querySelectorAll(".surface")) section.hidden = !section.querySelector(".item:not([hidden])");
    for (const part of ["findings", "surfaces"]) {
      const all = $(part).querySelectorAll(".item").length;
      $(part).querySelector(".nothing").hidden = !all || Boolean($(part).querySelector(".item:not([hidden])"));
    }
    for (const reason of document.querySelectorAll(".reason")) {
      for (const id of reason.querySelectorAll("li")) id.hidden = Boolean($(id.textContent)?.hidden);
      reason.hidden = !reason.querySelector("li:not([hidden])");
    }
    const rows = items.filter((item) => item.localName === "tr"), seen = rows.filter((item) => !item.hidden);
    const words = active ? `${seen.length} of ${rows.length} clauses` : `${rows.length} clauses`;
    $("state").textContent = words;
    $("clear").hidden = !active;
    $("filtered").hidden = !active;
    $("filtered").textContent = active ? `Filtered: ${words} are shown.` : "";
    // What is led to must not stand behind the filters.
    const bar = $("filters");
    root.style.scrollPaddingTop = getComputedStyle(bar).position === "sticky" ? `${bar.offsetHeight + 16}px` : "";
    return filter;
  };
  const keep = () => {
    const filter = apply(), state = new URLSearchParams();
    for (const name of ["text", "surface"]) if (filter[name]) state.set(name, name === "text" ? text.value.trim() : filter[name]);
    for (const name of ["level", "verdict"]) if (filter[name].length) state.set(name, filter[name].join(","));
    const written = String(state).replaceAll("%2C", ",");
    const { anchor } = parted();
    history.replaceState(null, "", `#${anchor}${written ? `?${written}` : ""}`);
  };
  const take = (state) => {
    text.value = state.get("text") ?? "";
    surface.value = state.get("surface") ?? "";
    if (surface.selectedIndex < 0) surface.value = "";
    for (const one of toggles) {
      const kind = one.dataset.level ? "level" : "verdict";
      one.ariaPressed = String((state.get(kind) ?? "").split(",").includes(one.dataset[kind]));
    }
    apply();
  };
  const clear = () => { take(new URLSearchParams()); keep(); };

  // A link leads to what it names, also into what is folded or filtered out.
  const opened = (place) => {
    for (let one = place; one; one = one.parentElement) if (one.localName === "details") one.open = true;
    if (place.matches("article.item, tr.item")) place.querySelector("details").open = true;
  };
  const follow = () => {
    const { anchor, state } = parted();
    const place = anchor && $(anchor);
    // A plain link within the page says nothing of the filter: it stays, unless it hides where the link leads.
    if (!place || state.size) take(state);
    if (!place) {
      if (state.size) (document.querySelector("article.item:not([hidden])") ? $("findings") : $("surfaces")).scrollIntoView();
      return;
    }
    if (place.closest("[hidden]")) take(new URLSearchParams());
    keep();
    opened(place);
    place.scrollIntoView();
    if (place.matches(".item")) place.querySelector("summary").focus({ preventScroll: true });
  };

  // An exchange stands in the page once; where another finding shows it, it is copied when it is asked for.
  document.addEventListener("toggle", (event) => {
    const here = event.target;
    if (!here.open || !here.matches("details.exchange")) return;
    if (here.dataset.standsAt) {
      here.querySelector(".inside").replaceWith($(here.dataset.standsAt).querySelector(".inside").cloneNode(true));
      delete here.dataset.standsAt;
    }
    for (const mark of here.querySelectorAll(".bytes mark")) {
      const box = mark.closest(".bytes");
      box.scrollTop += mark.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
    }
  }, true);

  const copy = async (button) => {
    let done = true;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const area = document.createElement("textarea");
      area.value = button.dataset.copy;
      area.className = "sr";
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
      button.focus({ preventScroll: true });
    }
    button.textContent = done ? "Copied" : "Not copied";
    said(done ? "Copied" : "The browser does not allow copying");
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };

  const themes = ["auto", "light", "dark"];
  const colour = (name) => {
    if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name;
    $("theme").querySelector("span").textContent = name;
    $("theme").ariaLabel = `Colours: ${name === "auto" ? "as the system" : name}`;
  };
  const stored = (name) => {
    try {
      if (name) localStorage.setItem("llmapi-conformance-theme", name);
      return localStorage.getItem("llmapi-conformance-theme");
    } catch { return name; }
  };
  const turn = () => {
    const next = themes[(themes.indexOf(root.dataset.theme ?? "auto") + 1) % themes.length];
    colour(next);
    stored(next);
    said(`Colours: ${next}`);
  };

  const move = (step) => {
    const seen = items.filter((item) => !item.hidden);
    const here = seen.indexOf(document.activeElement?.closest(".item"));
    const next = seen[here < 0 ? (step > 0 ? 0 : seen.length - 1) : Math.min(Math.max(here + step, 0), seen.length - 1)];
    if (!next) return;
    next.querySelector("summary").focus({ preventScroll: true });
    next.scrollIntoView({ block: next.localName === "tr" ? "nearest" : "start" });
  };
  const unfold = () => {
    const all = [...$("findings").querySelectorAll("article.item:not([hidden]) > details")];
    const open = all.some((one) => !one.open);
    for (const one of all) one.open = open;
  };
  const help = () => { if ($("help").open) $("help").close(); else $("help").showModal(); };
  const keys = {
    "/": () => { text.focus(); text.select(); },
    "?": help,
    j: () => move(1),
    k: () => move(-1),
    c: () => document.activeElement?.closest(".item")?.querySelector(".copy")?.click(),
    x: unfold,
    t: turn,
    Escape: clear,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const here = event.target;
    if ($("help").open) { if (event.key === "?") help(); return; }
    if (here.matches("input, select, textarea")) {
      if (event.key !== "Escape") return;
      if (here === text && text.value) { text.value = ""; keep(); } else here.blur();
      event.preventDefault();
      return;
    }
    const arrow = here.matches(".item summary") && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (arrow) move(arrow); else if (Object.hasOwn(keys, event.key)) keys[event.key](); else return;
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) {
      // The same link again changes no fragment, and still ought to lead there.
      const link = event.target.closest("a[href^='#']");
      if (link && link.hash === location.hash) follow();
      return;
    }
    if (button.dataset.copy !== undefined) copy(button);
    else if (button.id === "theme") turn();
    else if (button.id === "clear") clear();
    else if (button.id === "keys" || button.id === "close") help();
    else if (button.ariaPressed) { button.ariaPressed = String(button.ariaPressed !== "true"); keep(); }
  });
  let waiting;
  text.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(keep, 120); });
  surface.addEventListener("change", keep);
  addEventListener("hashchange", follow);

  // What is folded is printed where it matters, also by browsers that can't unfold by style.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details.print, details.exchange, details.also")].filter((one) => !one.open && !one.closest("[hidden]"));
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of folded) one.open = false; });

  colour(themes.includes(stored()) ? stored() : "auto");
  $("filters").hidden = false;
  take(parted().state);
  if (location.hash) follow();
})();
