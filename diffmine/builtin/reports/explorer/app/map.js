// All patches on a plane, near to those that look alike: crops or points, to hover, to lasso, to look at.

import { categorical, css, diverging, viridis } from "./colours.js";
import { CropGrid } from "./crops.js";
import { groupOf, groups, groupsOfLabel, groupTitle, kindOf, kindTitle, labels, layouts, membersOf, patches } from "./data.js";
import { el, named } from "./dom.js";
import { count, figure } from "./numbers.js";
import { Plane, TOUCHED } from "./plane.js";
import { groupAddress, mapAddress, overviewAddress, patchAddress } from "./routes.js";
import { scaleBar } from "./scale.js";

const COLOURINGS = { label: "Label", cluster: "Cluster", typicality: "Typicality" };
const NO_CLUSTER = "#8a8f98";
const kinds = [...new Set(groups.map(kindOf))];
const controls = kinds.filter((kind) => kind !== "clusters" && kind !== "outliers");

export function mapView({ label }) {
  const own = label === undefined ? null : groupsOfLabel[label].filter((group) => !group.into);
  const members = (own ?? groups.filter((group) => !group.into)).flatMap(membersOf).sort((one, other) => patches.typicality[other] - patches.typicality[one]);
  const key = (group) => (own ? group.number : kindOf(group));
  const off = new Set((own ?? groups).filter((group) => controls.includes(kindOf(group))).map(key));
  const state = { colouring: own ? "cluster" : "label", layout: layouts.length - 1, off };
  const isShown = (group) => !off.has(key(group)) && !(own === null && off.has(group.label));
  let shown = [];
  let colour = null;

  const readout = el("p", { class: "quiet", role: "status" }, HELP);
  const selection = el("section", { class: "selection" });
  let grid = null;
  const select = (chosen) => {
    grid?.destroy();
    grid = chosen.length ? new CropGrid(chosen, 72, "Selected patches") : null;
    const clear = el("button", { type: "button", on: { click: () => select([]) } }, "Clear");
    selection.replaceChildren(...(grid ? [el("div", { class: "title-row" }, el("h2", {}, `${count(chosen.length, "patch")} selected`), clear), grid.element] : []));
    grid?.layout();
    if (!chosen.length) plane.clear();
  };
  const plane = new Plane({
    members: () => shown,
    at: (patch) => {
      const { x, y, ownX, ownY } = layouts[state.layout];
      return own ? [ownX[patch] / 1000, ownY[patch] / 1000] : [x[patch] / 1000, y[patch] / 1000];
    },
    colour: (patch) => colour[state.colouring](patch),
    hover: (patch) => {
      readout.textContent = patch === null ? HELP : describe(patch);
    },
    open: (patch) => {
      location.hash = patchAddress(groupOf(patch), patch);
    },
    select,
  });
  const bar = el("div");
  const names = el("div");
  const update = () => {
    shown = members.filter((patch) => isShown(groupOf(patch)));
    colour = colouring(shown);
    bar.replaceChildren(...(state.colouring === "typicality" ? typicalityBar(colour) : []));
    plane.draw();
  };
  const recolour = () => {
    update();
    names.replaceChildren(...namesOf(own, state, colour, update));
  };
  recolour();
  const element = el(
    "div",
    { class: "page map-page" },
    el("section", { class: "intro" }, el("h1", {}, "Map"), el("p", { class: "explain" }, "Patches whose features are alike lie near each other.")),
    el("div", { class: "toolbar" }, ofChoice(label), byChoice(state, recolour), layoutChoice(state, () => plane.draw()), plane.toolbar()),
    el("div", { class: "map" }, el("div", {}, plane.element, readout), el("div", { class: "map-legend" }, bar, names)),
    selection,
  );
  const destroy = () => {
    plane.destroy();
    grid?.destroy();
  };
  return { title: "Map", tab: "map", up: overviewAddress, element, destroy, shown: () => plane.resize() };
}

