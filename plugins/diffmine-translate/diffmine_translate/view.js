const { el, named } = explorer;
const quiet = { color: "var(--quiet)", "font-size": "0.85rem" };
const columns = `minmax(5rem, max-content) repeat(${data.labels.length}, minmax(0, 96px))`;
const grid = (...children) =>
  el("div", { role: "table", style: { display: "grid", "grid-template-columns": columns, gap: "6px 8px", "align-items": "start", "overflow-x": "auto" } }, ...children);
const cell = (role, ...children) => el("div", { role, style: { "min-width": "0", "overflow-wrap": "anywhere" } }, ...children);
const heads = (first) => [cell("columnheader", el("span", { style: quiet }, first)), ...data.labels.map((label) => cell("columnheader", named(label)))];
const image = (source, text) => el("img", { src: source, alt: text, style: { width: "100%", display: "block", "border-radius": "4px" } });
const meanings = {
  kept: "shows its own label still",
  changed: "shows the target instead",
  lost: "shows neither any more",
  gained: "shows the target, and did not show its own label",
  absent: "shows neither, and never did",
};
const tone = { kept: "#4477aa", changed: "#ee6677", lost: "#ccbb44", gained: "#228833", absent: "#bbbbbb" };

element.append(
  el("p", { class: "explain" }, "Pictures were translated to every other label. An element is a cluster of places that are typical of the label in all versions of their pictures: each row is one place, each column what it looks like there."),
  el("ul", { style: { ...quiet, display: "flex", "flex-wrap": "wrap", gap: "4px 16px", padding: "0", "list-style": "none" } },
    data.outcomes.map((name) => el("li", {}, swatch(name), ` ${name}: ${meanings[name]}`))),
);
for (const [number, cluster] of data.clusters.entries()) {
  element.append(
    el("section", { class: "panel", style: { "margin-top": "16px" } },
      el("h2", {}, `Element ${number + 1}`),
      el("p", { style: quiet }, `median co-typicality ${cluster.typicality.toPrecision(3)} · ${cluster.places} places in ${cluster.images} pictures`),
      grid(heads("picture of"), cluster.rows.map(placeCells), trendCells(cluster)),
    ),
  );
}
if (data.more > 0) element.append(el("p", { style: quiet }, `${data.more} further elements are in place_clusters.parquet.`));
element.append(
  el("section", { class: "panel", style: { "margin-top": "16px" } },
    el("h2", {}, "Pictures"),
    el("p", { style: quiet }, "Below each translation: the label that it speaks most for, by the model, and how near it is to the picture."),
    grid(heads("picture of"), data.pictures.map(pictureCells)),
  ),
);

function swatch(name) {
  return el("span", { "aria-hidden": "true", style: { display: "inline-block", width: "10px", height: "10px", "border-radius": "2px", background: tone[name] } });
}

function placeCells(row) {
  return [
    cell("rowheader", named(row.source)),
    ...row.crops.map((crop, at) => {
      const outcome = row.outcomes[at];
      return cell("cell", image(crop, `as ${data.labels[at]}`), el("span", { style: quiet }, outcome ? [swatch(outcome), ` ${outcome}`] : "as it is"));
    }),
  ];
}

function trendCells(cluster) {
  return [
    cell("rowheader", el("span", { style: quiet }, "all places")),
    ...cluster.trend.map((counts, at) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      const said = data.outcomes.map((name, place) => `${name} ${counts[place]}`).join(", ");
      if (!total) return cell("cell");
      const bar = el("div", { role: "img", "aria-label": `${data.labels[at]}: ${said}`, title: said, style: { display: "flex", height: "10px", "border-radius": "4px", overflow: "hidden" } },
        counts.map((count, place) => el("span", { style: { width: `${(100 * count) / total}%`, background: tone[data.outcomes[place]] } })));
      return cell("cell", bar);
    }),
  ];
}

function pictureCells(row) {
  return [
    cell("rowheader", named(row.source)),
    ...row.versions.map((version, at) =>
      cell("cell", image(version, `as ${data.labels[at]}`),
        el("span", { style: quiet }, row.translated[at] ? [named(row.seenAs[at]), ` · ${row.psnr[at]} dB`] : "as it is"))),
  ];
}
