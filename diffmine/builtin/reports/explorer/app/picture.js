// One patch in its picture.

import { crop, GAP } from "./crops.js";
import { css, diverging } from "./colours.js";
import { columns, data, groupOf, groupTitle, imageOf, labels, membersOf, patches, patchesOfImage } from "./data.js";
import { el, named } from "./dom.js";
import { verdict } from "./flags.js";
import { crumbs } from "./group.js";
import { figure, known } from "./numbers.js";
import { groupAddress, labelAddress, patchAddress } from "./routes.js";
import { scaleBar } from "./scale.js";
import { Stage } from "./stage.js";
import { hasInfluence, mappedLabels, PAINTS } from "./typicality.js";
import { suggestions } from "./words.js";

const STRIP_SIDE = 48;

// What the viewer last chose holds for the next picture too.
const chosen = { which: "maps", how: "heat", opacity: 0.7, boxes: true, masks: true };

export function pictureView({ label, group, patch }) {
  const image = imageOf(patch);
  const room = Math.min(640, document.documentElement.clientWidth - 32, Math.max(240, innerHeight - 260) * (image.width / image.height));
  const readout = el("output", { class: "readout" });
  const stage = new Stage(patch, Math.round(room), (value) => {
    readout.textContent = value === null ? "" : `${chosen.which === "maps" ? "T" : "I"} = ${figure(value)}`;
  });
  const members = membersOf(group);
  const place = members.indexOf(patch);
  const address = (step) => (members[place + step] === undefined ? null : patchAddress(group, members[place + step]));
  const element = el(
    "div",
    { class: "page" },
    el("section", { class: "intro" }, crumbs(label, group), head(group, place, address), verdict(group), suggestions(group)),
    el(
      "div",
      { class: "viewer" },
      el("div", { class: "viewer-picture" }, stage.element, strip(group, members, place, stage.shownWidth)),
      el("div", { class: "viewer-side" }, overlayPanel(stage, label, image, readout), factPanel(patch, group, image)),
    ),
  );
  const keys = { ArrowLeft: address(-1), ArrowRight: address(1) };
  return { title: `Patch ${place + 1} of ${group.size} · ${groupTitle(group)} · ${labels[label].name}`, up: groupAddress(group), element, keys };
}

function head(group, place, address) {
  const step = (to, text, symbol) => to && el("a", { class: "step", href: to, "aria-label": text }, symbol);
  return el(
    "div",
    { class: "title-row" },
    el("h1", {}, `Patch ${place + 1} of ${group.size}`),
    step(address(-1), "Previous patch", "‹"),
    step(address(1), "Next patch", "›"),
  );
}

function strip(group, members, place, width) {
  const fitting = Math.max(5, Math.floor((width + GAP) / (STRIP_SIDE + GAP)));
  const first = Math.max(0, Math.min(place - Math.floor(fitting / 2), members.length - fitting));
  const shown = members.slice(first, first + fitting);
  return el(
    "nav",
    { class: "strip", "aria-label": `${groupTitle(group)}: more patches` },
    shown.map((one) => crop(one, STRIP_SIDE, { current: one === members[place] })),
  );
}

function overlayPanel(stage, label, image, readout) {
  const mapped = mappedLabels(image.number);
  const state = { label: mapped.includes(label) ? label : mapped[0] };
  const legend = el("div");
  const meaning = el("span");
  const draw = () => {
    const scale = labels[state.label]?.scale ?? labels[label].scale ?? 1;
    stage.showMap(chosen.which, state.label, chosen.how, chosen.opacity, scale);
    stage.showMarks(label, chosen);
    legend.replaceChildren(...(chosen.how === "off" ? [] : [legendOf(chosen, scale)]));
    meaning.textContent = chosen.which === "maps" ? saying(data.run.quantity) : INFLUENCE;
  };
  const choose = (changes) => {
    Object.assign(chosen, changes);
    draw();
  };
  draw();
  const tick = (name, title) =>
    el("label", {}, el("input", { type: "checkbox", checked: chosen[name], on: { change: (event) => choose({ [name]: event.target.checked }) } }), ` ${title}`);
  const ticks = el("div", { class: "ticks" }, tick("boxes", "Patches"), stage.hasMasks && tick("masks", "Known masks"));
  if (!mapped.length) {
    return el("section", { class: "panel" }, el("h2", {}, "Typicality"), el("p", { class: "quiet" }, ABSENT), ticks);
  }
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, "Typicality"),
    mapped.length > 1 ? labelChoice(mapped, state, draw) : el("p", { class: "quiet" }, "of ", named(labels[state.label].name)),
    hasInfluence(image.number) && choice("Map", "which", { maps: "Typicality", influence: "Influence" }, choose),
    choice("Overlay", "how", { heat: "Heat", fade: "Only what is typical", off: "Off" }, choose),
    el(
      "label",
      { class: "slider" },
      "Opacity ",
      el("input", { type: "range", min: 0, max: 1, step: 0.05, value: chosen.opacity, on: { input: (event) => choose({ opacity: Number(event.target.value) }) } }),
    ),
    legend,
    el("p", { class: "quiet" }, meaning, " ", readout),
    ticks,
  );
}

