// Pages that plugins add: each is a function that fills an element.

import { crop } from "./crops.js";
import { groups, images, labels, patches } from "./data.js";
import { el, hidden, named, svg } from "./dom.js";
import { figure } from "./numbers.js";
import { groupAddress, labelAddress, overviewAddress, patchAddress } from "./routes.js";

// What the page gives a view beside its own data; see `diffmine.interfaces.View`.
const explorer = { labels, groups, patches, images, el, svg, named, hidden, figure, crop, labelAddress, groupAddress, patchAddress };

export function addedView({ added }) {
  const content = el("section", { class: "added" });
  const element = el("div", { class: "page" }, el("section", { class: "intro" }, el("h1", {}, named(added.title))), content);
  const leave = filled(content, added);
  return { title: added.title, tab: `view/${added.name}`, up: overviewAddress, element, destroy: () => leave?.() };
}

/** Let the view fill its element. What it returns, if that is a function, is called when the reader leaves. */
function filled(content, added) {
  try {
    const fill = globalThis.diffmineViews?.[added.name];
    if (!fill) throw new Error("its script could not be read");
    const leave = fill(content, added.data, explorer);
    return typeof leave === "function" ? leave : undefined;
  } catch (error) {
    content.replaceChildren(el("p", { class: "empty", role: "alert" }, `This page cannot be shown: ${error?.message ?? error}.`));
    return undefined;
  }
}
