// Where the results come from: warnings, pictures left out, the recipe.

import { data, groups } from "./data.js";
import { el, named } from "./dom.js";
import { count } from "./numbers.js";
import { groupAddress } from "./routes.js";

export function warningsPanel() {
  const { warnings } = data.run;
  if (!warnings.length) return null;
  return el(
    "details",
    { class: "panel warning", open: warnings.length <= 3 },
    el("summary", {}, count(warnings.length, "warning")),
    el("ul", {}, warnings.map((text) => el("li", {}, linked(text)))),
  );
}

/** A warning, as a link to the cluster that it is about, if it is about one. */
function linked(text) {
  const group = groups.find((one) => one.flags?.some((flag) => flag.sentence === text));
  return group ? el("a", { href: groupAddress(group) }, named(text)) : named(text);
}

export function skippedPanel() {
  const { skipped, skippedCount } = data.run;
  if (!skippedCount) return null;
  return el(
    "details",
    { class: "panel" },
    el("summary", {}, `${count(skippedCount, "picture")} left out`),
    el("dl", { class: "pairs" }, skipped.map(({ path, cause }) => [el("dt", {}, named(path)), el("dd", {}, named(cause))])),
    skippedCount > skipped.length && el("p", { class: "quiet" }, "The rest is in skipped.csv."),
  );
}

export function aboutPanel() {
  const paper = el("a", { href: "https://arxiv.org/abs/2408.02752", rel: "noreferrer" }, "Diffusion Models as Data Mining Tools");
  return el(
    "details",
    { class: "panel" },
    el("summary", {}, "What is this?"),
    el(
      "p",
      {},
      "diffmine looks at labelled pictures for what tells each label from the others. It scores every place of every picture, ",
      "cuts out the patches that score highest, and groups those that look alike into clusters. It follows ",
      paper,
      ".",
    ),
    el("p", {}, "Typical means that it tells the label apart in these pictures. It need not be true of the world, and says nothing of causes."),
    el("p", { class: "quiet" }, "diffmine show RUN --bibtex tells how to cite this run."),
  );
}

export function recipePanel() {
  const { recipe, seed, version } = data.run;
  return el(
    "details",
    { class: "panel" },
    el("summary", {}, "What was run"),
    el("p", { class: "quiet" }, `diffmine ${version}, seed ${seed}; the run folder's recipe.toml runs it again.`),
    Object.entries(recipe).map(([table, options]) =>
      el(
        "div",
        { class: "recipe" },
        el("h3", {}, `[${table}]`),
        el("dl", { class: "pairs" }, Object.entries(options).map(([name, value]) => [el("dt", {}, name), el("dd", {}, named(value))])),
      ),
    ),
  );
}
