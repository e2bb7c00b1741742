// How well the run did: metrics with intervals and chance levels, and the loss as it fell.

import { data } from "./data.js";
import { el, named, svg } from "./dom.js";
import { count, figure, interval } from "./numbers.js";

// Roles are spelled out: on a narrow screen each row is laid out as a block, which would take them away.
const COLUMNS = ["Metric", "Value", "95 % interval", "Chance", "Compared", "Measured on"];

export function metricsPanel() {
  const { metrics } = data.run;
  if (!metrics.length) return null;
  return el(
    "section",
    { class: "panel wide" },
    el("h2", {}, "How well it did"),
    el("p", { class: "quiet" }, "The dot is the value, the bar its 95 % interval, the open mark what chance would reach."),
    el(
      "div",
      { class: "scroll", role: "region", "aria-label": "Metrics", tabindex: "0" },
      el(
        "table",
        { class: "metrics", role: "table" },
        el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, COLUMNS.map((one) => el("th", { scope: "col", role: "columnheader" }, one)))),
        el("tbody", { role: "rowgroup" }, metrics.map(metricRow)),
      ),
    ),
  );
}

function metricRow(metric) {
  const title = metric.name.replaceAll("_", " ");
  const cells = [figure(metric.value), interval(metric.low, metric.high) || "–", figure(metric.chance), intervalPlot(metric), metric.count || "–"];
  return el(
    "tr",
    { role: "row" },
    el("th", { scope: "row", role: "rowheader" }, named(title)),
    cells.map((cell, place) => el("td", { class: "number", role: "cell", data: { column: COLUMNS[place + 1] } }, cell)),
  );
}

/** A dot with its interval and the chance level, on a line from the least to the largest of 0, 1 and the figures. */
function intervalPlot({ value, low, high, chance }) {
  const known = [0, 1, value, low, high, chance].filter((one) => typeof one === "number");
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const x = (one) => 4 + (152 * (one - least)) / (most - least || 1);
  return svg(
    "svg",
    { class: "interval", viewBox: "0 0 160 18", width: 160, height: 18, "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 4, x2: 156, y1: 9, y2: 9 }),
    typeof low === "number" && svg("line", { class: "span", x1: x(low), x2: x(high), y1: 9, y2: 9 }),
    typeof chance === "number" && svg("circle", { class: "chance", cx: x(chance), cy: 9, r: 3.5 }),
    svg("circle", { class: "dot", cx: x(value), cy: 9, r: 4.5 }),
  );
}

export function trainingPanel() {
  const { step, loss } = data.run.training;
  if (!step || step.length < 2) return null;
  const curves = Object.entries(data.run.training).filter(([name, values]) => name.endsWith("loss") && values.some(Number.isFinite));
  return el(
    "section",
    { class: "panel" },
    el("h2", {}, "Finetuning"),
    el("p", { class: "quiet" }, `${count(step.at(-1), "step")}; loss from ${figure(loss[0])} to ${figure(loss.at(-1))}`),
    lossPlot(step, curves),
    el("ul", { class: "legend" }, curves.map(([name], number) => el("li", {}, el("i", { class: `curve-${number}` }), name.replaceAll("_", " ")))),
  );
}

function lossPlot(steps, curves) {
  const [width, height, left, bottom] = [420, 170, 44, 22];
  const values = curves.flatMap(([, one]) => one.filter(Number.isFinite));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const x = (step) => left + ((width - left - 8) * (step - steps[0])) / (steps.at(-1) - steps[0] || 1);
  const y = (loss) => 8 + (height - bottom - 8) * (1 - (loss - least) / (most - least || 1));
  const path = (column) =>
    steps
      .map((step, place) => [step, column[place]])
      .filter(([, loss]) => Number.isFinite(loss))
      .map(([step, loss], place) => `${place ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`)
      .join("");
  const label = (text, attributes) => svg("text", attributes, text);
  return svg(
    "svg",
    { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Loss over ${steps.at(-1)} steps` },
    [least, (least + most) / 2, most].map((loss) => [
      svg("line", { class: "axis", x1: left, x2: width - 8, y1: y(loss), y2: y(loss) }),
      label(figure(loss), { x: left - 6, y: y(loss) + 4, "text-anchor": "end" }),
    ]),
    label(`step ${steps[0]}`, { x: left, y: height - 4 }),
    label(String(steps.at(-1)), { x: width - 8, y: height - 4, "text-anchor": "end" }),
    curves.map(([, column], number) => svg("path", { class: `curve-${number}`, d: path(column) })),
  );
}