const HELP = TOUCHED.matches
  ? "Tap a patch to see it in its picture; choose Lasso to draw around patches and list them, Move to move the map."
  : "Point at a patch to see it, draw around patches to list them, scroll to zoom.";

function describe(patch) {
  const group = groupOf(patch);
  return `${labels[group.label].name.slice(0, 80)}, ${groupTitle(group)}, typicality ${figure(patches.typicality[patch])}`;
}

/** Colours of patches that come with the most typical first. */
function colouring(shown) {
  const values = shown.map((patch) => patches.typicality[patch]).reverse();
  const most = values[Math.floor(values.length * 0.98)] ?? 1;
  const least = values[Math.floor(values.length * 0.02)] ?? 0;
  const scale = Math.max(Math.abs(least), Math.abs(most)) || 1;
  const paint = (value) => css(least < 0 ? diverging(value, scale) : viridis((value - least) / (most - least || 1)));
  return {
    label: (patch) => categorical(groupOf(patch).label),
    cluster: (patch) => (groupOf(patch).facts ? categorical(groupOf(patch).facts.rank) : NO_CLUSTER),
    typicality: (patch) => paint(patches.typicality[patch]),
    ends: least < 0 ? [-scale, scale] : [least, most],
    paint,
  };
}

function ofChoice(label) {
  const select = el(
    "select",
    {
      on: {
        change: () => {
          location.hash = select.value === "" ? mapAddress() : mapAddress(Number(select.value));
        },
      },
    },
    el("option", { value: "" }, "all labels"),
    labels.map(({ name }, number) => el("option", { value: number, selected: number === label }, name.slice(0, 60))),
  );
  return el("label", {}, "Patches of ", select);
}

function byChoice(state, changed) {
  const select = el(
    "select",
    {
      on: {
        change: () => {
          state.colouring = select.value;
          changed();
        },
      },
    },
    Object.entries(COLOURINGS).map(([name, title]) => el("option", { value: name, selected: name === state.colouring }, title)),
  );
  return el("label", {}, "Colour by ", select);
}

/** By which projection the patches are laid out; the last of the recipe's comes first. */
function layoutChoice(state, changed) {
  const select = el(
    "select",
    {
      on: {
        change: () => {
          state.layout = Number(select.value);
          changed();
        },
      },
    },
    layouts.map(({ name }, number) => el("option", { value: number, selected: number === state.layout }, name)),
  );
  return el("label", {}, "Laid out by ", select);
}

/** Which names the colours stand for; each can be switched off. */
function namesOf(own, state, colour, changed) {
  const list = (entries) => el("ul", { class: "legend" }, entries.map((entry) => legendEntry(state, ...entry, changed)));
  const shade = (group) => (state.colouring === "typicality" ? null : colour[state.colouring](group.start));
  const ofGroups = () => own.map((one) => [one.number, groupTitle(one), shade(one), groupAddress(one)]);
  const ofLabels = () => labels.map(({ name }, number) => [number, name, state.colouring === "label" ? categorical(number) : null, mapAddress(number)]);
  return own ? [list(ofGroups())] : [list(ofLabels()), list(kinds.map((one) => [one, kindTitle(one), null, null]))];
}

function typicalityBar({ ends, paint }) {
  return [scaleBar(...ends, paint), el("p", { class: "quiet" }, "Typicality, in units of the denoising loss")];
}

function legendEntry(state, number, name, shade, address, changed) {
  const input = el("input", {
    type: "checkbox",
    checked: !state.off.has(number),
    "aria-label": `Show ${name.slice(0, 80)}`,
    on: {
      change: () => {
        state.off[input.checked ? "delete" : "add"](number);
        changed();
      },
    },
  });
  return el("li", {}, input, shade && el("i", { style: { background: shade } }), address ? el("a", { href: address }, named(name)) : name);
}