/** What the values of the maps are, as the run's scorer says. */
function saying({ name, formula, unit, meaning }) {
  const what = formula || name;
  const start = what.charAt(0).toUpperCase() + what.slice(1);
  return `${start}${unit ? ` (${unit})` : ""}${meaning ? `: ${meaning}` : ""}.`;
}

const ABSENT = "This report holds only the patches of this picture, to stay small: whole pictures are included for the best patches first.";

const INFLUENCE = "How far the label moves what the model predicts: it tells where the label matters, not whether it fits.";

/** A choice of one value of `chosen`; titles: value to what is shown. */
function choice(legend, name, titles, choose) {
  return el(
    "fieldset",
    { class: "modes" },
    el("legend", { class: "hidden" }, legend),
    Object.entries(titles).map(([value, title]) =>
      el("label", {}, el("input", { type: "radio", name, checked: chosen[name] === value, on: { change: () => choose({ [name]: value }) } }), el("span", {}, title)),
    ),
  );
}

function labelChoice(mapped, state, draw) {
  const select = el(
    "select",
    {
      on: {
        change: () => {
          state.label = Number(select.value);
          draw();
        },
      },
    },
    mapped.map((one) => el("option", { value: one, selected: one === state.label }, labels[one].name)),
  );
  return el("label", {}, "of ", select);
}

function legendOf({ which, how }, scale) {
  if (how === "fade") {
    const paint = (value) => `rgb(255 255 255 / ${PAINTS.fade(value, scale)[3]})`;
    return scaleBar(0, scale, paint, ["white", "as it is"]);
  }
  const paint = (value) => css(diverging(value, scale));
  if (which === "influence") return scaleBar(0, scale, paint, ["none", "more influence"]);
  return scaleBar(-scale, scale, paint, ["less typical", "more typical"]);
}

const shownValue = (value) => (typeof value === "number" && !Number.isInteger(value) ? figure(value) : named(String(value)));

function factPanel(patch, group, image) {
  const { typicality, stderr, p, q, rank } = patches;
  const error = known(stderr?.[patch]) ? ` ± ${figure(stderr[patch])}` : "";
  const pairs = [
    ["Typicality", `${figure(typicality[patch])}${error}`],
    ["Rank in label", String(rank[patch] + 1)],
    known(q?.[patch]) && ["q-value", figure(q[patch])],
    known(p?.[patch]) && ["p-value", figure(p[patch])],
    ["Picture", named(image.path)],
    ["Size", `${image.width} × ${image.height} px`],
    ...columns.filter((one) => one.values[patch] !== null).map((one) => [named(one.name), shownValue(one.values[patch])]),
    ["Labels", image.labels.map((one) => el("a", { href: labelAddress(one) }, named(labels[one].name)))],
  ];
  const others = patchesOfImage(image.number).filter((one) => one !== patch && groupOf(one).facts);
  return el(
    "section",
    { class: "panel" },
    el("dl", { class: "pairs" }, pairs.filter(Boolean).map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)])),
    others.length ? [el("h2", {}, "Also mined from this picture"), el("div", { class: "cover-crops" }, others.slice(0, 24).map((one) => crop(one, 48)))] : null,
  );
}
