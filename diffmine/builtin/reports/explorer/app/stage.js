// A picture with what was found in it laid over: typicality, boxes, masks.

import { boxOf, data, groupOf, imageOf, overlayOf, patches, patchesOfImage } from "./data.js";
import { el, svg } from "./dom.js";
import { addressOf } from "./files.js";
import { figure } from "./numbers.js";
import { patchAddress } from "./routes.js";
import { showCrop } from "./sprites.js";
import { mapOf, outline, paint, sample } from "./typicality.js";

const CANVAS = 384;

export class Stage {
  /** `patch` is marked; `read` is told the map's value under the pointer, or null. */
  constructor(patch, width, read) {
    this.patch = patch;
    this.image = imageOf(patch);
    this.shownWidth = width;
    this.canvas = el("canvas", { class: "overlay", "aria-hidden": "true" });
    const scale = CANVAS / Math.max(this.image.width, this.image.height);
    this.canvas.width = Math.round(this.image.width * scale);
    this.canvas.height = Math.round(this.image.height * scale);
    this.marks = svg("svg", { class: "marks", viewBox: `0 0 ${this.image.width} ${this.image.height}` });
    this.element = el(
      "div",
      {
        class: "stage",
        style: { width: `${width}px`, height: `${this.#shown(this.image.height)}px` },
        on: { pointermove: (event) => read(this.#valueAt(event)), pointerleave: () => read(null) },
      },
      this.#ground(),
      this.canvas,
      this.marks,
    );
  }

  /** Lay over a map under a label: `which` is maps (of typicality) or influence, `how` is heat, fade or off. */
  showMap(which, label, how, opacity, scale) {
    this.map = mapOf(this.image.number, label, which);
    this.canvas.hidden = how === "off" || !this.map;
    this.canvas.style.opacity = opacity;
    if (!this.canvas.hidden) paint(this.canvas, this.map, this.#cells(), how, scale);
  }

  /** Draw boxes of the patches that belong to a label, and outlines of its masks. */
  showMarks(label, { boxes, masks }) {
    const all = patchesOfImage(this.image.number).filter((one) => groupOf(one).label === label);
    const mined = all.filter((one) => one === this.patch || groupOf(one).facts);
    const known = Object.entries(overlayOf(this.image.number)?.masks ?? {});
    this.marks.replaceChildren(
      ...(masks ? known.map(([, runs]) => svg("path", { class: "mask", d: outline(runs, this.image.height, this.image.width) })) : []),
      ...(boxes ? mined.filter((one) => one !== this.patch).map((one) => this.#box(one)) : []),
      ...(boxes ? [this.#box(this.patch)] : []),
    );
  }

  get hasMasks() {
    return Object.keys(overlayOf(this.image.number)?.masks ?? {}).length > 0;
  }

  /** The whole picture where the report holds it; else its crops, each in its place. */
  #ground() {
    const { id, whole, path, number } = this.image;
    if (whole) return el("img", { src: addressOf(`pictures/${id}.webp`), alt: `Picture ${path}`, draggable: "false" });
    const crops = patchesOfImage(number).map((patch) => {
      const { y0, x0, x1 } = boxOf(patch);
      const node = el("span", { class: "piece", style: { left: `${this.#shown(x0)}px`, top: `${this.#shown(y0)}px` } });
      showCrop(node, patch, this.#shown(x1 - x0));
      return node;
    });
    return el("div", { class: "mosaic", role: "img", "aria-label": `The patches of picture ${path}` }, crops);
  }

  #shown(pixels) {
    return (pixels * this.shownWidth) / this.image.width;
  }

  #cells() {
    const { stride } = data.run;
    return { height: this.image.height / stride, width: this.image.width / stride };
  }

  #valueAt(event) {
    if (!this.map) return null;
    const frame = this.element.getBoundingClientRect();
    return sample(this.map, this.#cells(), (event.clientY - frame.top) / frame.height, (event.clientX - frame.left) / frame.width);
  }

  #box(patch) {
    const { y0, x0, y1, x1 } = boxOf(patch);
    const current = patch === this.patch;
    const shape = (name) => svg("rect", { class: name, x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
    const label = `${current ? "This patch" : "Patch"}, typicality ${figure(patches.typicality[patch])}`;
    return svg(
      "a",
      { href: patchAddress(groupOf(patch), patch), class: current ? "box current" : "box", "aria-label": label },
      shape("halo"),
      shape("line"),
    );
  }
}
