// All patches on a plane, near to those that look alike: crops or points, to hover, to lasso, to look at.

import { categorical, css, diverging, packedColour, viridis } from "./colours.js";
import { CropGrid } from "./crops.js";
import { groupOf, groups, groupsOfLabel, groupTitle, kindOf, kindTitle, labels, layouts, patchCount, patches } from "./data.js";
import { el, named } from "./dom.js";
import { count, figure } from "./numbers.js";
import { Plane, TOUCHED } from "./plane.js";
import { groupAddress, mapAddress, overviewAddress, patchAddress } from "./routes.js";
import { scaleBar } from "./scale.js";

const COLOURINGS = { label: "Label", cluster: "Cluster", typicality: "Typicality" };
const NO_CLUSTER = [138, 143, 152];
const kinds = [...new Set(groups.map(kindOf))];
const controls = kinds.filter((kind) => kind !== "clusters" && kind !== "outliers");

export function mapView({ label }) {
  const own = label === undefined ? null : groupsOfLabel[label].filter((group) => !group.into);
  const key = (group) => (own ? group.number : kindOf(group));
  const controlKeys = (own ?? groups).filter((group) => controls.includes(kindOf(group))).map(key);
  // Kept with the entry of the browser's history: a reload, and the way back, find the map as it was left.
  const kept = history.state?.map ?? {};
  const state = { colouring: own ? "cluster" : "label", layout: layouts.length - 1, ...kept, off: new Set(kept.off ?? controlKeys) };
  if (!layouts[state.layout]) state.layout = layouts.length - 1;
  const isShown = (group) => !state.off.has(key(group)) && !(own === null && state.off.has(group.label));
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
  const keep = () => {
    const { view, style, region } = plane;
    const map = { colouring: state.colouring, layout: state.layout, off: [...state.off], plane: { view, style, region } };
    history.replaceState({ ...history.state, map }, "");
  };
  const plane = new Plane({
    hover: (patch) => {
      readout.textContent = patch === null ? HELP : describe(patch);
    },
    open: (patch) => {
      location.hash = patchAddress(groupOf(patch), patch);
    },
    select,
    changed: keep,
    state: kept.plane,
  });
  const bar = el("div");
  const names = el("div");
  const load = () => {
    const shown = patchesOf((own ?? groups).filter(isShown));
    const { x, y, ownX, ownY } = layouts[state.layout].places;
    colour = colouring(shown);
    plane.load({ shown, x: own ? ownX : x, y: own ? ownY : y, colours: colour.columns[state.colouring]() });
    bar.replaceChildren(...(state.colouring === "typicality" ? typicalityBar(colour) : []));
  };
  const update = () => {
    load();
    keep();
  };
  const recolour = () => {
    update();
    names.replaceChildren(...namesOf(own, state, update));
  };
  load();
  names.replaceChildren(...namesOf(own, state, update));
  const element = el(
    "div",
    { class: "page map-page" },
    el("section", { class: "intro" }, el("h1", {}, "Map"), el("p", { class: "explain" }, "Patches whose features are alike lie near each other.")),
    el("div", { class: "toolbar" }, ofChoice(label), byChoice(state, recolour), layoutChoice(state, update), plane.toolbar()),
    el("div", { class: "map" }, el("div", {}, plane.element, readout), el("div", { class: "map-legend" }, bar, names)),
    selection,
  );
  const destroy = () => {
    plane.destroy();
    grid?.destroy();
  };
  const shown = () => {
    plane.resize();
    plane.reselect();
  };
  return { title: "Map", tab: "map", up: overviewAddress, element, destroy, shown };
}

/** The patches of some groups, the most typical first. */
function patchesOf(some) {
  const isWanted = new Uint8Array(patchCount);
  for (const group of some) for (const { start, stop } of [group, ...(group.parts ?? [])]) isWanted.fill(1, start, stop);
  return new Uint32Array(patches.byTypicality).filter((patch) => isWanted[patch]);
}

const HELP = TOUCHED.matches
  ? "Tap a patch to see it in its picture; choose Lasso to draw around patches and list them, Move to move the map."
  : "Point at a patch to see it, draw around patches to list them, scroll to zoom.";

function describe(patch) {
  const group = groupOf(patch);
  return `${labels[group.label].name.slice(0, 80)}, ${groupTitle(group)}, typicality ${figure(patches.typicality[patch])}`;
}

/** Colours of patches that come with the most typical first; `columns` give one for each patch of the page. */
function colouring(shown) {
  const at = (share) => patches.typicality[shown[shown.length - 1 - Math.floor(shown.length * share)]];
  const [most, least] = [at(0.98) ?? 1, at(0.02) ?? 0];
  const scale = Math.max(Math.abs(least), Math.abs(most)) || 1;
  const shade = (value) => (least < 0 ? diverging(value, scale) : viridis((value - least) / (most - least || 1)));
  return {
    columns: {
      label: () => columnOf((group) => ofLabel(group.label)),
      cluster: () => columnOf(ofCluster),
      typicality: () => {
        const column = new Uint32Array(patchCount);
        for (const patch of shown) column[patch] = packedColour(shade(patches.typicality[patch]));
        return column;
      },
    },
    ends: least < 0 ? [-scale, scale] : [least, most],
    paint: (value) => css(shade(value)),
  };
}

const ofLabel = (label) => categorical(label);
const ofCluster = (group) => (group.facts ? categorical(group.facts.rank) : NO_CLUSTER);

function columnOf(shade) {
  const column = new Uint32Array(patchCount);
  for (const group of groups) column.fill(packedColour(shade(group.into ?? group)), group.start, group.stop);
  return column;
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
function namesOf(own, state, changed) {
  const list = (entries) => el("ul", { class: "legend" }, entries.map((entry) => legendEntry(state, ...entry, changed)));
  const shades = { label: (group) => css(ofLabel(group.label)), cluster: (group) => css(ofCluster(group)), typicality: () => null };
  const shade = shades[state.colouring];
  const ofGroups = () => own.map((one) => [one.number, groupTitle(one), shade(one), groupAddress(one)]);
  const ofLabels = () => labels.map(({ name }, number) => [number, name, state.colouring === "label" ? css(ofLabel(number)) : null, mapAddress(number)]);
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
