// A crop as a link to its place in its picture, and grids of them.

import { groupOf, groupTitle, imageOf, labels, patches } from "./data.js";
import { el } from "./dom.js";
import { figure } from "./numbers.js";
import { patchAddress } from "./routes.js";
import { showCover, showCrop } from "./sprites.js";
import { VirtualRows } from "./virtual.js";

export const GAP = 6;

/** A link to a patch. `show` is how its pixels are found. */
export function crop(patch, side, { show = showCrop, current = false, tab = true } = {}) {
  const group = groupOf(patch);
  const text = `${labels[group.label].name}, ${groupTitle(group)}, typicality ${figure(patches.typicality[patch])}`;
  const node = el("a", {
    class: "crop",
    href: patchAddress(group, patch),
    "aria-label": text,
    "aria-current": current ? "true" : null,
    title: `typicality ${figure(patches.typicality[patch])}\n${imageOf(patch).path.slice(0, 120)}`,
    tabindex: tab ? null : "-1",
    data: { patch },
  });
  show(node, patch, side);
  return node;
}

export const cover = (patch, side) => crop(patch, side, { show: showCover });

/** Crops in rows that fill a width; only what is on the screen exists. Arrow keys move between crops. */
export class CropGrid {
  constructor(members, side, name) {
    this.members = members;
    this.side = side;
    this.active = 0;
    this.element = el("div", { class: "crop-grid", role: "group", "aria-label": name });
    this.element.addEventListener("keydown", (event) => this.#move(event));
    this.rows = new VirtualRows(this.element, side + GAP, (row) => this.#row(row));
    this.resizing = new ResizeObserver(() => this.layout());
    this.resizing.observe(this.element);
  }

  destroy() {
    this.resizing.disconnect();
    this.rows.destroy();
  }

  /** Fit the rows to the width; at once when the grid comes to the page, so that a place in it can be scrolled to. */
  layout() {
    const columns = Math.max(1, Math.floor((this.element.clientWidth + GAP) / (this.side + GAP)));
    if (columns === this.columns) return;
    this.columns = columns;
    this.rows.reset(Math.ceil(this.members.length / columns));
  }

  #row(row) {
    const first = row * this.columns;
    const cells = this.members.slice(first, first + this.columns);
    return el(
      "div",
      { class: "crop-row" },
      cells.map((patch, column) => crop(patch, this.side, { tab: first + column === this.active })),
    );
  }

  #move(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns };
    const ends = { Home: 0, End: this.members.length - 1 };
    const at = this.members.indexOf(Number(event.target.dataset.patch));
    const to = ends[event.key] ?? at + steps[event.key];
    if (at < 0 || Number.isNaN(to)) return;
    event.stopPropagation();
    if (this.members[to] === undefined) return;
    event.preventDefault();
    this.active = to;
    this.rows.reveal(Math.floor(to / this.columns));
    this.rows.redraw();
    this.element.querySelector(`[data-patch="${this.members[to]}"]`)?.focus({ preventScroll: true });
  }
}
