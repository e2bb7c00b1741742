// The whole run at a glance: each label with its best clusters, then how well the run did and what was run.

import { answerPanel } from "./answer.js";
import { cover } from "./crops.js";
import { clustersOf, data, groups, groupsOfLabel, labels, membersOf, noteOf, patchCount, patches } from "./data.js";
import { el, hidden, named } from "./dom.js";
import { metricsPanel, trainingPanel } from "./evidence.js";
import { verdict } from "./flags.js";
import { count, figure, known, percent, percentAtLeast } from "./numbers.js";
import { aboutPanel, recipePanel, skippedPanel, warningsPanel } from "./provenance.js";
import { groupAddress, labelAddress } from "./routes.js";
import { words } from "./words.js";

const NARROW = 380;
const LARGEST = 72;
const BESIDE = 98;

export function overviewView() {
  const { run } = data;
  const clusters = groups.filter((group) => group.facts).length;
  const facts = [
    count(labels.length, "label"),
    count(run.images, "picture"),
    count(patchCount, "patch"),
    count(clusters, "cluster"),
  ];
  const cards = el("section", { class: "cards", "aria-label": "Labels" });
  const element = el(
    "div",
    { class: "page" },
    el(
      "section",
      { class: "intro" },
      el("h1", {}, named(run.name)),
      el("p", { class: "lead" }, facts.join(" · ")),
    ),
    answerPanel(),
    warningsPanel(),
    el(
      "p",
      { class: "explain" },
      "Each row below is a cluster: crops that look alike, of those that rank highest for their label; the highest cluster first, ",
      "and below it whether it is more than chance. Select a crop to see where it comes from.",
    ),
    cards,
    el("div", { class: "panels" }, metricsPanel(), trainingPanel(), skippedPanel(), recipePanel(), aboutPanel()),
  );
  const resizing = new ResizeObserver(() => fillCards(cards));
  resizing.observe(cards);
  return { title: "Overview", tab: "overview", element, shown: () => fillCards(cards), destroy: () => resizing.disconnect() };
}

/** Make the cards, with crops so large that a row of them fills a card. */
function fillCards(cards) {
  const [width] = getComputedStyle(cards).gridTemplateColumns.split(" ").map(parseFloat);
  const columns = width < NARROW ? 5 : 6;
  const side = Math.max(24, Math.min(LARGEST, Math.floor((width - BESIDE) / columns) - 5));
  if (cards.dataset.side === String(side)) return;
  cards.dataset.side = side;
  cards.replaceChildren(...labels.map((_, label) => card(label, side, columns)));
}

function card(label, side, columns) {
  const rows = data.covers.labels[label].filter(([number]) => !noteOf(groups[number]).hidden && !groups[number].into);
  const facts = [count(labels[label].images, "picture"), count(clustersOf(label).length, "cluster"), ...aboveChance(label)];
  return el(
    "article",
    { class: "card" },
    el("h2", {}, el("a", { href: labelAddress(label) }, named(labels[label].name))),
    el("p", { class: "quiet" }, facts.join(" · ")),
    data.covers.labels[label].length ? null : el("p", { class: "empty" }, "No patches were mined for this label."),
    rows.map(([number, members]) => [coverRow(groups[number], members.slice(0, columns), side), verdict(groups[number]), words(groups[number])]),
  );
}

/** How many of the label's mined patches stand above chance, where that was measured, by what tells more. */
function aboveChance(label) {
  if (!patches.q) return [];
  if (labels[label].undecided) return [labels[label].undecided];
  const { typical } = labels[label];
  if (known(typical)) return [`at least ${typical < 0.01 ? "one" : percentAtLeast(typical)} of its patches above chance`];
  const mined = groupsOfLabel[label].filter((group) => (group.facts && !group.into) || group.name === "outliers").flatMap(membersOf).filter((patch) => known(patches.q[patch]));
  const above = mined.filter((patch) => patches.q[patch] <= data.run.significant);
  return mined.length ? [`${percent(above.length / mined.length)} of its patches above chance`] : [];
}

function coverRow(group, members, side) {
  const median = figure(group.facts.median_typicality);
  return el(
    "div",
    { class: "cover-row" },
    el(
      "a",
      { class: "cover-rank", href: groupAddress(group) },
      el("b", {}, hidden("Cluster "), group.name),
      el("span", {}, hidden("median typicality "), median),
    ),
    el("div", { class: "cover-crops" }, members.map((patch) => cover(patch, side))),
  );
}
