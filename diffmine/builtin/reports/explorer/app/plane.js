// A plane of patches on a canvas: zoom, move, hover, lasso.

import { el } from "./dom.js";
import { drawCrop, showCrop } from "./sprites.js";

const TILE = 40;
const FRAME = 2;
const GAP = 2;
const POINT = 3;
const REACH = 14;
const PREVIEW = 112;
const TAP = 6;
const FILL = 0.88;
// Keeps what is as dark or as bright as the ground apart from it, in both themes.
const OUTLINE = "rgb(128 128 128 / 0.9)";

/** Fingers scroll the page over the map until they are told to lasso or to move it. */
export const TOUCHED = matchMedia("(pointer: coarse)");

export class Plane {
  /** `members()` are drawn so that the first of them come to lie on top. */
  constructor({ members, at, colour, hover, open, select }) {
    Object.assign(this, { members, at, colour, hover, open, select });
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
    this.style = "crops";
    this.tool = TOUCHED.matches ? "scroll" : "select";
    this.lasso = [];
    this.canvas = el("canvas", {
      data: { tool: this.tool },
      tabindex: "0",
      role: "application",
      "aria-label": "Map of patches. Arrow keys move, plus and minus zoom, Enter lists the patches in view.",
      on: {
        pointerdown: (event) => this.#down(event),
        pointermove: (event) => this.#moved(event),
        pointerup: (event) => this.#up(event),
        pointercancel: () => this.#dropped(),
        pointerleave: () => this.#show(null),
        keydown: (event) => this.#key(event),
      },
    });
    this.canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.preview = el("div", { class: "preview", hidden: true });
    this.element = el("div", { class: "plane" }, this.canvas, this.preview);
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.element);
  }

  toolbar() {
    const choice = (property, value, title) => {
      const button = el("button", { type: "button", "aria-pressed": String(this[property] === value), on: { click: () => this.#choose(property, value, button) } }, title);
      return button;
    };
    const zoom = (factor, name, symbol) => el("button", { type: "button", "aria-label": name, on: { click: () => this.#zoom(factor, 0.5, 0.5) } }, symbol);
    return [
      el("div", { class: "buttons", role: "group", "aria-label": "Show as" }, choice("style", "crops", "Crops"), choice("style", "points", "Points")),
      el("div", { class: "buttons", role: "group", "aria-label": "Dragging" }, TOUCHED.matches && choice("tool", "scroll", "Scroll"), choice("tool", "select", "Lasso"), choice("tool", "move", "Move")),
      el("div", { class: "buttons", role: "group", "aria-label": "Zoom" }, zoom(1 / 1.5, "Zoom out", "−"), zoom(1.5, "Zoom in", "+")),
    ];
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width) return;
    this.width = width;
    this.height = height;
    this.canvas.width = width * devicePixelRatio;
    this.canvas.height = height * devicePixelRatio;
    this.draw();
  }

  clear() {
    this.lasso = [];
    this.draw();
  }

  destroy() {
    this.resizing.disconnect();
    cancelAnimationFrame(this.frame);
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#draw());
  }

  #choose(property, value, button) {
    this[property] = value;
    this.canvas.dataset.tool = this.tool;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    this.draw();
  }

  #toScreen(patch) {
    const [x, y] = this.at(patch);
    const span = Math.min(this.width, this.height) * FILL * this.view.zoom;
    return [this.width / 2 + (x - this.view.x) * span, this.height / 2 + (y - this.view.y) * span];
  }

  #placed() {
    return this.members().map((patch) => [patch, ...this.#toScreen(patch)]);
  }

  #inView([, x, y]) {
    return x > -TILE && y > -TILE && x < this.width + TILE && y < this.height + TILE;
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const placed = this.#placed();
    const tiled = new Set(this.style === "crops" ? apart(placed) : []);
    this.points = placed.filter((point) => this.#inView(point));
    this.tiles = this.points.filter((point) => tiled.has(point));
    this.dots = this.points.filter((point) => !tiled.has(point));
    this.#drawDots(context);
    this.#drawTiles(context);
    this.#drawLasso(context);
  }

  #drawDots(context) {
    context.strokeStyle = OUTLINE;
    context.lineWidth = 1.5;
    for (const [patch, x, y] of this.dots.toReversed()) {
      context.fillStyle = this.colour(patch);
      context.beginPath();
      context.arc(x, y, POINT, 0, 2 * Math.PI);
      context.stroke();
      context.fill();
    }
  }

  #drawTiles(context) {
    const side = TILE - 2 * FRAME;
    context.strokeStyle = OUTLINE;
    context.lineWidth = 1.5;
    for (const [patch, x, y] of this.tiles) {
      context.fillStyle = this.colour(patch);
      context.strokeRect(x - TILE / 2, y - TILE / 2, TILE, TILE);
      context.fillRect(x - TILE / 2, y - TILE / 2, TILE, TILE);
      drawCrop(context, patch, x - side / 2, y - side / 2, side, () => this.draw());
    }
  }

  #drawLasso(context) {
    if (this.lasso.length < 2) return;
    context.beginPath();
    this.lasso.forEach(([x, y]) => context.lineTo(x, y));
    context.closePath();
    context.fillStyle = "rgb(120 120 255 / 0.15)";
    context.fill();
    context.strokeStyle = "rgb(90 90 230)";
    context.lineWidth = 1.5;
    context.stroke();
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.#show(null);
    this.drag = { from: [event.offsetX, event.offsetY], view: { ...this.view }, far: false };
    if (this.tool === "select") this.lasso = [[event.offsetX, event.offsetY]];
  }

  #moved(event) {
    const here = [event.offsetX, event.offsetY];
    if (!this.drag) return this.#show(this.#under(...here), here);
    const [dx, dy] = [here[0] - this.drag.from[0], here[1] - this.drag.from[1]];
    if (Math.hypot(dx, dy) > TAP) this.drag.far = true;
    if (this.tool === "select") this.lasso.push(here);
    else if (this.tool === "move") {
      const span = Math.min(this.width, this.height) * FILL * this.view.zoom;
      Object.assign(this.view, { x: this.drag.view.x - dx / span, y: this.drag.view.y - dy / span });
    }
    return this.draw();
  }

  #up(event) {
    if (!this.drag) return;
    const { far } = this.drag;
    this.drag = null;
    if (far && this.tool === "select") {
      const inside = this.points.filter(([, x, y]) => within(this.lasso, x, y)).map(([patch]) => patch);
      this.select(inside);
      this.draw();
    } else if (!far) {
      this.lasso = [];
      const patch = this.#under(event.offsetX, event.offsetY);
      if (patch !== null) this.open(patch);
    }
  }

  /** The browser took the pointer, to scroll the page. */
  #dropped() {
    this.drag = null;
    this.clear();
  }

  /** The patch that is drawn at a place: the tile there, else the nearest point. */
  #under(x, y) {
    const tile = this.tiles?.find(([, px, py]) => Math.abs(px - x) <= TILE / 2 && Math.abs(py - y) <= TILE / 2);
    if (tile) return tile[0];
    let best = null;
    let distance = REACH;
    for (const [patch, px, py] of this.dots ?? []) {
      const one = Math.hypot(px - x, py - y);
      if (one < distance) [best, distance] = [patch, one];
    }
    return best;
  }

  #show(patch, [x, y] = [0, 0]) {
    if (patch === this.hovered) return;
    this.hovered = patch;
    this.preview.hidden = patch === null;
    this.hover(patch);
    if (patch === null) return;
    showCrop(this.preview, patch, PREVIEW);
    const beside = TILE / 2 + 4;
    this.preview.style.left = `${x + beside + PREVIEW < this.width ? x + beside : x - beside - PREVIEW}px`;
    this.preview.style.top = `${Math.min(y + beside, this.height - PREVIEW - 8)}px`;
  }

  #wheel(event) {
    event.preventDefault();
    this.#zoom(Math.exp(-event.deltaY / 400), event.offsetX / this.width, event.offsetY / this.height);
  }

  #zoom(factor, across, down) {
    const before = Math.min(this.width, this.height) * FILL * this.view.zoom;
    const zoom = Math.max(0.5, Math.min(60, this.view.zoom * factor));
    const after = Math.min(this.width, this.height) * FILL * zoom;
    this.view.x += (across - 0.5) * this.width * (1 / before - 1 / after);
    this.view.y += (down - 0.5) * this.height * (1 / before - 1 / after);
    this.view.zoom = zoom;
    this.lasso = [];
    this.draw();
  }

  #key(event) {
    const step = 0.1 / this.view.zoom;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      this.view.x += moves[event.key][0];
      this.view.y += moves[event.key][1];
      this.draw();
    } else if (event.key === "+" || event.key === "=") this.#zoom(1.5, 0.5, 0.5);
    else if (event.key === "-") this.#zoom(1 / 1.5, 0.5, 0.5);
    else if (event.key === "Enter") this.select(this.points.map(([patch]) => patch));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Those of the points, the first ones first, whose tiles do not overlap; the others have no room for a tile. */
function apart(points) {
  const pitch = TILE + GAP;
  const taken = new Map();
  const near = [-1, 0, 1];
  return points.filter((point) => {
    const [, x, y] = point;
    const [column, row] = [Math.floor(x / pitch), Math.floor(y / pitch)];
    const close = near.flatMap((across) => near.map((down) => taken.get(`${column + across} ${row + down}`)));
    if (close.some((other) => other && Math.abs(other[1] - x) < pitch && Math.abs(other[2] - y) < pitch)) return false;
    taken.set(`${column} ${row}`, point);
    return true;
  });
}

/** Whether a point lies within a polygon (crossing number). */
export function within(polygon, x, y) {
  let inside = false;
  for (let one = 0, other = polygon.length - 1; one < polygon.length; other = one, one += 1) {
    const [x1, y1] = polygon[one];
    const [x2, y2] = polygon[other];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
