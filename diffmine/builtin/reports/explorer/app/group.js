// One cluster: all its crops, how they spread over pictures, and where else something like it is seen.

import { crop, CropGrid } from "./crops.js";
import { calledTitle, clustersOf, groups, groupTitle, labels, membersOf, patches } from "./data.js";
import { el, named, svg } from "./dom.js";
import { flagNotes, verdict } from "./flags.js";
import { notePanel } from "./noting.js";
import { count, figure, interval, known, percent, percentAtLeast } from "./numbers.js";
import { groupAddress, labelAddress, overviewAddress } from "./routes.js";
import { shownOf } from "./sprites.js";
import { suggestions } from "./words.js";

const NEAR_CROPS = 5;

export function groupView({ label, group }) {
  const side = matchMedia("(max-width: 640px)").matches ? 72 : 96;
  const grid = new CropGrid(membersOf(group), side, `${groupTitle(group)} of ${labels[label].name}`);
  const element = el(
    "div",
    { class: "page" },
    groupHead(label, group),
    el("div", { class: "group-facts" }, factList(group), histogram(group)),
    group.near?.length ? nearby(group) : null,
    el(
      "section",
      {},
      el("h2", {}, `All ${count(group.size, "patch")}`),
      el("p", { class: "quiet below" }, group.facts ? "The most central first." : "The best ranked first.", leftOut(group)),
      grid.element,
    ),
  );
  const siblings = clustersOf(label);
  const place = siblings.indexOf(group);
  const keys = {
    ArrowLeft: place > 0 ? groupAddress(siblings[place - 1]) : null,
    ArrowRight: place >= 0 && place + 1 < siblings.length ? groupAddress(siblings[place + 1]) : null,
  };
  return { title: `${groupTitle(group)} · ${labels[label].name}`, up: labelAddress(label), element, keys, shown: () => grid.layout(), destroy: () => grid.destroy() };
}

/** What to say where the page holds not all crops of a group. */
function leftOut(group) {
  const shown = shownOf(group);
  return shown < group.size && ` This page holds the first ${shown}; diffmine view shows all.`;
}

export function crumbs(label, group) {
  return el(
    "nav",
    { class: "crumbs", "aria-label": "You are here" },
    el("a", { href: overviewAddress }, "Overview"),
    el("a", { href: labelAddress(label) }, named(labels[label].name)),
    group && el("a", { href: groupAddress(group) }, groupTitle(group)),
  );
}

function groupHead(label, group) {
  const siblings = clustersOf(label);
  const place = siblings.indexOf(group);
  const step = (to, text, symbol) => siblings[to] && el("a", { class: "step", href: groupAddress(siblings[to]), "aria-label": text }, symbol);
  const title = el("h1", {});
  const retitle = () => title.replaceChildren(named(calledTitle(group)), " of ", named(labels[label].name));
  retitle();
  return el(
    "section",
    { class: "intro" },
    crumbs(label),
    el(
      "div",
      { class: "title-row" },
      title,
      place >= 0 && [step(place - 1, "Previous cluster", "‹"), step(place + 1, "Next cluster", "›")],
    ),
    verdict(group),
    suggestions(group),
    flagNotes(group),
    notePanel(group, retitle),
  );
}

function factList(group) {
  const facts = group.facts ?? {};
  const pairs = [
    ["Patches", String(group.size)],
    ["Pictures", String(group.images)],
    ["Most from one picture", String(mostFromOne(group))],
    group.facts && ["Median typicality", figure(facts.median_typicality)],
    interval(facts.median_low, facts.median_high) && ["95 % interval", interval(facts.median_low, facts.median_high)],
    known(group.purity) && ["Purity", figure(group.purity)],
    known(group.base) && [`Of all that show ${group.shows}`, figure(group.base)],
    known(group.significant) && ["Above chance", percent(group.significant)],
    known(facts.at_least) && ["Typical members", facts.at_least > 0 ? `at least ${percentAtLeast(facts.at_least)}` : "cannot tell"],
  ];
  return el("dl", { class: "facts" }, pairs.filter(Boolean).map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
}

function mostFromOne(group) {
  const counts = new Map();
  for (const patch of membersOf(group)) counts.set(patches.image[patch], (counts.get(patches.image[patch]) ?? 0) + 1);
  return Math.max(...counts.values());
}

/** How the members' typicality spreads, against all other mined patches of the label. */
function histogram(group) {
  const all = clustersOf(group.label).flatMap(membersOf).map((patch) => patches.typicality[patch]);
  const own = membersOf(group).map((patch) => patches.typicality[patch]);
  const [least, most] = [...own, ...all].reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [Infinity, -Infinity]);
  const bins = 32;
  const shares = (values) => {
    const counts = new Array(bins).fill(0);
    for (const one of values) counts[Math.min(bins - 1, Math.floor((bins * (one - least)) / (most - least || 1)))] += 1;
    const top = Math.max(...counts, 1);
    return counts.map((one) => one / top);
  };
  const bars = (values, name) =>
    shares(values).map((share, bin) => svg("rect", { class: name, x: bin * 10, width: 9, y: 60 - 58 * share, height: 58 * share }));
  return el(
    "figure",
    { class: "histogram" },
    svg(
      "svg",
      { viewBox: "0 0 320 78", role: "img", "aria-label": `Typicality from ${figure(least)} to ${figure(most)}` },
      bars(all, "all"),
      bars(own, "own"),
      svg("line", { class: "axis", x1: 0, x2: 320, y1: 60.5, y2: 60.5 }),
      svg("text", { x: 0, y: 75 }, figure(least)),
      svg("text", { x: 320, y: 75, "text-anchor": "end" }, figure(most)),
    ),
    el("figcaption", {}, "Typicality of ", el("i", { class: "own" }), " these patches and ", el("i", { class: "all" }), " all of the label"),
  );
}

function nearby(group) {
  return el(
    "section",
    {},
    el("h2", {}, "Also seen in"),
    el("p", { class: "quiet" }, "The clusters of other labels whose features are nearest; similarity is 1 for the same, 0 for nothing in common."),
    el("div", { class: "near" }, group.near.map(([number, cosine]) => nearRow(groups[number], cosine))),
  );
}

function nearRow(group, cosine) {
  return el(
    "div",
    { class: "near-row" },
    el("a", { href: groupAddress(group) }, named(labels[group.label].name), el("span", {}, `${calledTitle(group)}, similarity ${cosine.toFixed(2)}`)),
    el("div", { class: "cover-crops" }, membersOf(group).slice(0, NEAR_CROPS).map((patch) => crop(patch, 56))),
  );
}
