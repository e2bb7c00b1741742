// All patches on a plane, near to those that look alike: crops or points, to hover, to lasso, to look at.

import { categorical, css, diverging, viridis } from "./colours.js";
import { CropGrid } from "./crops.js";
import { groupOf, groupsOfLabel, groupTitle, labels, layouts, patchCount, patches, range } from "./data.js";
import { el, named } from "./dom.js";
import { count, figure } from "./numbers.js";
import { groupAddress, mapAddress, overviewAddress, patchAddress } from "./routes.js";
import { Plane } from "./plane.js";

const COLOURINGS = { label: "Label", cluster: "Element", typicality: "Typicality" };

export function mapView({ label }) {
  const groups = label === undefined ? null : groupsOfLabel[label];
  const first = groups ? Math.min(...groups.map((one) => one.start)) : 0;
  const last = groups ? Math.max(...groups.map((one) => one.stop)) : patchCount;
  const members = last > first ? range(first, last).filter((one) => groupOf(one).facts) : [];
  const state = { colouring: groups ? "cluster" : "label", layout: layouts.length - 1, off: new Set() };
  const colour = colouring(members);

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
    members: () => members.filter((one) => !state.off.has(key(one))),
    at: (patch) => {
      const { x, y, ownX, ownY } = layouts[state.layout];
      return groups ? [ownX[patch] / 1000, ownY[patch] / 1000] : [x[patch] / 1000, y[patch] / 1000];
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
  const key = (patch) => (groups ? groupOf(patch).number : groupOf(patch).label);
  const legend = el("div", { class: "map-legend" });
  const drawLegend = () => legend.replaceChildren(legendOf(groups, state, members, colour, () => plane.draw()));
  drawLegend();
  const element = el(
    "div",
    { class: "page map-page" },
    el("section", { class: "intro" }, el("h1", {}, "Map"), el("p", { class: "explain" }, "Patches whose features are alike lie near each other.")),
    el("div", { class: "toolbar" }, ofChoice(label), byChoice(state, () => (drawLegend(), plane.draw())), layoutChoice(state, () => plane.draw()), plane.toolbar()),
    el("div", { class: "map" }, plane.element, legend),
    readout,
    selection,
  );
  const destroy = () => {
    plane.destroy();
    grid?.destroy();
  };
  return { title: "Map", tab: "map", up: overviewAddress, element, destroy, shown: () => plane.resize() };
}

const HELP = "Point at a patch to see it, draw around patches to list them, scroll to zoom.";

function describe(patch) {
  const group = groupOf(patch);
  return `${labels[group.label].name.slice(0, 80)}, ${groupTitle(group)}, typicality ${figure(patches.typicality[patch])}`;
}

function colouring(members) {
  const values = members.map((patch) => patches.typicality[patch]).sort((one, other) => one - other);
  const most = values[Math.floor(values.length * 0.98)] ?? 1;
  const least = values[Math.floor(values.length * 0.02)] ?? 0;
  const scale = Math.max(Math.abs(least), Math.abs(most)) || 1;
  return {
    label: (patch) => categorical(groupOf(patch).label),
    cluster: (patch) => categorical(groupOf(patch).facts.rank),
    typicality: (patch) =>
      css(least < 0 ? diverging(patches.typicality[patch], scale) : viridis((patches.typicality[patch] - least) / (most - least || 1))),
    ends: [least, most],
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
    layouts.map(({ name }, number) => el("option", { value: number, selected: number === state.layout }, name === "pca" ? "principal components" : name)),
  );
  return el("label", {}, "Laid out by ", select);
}

/** Which names the colours stand for; each can be switched off. */
function legendOf(groups, state, members, colour, changed) {
  if (state.colouring === "typicality") {
    const [least, most] = colour.ends;
    return el("p", { class: "quiet" }, `Typicality from ${figure(least)} (dark or blue) to ${figure(most)} (yellow or red).`);
  }
  const entries = groups
    ? groups.filter((one) => one.facts).map((one) => [one.number, groupTitle(one), categorical(state.colouring === "label" ? one.label : one.facts.rank), groupAddress(one)])
    : labels.map(({ name }, number) => [number, name, state.colouring === "label" ? categorical(number) : "currentColor", mapAddress(number)]);
  return el("ul", { class: "legend" }, entries.map(([number, name, shade, address]) => legendEntry(state, number, name, shade, address, changed)));
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
  return el("li", {}, input, el("i", { style: { background: shade } }), el("a", { href: address }, named(name)));
}
