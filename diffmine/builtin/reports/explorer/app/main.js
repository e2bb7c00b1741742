// Shows what the address names, and keeps place, focus and keys in order.

import { addedView } from "./added.js";
import { data } from "./data.js";
import { el } from "./dom.js";
import { embeddedView } from "./embedded.js";
import { whenAbsent } from "./files.js";
import { groupView } from "./group.js";
import { labelView } from "./label.js";
import { mapView } from "./map.js";
import { overviewView } from "./overview.js";
import { pictureView } from "./picture.js";
import { overviewAddress, parse } from "./routes.js";
import { buildSearch } from "./search.js";
import { buildTheme } from "./theme.js";

const VIEWS = { overview: overviewView, label: labelView, group: groupView, embedded: embeddedView, picture: pictureView, map: mapView, added: addedView, missing: missingView };
const main = document.getElementById("main");
const places = new Map();
let shown = null;
let followed = false;

function missingView() {
  const text = "This address names nothing in this report; it may come from another run.";
  return { title: "Not found", up: overviewAddress, element: el("div", { class: "page" }, el("h1", {}, "Not found"), el("p", {}, text), el("a", { href: overviewAddress }, "Overview")) };
}

function show() {
  const { hash } = location;
  if (shown?.hash === hash) return;
  if (shown) {
    places.set(shown.hash, scrollY);
    shown.view.destroy?.();
  }
  const route = parse(hash);
  const view = VIEWS[route.view](route);
  document.documentElement.classList.toggle("embedded", route.view === "embedded");
  main.replaceChildren(view.element);
  view.shown?.();
  document.title = `${view.title.slice(0, 80)} · ${data.run.name} · diffmine`;
  for (const tab of document.querySelectorAll("[data-tab]")) {
    if (tab.dataset.tab === (view.tab ?? "overview")) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  scrollTo(0, followed ? 0 : (places.get(hash) ?? 0));
  if (shown) {
    document.getElementById("announcer").textContent = view.title;
    if (followed) main.focus({ preventScroll: true });
  }
  shown = { hash, view };
  followed = false;
}

/** Show the same address anew, where there is something else to show. */
function showAnew() {
  places.set(shown.hash, scrollY);
  shown.hash = null;
  show();
}

function onKey(event) {
  const inField = event.target.closest("input, select, textarea");
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "/" && !inField) {
    event.preventDefault();
    document.querySelector("#search input").focus();
  } else if (!inField) {
    const address = event.key === "Escape" ? shown.view.up : shown.view.keys?.[event.key];
    if (!address) return;
    event.preventDefault();
    followed = true;
    location.hash = address;
    // The browser tells of the new address later; a second key may come before that, and must find the new view.
    show();
  }
}

/** Say why there are no crops, where the page was sent without them. */
function tellOfAbsentCrops() {
  const text = "The crops of this page lie beside it in its folder, and are not here: open it in that folder, or make a page of one file (diffmine report RUN --single-file).";
  main.before(el("p", { class: "absent", role: "alert" }, text));
}

history.scrollRestoration = "manual";
buildTheme(document.getElementById("theme"));
buildSearch(document.getElementById("search"));
addEventListener("hashchange", show);
addEventListener("regrouped", showAnew);
document.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  if (link.dataset.skip !== undefined) {
    event.preventDefault();
    main.focus();
  } else if (document.documentElement.classList.contains("embedded")) {
    link.target = "_blank"; // a frame is too small for the whole report
    link.rel = "noopener";
  } else followed = true;
});
show();
if (data.sprites.sheets.length) whenAbsent(data.sprites.sheets[0].file, tellOfAbsentCrops);
