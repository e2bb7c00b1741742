// One cluster alone, for a frame in another page: its crops, what is known of it, and the way to the whole report.

import { CropGrid } from "./crops.js";
import { calledTitle, data, labels, membersOf } from "./data.js";
import { el, named } from "./dom.js";
import { verdict } from "./flags.js";
import { count } from "./numbers.js";
import { groupAddress, overviewAddress } from "./routes.js";
import { words } from "./words.js";

const SIDE = 72;

export function embeddedView({ label, group }) {
  const title = `${calledTitle(group)} of ${labels[label].name}`;
  const grid = new CropGrid(membersOf(group), SIDE, title);
  const whole = el("a", { href: groupAddress(group) }, "Open in the report");
  const element = el(
    "div",
    { class: "page" },
    el("section", { class: "intro" }, el("h1", {}, named(title)), verdict(group), words(group)),
    grid.element,
    el("p", { class: "quiet" }, `${count(group.size, "patch")} of ${count(group.images, "picture")} · `, named(data.run.name), " · ", whole),
  );
  return { title, up: overviewAddress, element, shown: () => grid.layout(), destroy: () => grid.destroy() };
}
