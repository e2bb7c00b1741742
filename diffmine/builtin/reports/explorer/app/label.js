// One label: its clusters as ranked rows of crops, the paper's figure, to sort and to filter.

import { crop, GAP } from "./crops.js";
import { clustersOf, labels, membersOf, noteOf, otherGroupsOf, groupTitle } from "./data.js";
import { el, named } from "./dom.js";
import { verdict } from "./flags.js";
import { count, figure, interval, known, percent } from "./numbers.js";
import { groupAddress, labelAddress, mapAddress, overviewAddress } from "./routes.js";
import { VirtualRows } from "./virtual.js";
import { hasWords, words } from "./words.js";

const spread = (group) => group.images / group.size;
const SORTS = {
  rank: ["Rank", (one, other) => one.facts.rank - other.facts.rank],
  size: ["Size", (one, other) => other.size - one.size],
  spread: ["Spread over pictures", (one, other) => spread(other) - spread(one)],
  purity: ["Purity", (one, other) => (other.purity ?? 0) - (one.purity ?? 0)],
  starred: ["Starred first", (one, other) => noteOf(other).starred - noteOf(one).starred || one.facts.rank - other.facts.rank],
  significant: ["Share above chance", (one, other) => (other.significant ?? 0) - (one.significant ?? 0)],
};
const MEASURED = ["purity", "significant"];
const REMARK = 24;

export function labelView({ label }) {
  const clusters = clustersOf(label);
  // Kept with the entry of the browser's history, so that the way back finds the list as it was left.
  const state = { sort: "rank", least: 1, hidden: false, ...history.state };
  const list = el("div", { class: "elements", role: "list", "aria-label": `Clusters of ${labels[label].name}` });
  const compact = matchMedia("(max-width: 640px)");
  let shown = [];
  const rows = new VirtualRows(list, 0, (row) => elementRow(shown[row], list.clientWidth, compact.matches, shown.length, row));

  const status = el("p", { class: "quiet", role: "status" });
  const choose = (change) => {
    history.replaceState(Object.assign(state, change), "");
    update();
  };
  const update = () => {
    // Rows are of one height: with a line for each word of the longest verdict, and one for names and suggested words.
    const remarks = Math.max(0, ...clusters.map((group) => group.verdict.words.length + hasWords(group)));
    list.style.setProperty("--remarks", remarks);
    rows.height = (compact.matches ? 162 : 128) + REMARK * remarks;
    shown = clusters.filter((group) => group.size >= state.least && (state.hidden || !noteOf(group).hidden)).sort(SORTS[state.sort][1]);
    status.textContent = shown.length === clusters.length ? count(shown.length, "cluster") : `${shown.length} of ${count(clusters.length, "cluster")}`;
    rows.reset(shown.length);
  };
  const resizing = new ResizeObserver(update);
  resizing.observe(list);

  const element = el(
    "div",
    { class: "page" },
    labelHead(label),
    el(
      "div",
      { class: "toolbar" },
      sorter(clusters, state.sort, (sort) => choose({ sort })),
      filter(clusters, state.least, (least) => choose({ least })),
      hiddenToo(clusters, state.hidden, (hidden) => choose({ hidden })),
      status,
      el("nav", { class: "chips", "aria-label": "Other patches" }, otherGroupsOf(label).map((group) => chip(group))),
    ),
    clusters.length ? list : el("p", { class: "empty" }, "This label has no clusters; the warnings on the overview say why."),
  );
  const destroy = () => {
    resizing.disconnect();
    rows.destroy();
  };
  return { title: labels[label].name, up: overviewAddress, element, shown: update, destroy };
}

function labelHead(label) {
  const step = (to, text, symbol) =>
    to >= 0 && to < labels.length && el("a", { class: "step", href: labelAddress(to), "aria-label": `${text}: ${labels[to].name}` }, symbol);
  return el(
    "section",
    { class: "intro" },
    el("nav", { class: "crumbs", "aria-label": "You are here" }, el("a", { href: overviewAddress }, "Overview")),
    el("div", { class: "title-row" }, el("h1", {}, named(labels[label].name)), step(label - 1, "Previous label", "‹"), step(label + 1, "Next label", "›")),
    el("p", { class: "lead" }, count(labels[label].images, "picture"), labels[label].undecided && ` · ${labels[label].undecided}`, " · ", el("a", { href: mapAddress(label) }, "map of its patches")),
  );
}

function sorter(clusters, sort, changed) {
  const offered = Object.entries(SORTS).filter(([name]) => sortable(name, clusters));
  const select = el("select", { on: { change: () => changed(select.value) } }, offered.map(([name, [title]]) => el("option", { value: name, selected: name === sort }, title)));
  return el("label", {}, "Sort by ", select);
}

/** Not every run has masks or a null distribution to tell some by, or anything starred. */
function sortable(name, clusters) {
  if (name === "starred") return clusters.some((one) => noteOf(one).starred);
  return !MEASURED.includes(name) || clusters.some((one) => known(one[name]));
}

function filter(clusters, least, changed) {
  const most = Math.max(1, ...clusters.map((group) => group.size));
  const input = el("input", { type: "number", min: 1, max: most, value: least, on: { input: () => changed(Number(input.value) || 1) } });
  return el("label", {}, "At least ", input, " patches");
}

/** Where people have hidden clusters: whether to show them all the same. */
function hiddenToo(clusters, checked, changed) {
  const many = clusters.filter((group) => noteOf(group).hidden).length;
  if (!many) return null;
  const box = el("input", { type: "checkbox", checked, on: { change: () => changed(box.checked) } });
  return el("label", {}, box, ` Show ${many} hidden`);
}

const chip = (group) => el("a", { class: "chip", href: groupAddress(group) }, groupTitle(group), el("span", {}, group.size));

function elementRow(group, width, compact, total, row) {
  const { median_typicality: median, median_low: low, median_high: high } = group.facts;
  const side = compact ? 72 : 88;
  const room = compact ? width : width - 206;
  const fitting = Math.max(1, Math.floor((room + GAP) / (side + GAP)));
  const bounds = interval(low, high);
  return el(
    "div",
    { class: "element-row", role: "listitem", "aria-setsize": total, "aria-posinset": row + 1 },
    el(
      "a",
      { class: "element-facts", href: groupAddress(group), title: bounds ? `95 % interval of the median: ${bounds}` : null },
      el("b", {}, groupTitle(group)),
      verdict(group),
      words(group),
      el("span", { class: "typicality" }, figure(median), bounds && el("small", {}, ` ${bounds}`)),
      el("span", { class: group.images === 1 ? "flag" : null }, `${count(group.size, "patch")}, ${count(group.images, "picture")}${group.images === 1 ? " only" : ""}`),
      known(group.significant) && el("span", {}, `${percent(group.significant)} above chance`),
      known(group.purity) && el("span", {}, `purity ${figure(group.purity)}${known(group.base) ? `, of all ${figure(group.base)}` : ""}`),
    ),
    el("div", { class: "element-crops" }, membersOf(group).slice(0, fitting).map((patch) => crop(patch, side))),
  );
}
