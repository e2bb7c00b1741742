const { el, svg, named, hidden, crop, figure } = explorer;
const SIDE = 60;
const percent = (share) => `${Math.round(100 * share)} %`;
const small = (value) => Number(value.toPrecision(2));

element.append(
  el("p", { class: "explain" },
    "Patches of all labels were clustered together; each cluster is an element. Bars show in which share of a label’s pictures it was found, ",
    "from 0 to 100 %, the line is the 95 % interval; below are the most typical crops. What changes most stands first."),
  el("div", { class: "lives", style: { "grid-template-columns": `repeat(auto-fill, minmax(min(100%, ${140 + 72 * data.labels.length}px), 1fr))` } },
    data.elements.map(panel)),
  ...(data.more > 0 ? [el("p", { class: "quiet" }, `${data.more} further elements, which change less, are in elements.parquet.`)] : []),
);

function panel(one) {
  const title = `Element ${one.number}`;
  return el("section", { class: "panel life" },
    el("h2", {}, `${title} `, el("span", { class: "life-course", data: { course: one.course } }, one.course)),
    el("p", { class: "quiet" }, `${one.size} patches in ${one.images} pictures · q ${small(one.q)}${one.chance ? ", but no patch of it stands above chance" : ""}`),
    el("div", { class: "scroll", role: "region", "aria-label": `${title} by label`, tabindex: "0" },
      el("table", { class: "life-table" },
        el("thead", {}, el("tr", {}, el("td", {}), data.labels.map((label) => el("th", { scope: "col" }, named(label))))),
        el("tbody", {},
          row("share", one.steps.map(share)),
          row("typicality", one.steps.map(typicality)),
          row("crops", one.steps.map((step) => step.patches.map((patch) => crop(patch, SIDE))))))));
}

function row(name, cells) {
  return el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", {}, cell)));
}

function share(step) {
  const y = (value) => 44 - 40 * value;
  const bounds = `${percent(step.share_low)} to ${percent(step.share_high)}`;
  return [
    svg("svg", { class: "life-bar", viewBox: "0 0 60 48", width: SIDE, height: 48, "aria-hidden": "true" },
      svg("rect", { class: "frame", x: 0.5, y: 4, width: 59, height: 40 }),
      svg("rect", { class: "fill", x: 0, y: y(step.share), width: 60, height: 40 * step.share }),
      svg("path", { class: "whisker", d: `M30 ${y(step.share_low)}V${y(step.share_high)}M25 ${y(step.share_low)}h10M25 ${y(step.share_high)}h10` }),
      svg("path", { class: "ground", d: "M0 44h60" })),
    el("span", { class: "life-share", title: `${step.found} of ${step.pictures} pictures, 95 % interval ${bounds}` }, percent(step.share)),
    hidden(`, ${step.found} of ${step.pictures} pictures, 95 % interval ${bounds}`),
  ];
}

function typicality(step) {
  if (step.mean_typicality === null) return hidden("none");
  const bounds = step.mean_low === null ? "from one picture" : `95 % interval ${figure(step.mean_low)} to ${figure(step.mean_high)}`;
  return [el("span", { title: `mean, ${bounds}` }, figure(step.mean_typicality)), hidden(`, ${bounds}`)];
}
