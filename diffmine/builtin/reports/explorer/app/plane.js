// A plane of patches: zoom, move, hover, lasso. Points are drawn first, then crops and the lasso.

import { cssOf } from "./colours.js";
import { GRID } from "./data.js";
import { el } from "./dom.js";
import { makeDots, Raster } from "./dots.js";
import { boxAround, within } from "./lasso.js";
import { drawCrop, heldOf, showCrop } from "./sprites.js";
import { apart } from "./tiles.js";

const TILE = 40;
const FRAME = 2;
const GAP = 2;
const POINT = 3;
const SMALLEST_POINT = 1;
/** So many points are as large as points are; more are smaller. */
const SPARSE = 20000;
const REACH = 14;
const PREVIEW = 112;
const TAP = 6;
const FILL = 0.88;
const FURTHEST = 0.5;
const NEAREST = 60;
const OUTLINE_WIDTH = 1.5;
const OUTLINE = "rgb(128 128 128 / 0.9)";
/** Milliseconds that a frame may take while the map moves; where all points take longer, the first ones stand for them. */
const FRAME_TIME = 30;
const LEAST_DRAWN = 10000;
const STILL = 150;

/** Fingers scroll the page over the map until they are told to lasso or to move it. */
export const TOUCHED = matchMedia("(pointer: coarse)");

export class Plane {
  /** `state` is { view, style, region }, as `changed` was last told it; `select` is told what a region holds. */
  constructor({ hover, open, select, changed, state = {} }) {
    Object.assign(this, { hover, open, select, changed });
    this.view = { zoom: 1, x: 0.5, y: 0.5, ...state.view };
    this.style = state.style ?? "crops";
    this.region = state.region ?? null;
    this.tool = TOUCHED.matches ? "scroll" : "select";
    this.points = { shown: new Uint32Array(0), x: new Uint16Array(0), y: new Uint16Array(0), colours: new Uint32Array(0) };
    this.affordable = Infinity;
    this.redraw = () => this.draw();
    this.canvas = el("canvas", {
      class: "plane-crops",
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
    this.dots = makeDots(this.canvas, () => this.#withoutCard());
    this.element = el("div", { class: "plane" }, this.dots.ground, this.canvas, this.preview);
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.element);
  }

  /** The graphics card was taken away. */
  #withoutCard() {
    this.dots.ground.remove();
    this.dots = new Raster(this.canvas);
    this.dots.load(this.points);
    this.draw();
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

  /** Show patches: `shown` lists them, the first of which come to lie on top; the others are columns of all patches. */
  load(points) {
    this.points = points;
    this.croppable = heldOf(points.shown);
    this.tiled = null;
    this.dots.load(points);
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width) return;
    this.width = width;
    this.height = height;
    for (const canvas of [this.canvas, this.dots.ground].filter(Boolean)) {
      canvas.width = width * devicePixelRatio;
      canvas.height = height * devicePixelRatio;
    }
    this.draw();
  }

  /** Forget the region. */
  clear() {
    this.region = null;
    this.changed();
    this.draw();
  }

  /** List again what the region holds. */
  reselect() {
    if (this.region) this.select(this.#held(this.region.polygon));
  }

  destroy() {
    this.resizing.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.settling);
    this.dots.forget?.();
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#draw());
  }

  /** Draw while the map moves: so many points as frames allow; all of them once it is still. */
  #drawMoving() {
    this.moving = true;
    clearTimeout(this.settling);
    this.draw();
  }

  /** Draw all once nothing has moved for a while since a frame. */
  #settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.moving = false;
      this.changed();
      this.draw();
    }, STILL);
  }

  #choose(property, value, button) {
    this[property] = value;
    this.canvas.dataset.tool = this.tool;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    this.changed();
    this.draw();
  }

  /** Where the plane lies on the screen: a place p from 0 to 1 is drawn at left + p * span, top + p * span. */
  #frame() {
    const span = Math.min(this.width, this.height) * FILL * this.view.zoom;
    return { span, left: this.width / 2 - this.view.x * span, top: this.height / 2 - this.view.y * span, width: this.width, height: this.height };
  }

  #draw() {
    if (!this.width) return;
    const begun = performance.now();
    const total = this.points.shown.length;
    const count = this.moving && !this.dots.isFast ? Math.min(total, this.affordable) : total;
    const frame = this.#frame();
    const radius = Math.max(SMALLEST_POINT, Math.min(POINT, POINT * Math.sqrt((SPARSE * this.view.zoom) / Math.max(total, 1))));
    this.dots.draw({ ...frame, ratio: devicePixelRatio, radius, count });
    this.#tile(frame, count);
    const { context } = this.dots;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    this.#drawTiles(context);
    this.#drawLasso(context, frame);
    this.#afford(performance.now() - begun, count, total);
    if (this.moving) this.#settle();
  }

  #afford(milliseconds, count, total) {
    if (milliseconds > FRAME_TIME) this.affordable = Math.max(LEAST_DRAWN, Math.floor((count * FRAME_TIME) / milliseconds));
    else if (milliseconds < FRAME_TIME / 2 && count < total) this.affordable = Math.floor(count * 1.5);
  }

  /** Which patches are crops, and where; chosen anew where the scale has changed or more are drawn. */
  #tile(frame, drawn) {
    const { shown, x, y } = this.points;
    const count = Math.min(drawn, this.croppable.length);
    if (this.style !== "crops") {
      this.tiles = [];
      return;
    }
    const isLocal = shown.length > SPARSE;
    const isMoved = isLocal && !this.moving && (this.tiled?.isMoving || this.tiled?.left !== frame.left || this.tiled?.top !== frame.top);
    if (!this.tiled || this.tiled.span !== frame.span || this.tiled.count < count || isMoved) {
      this.tiled = { ...frame, count, patches: apart(this.croppable, this.points, frame, TILE + GAP, count, { isLocal, isMoving: this.moving }), isMoving: this.moving };
    }
    const scale = frame.span / GRID;
    const placed = this.tiled.patches.map((patch) => [patch, frame.left + x[patch] * scale, frame.top + y[patch] * scale]);
    this.tiles = placed.filter(([, px, py]) => px > -TILE && py > -TILE && px < this.width + TILE && py < this.height + TILE);
  }

  #drawTiles(context) {
    const side = TILE - 2 * FRAME;
    const square = (x, y, width, colour) => {
      context.fillStyle = colour;
      context.fillRect(x - width / 2, y - width / 2, width, width);
    };
    for (const [patch, x, y] of this.tiles) {
      square(x, y, TILE + OUTLINE_WIDTH, OUTLINE);
      square(x, y, TILE, cssOf(this.points.colours[patch]));
      drawCrop(context, patch, x - side / 2, y - side / 2, side, this.redraw);
    }
  }

  #drawLasso(context, { span, left, top }) {
    if (!this.region?.isDrawn || this.region.polygon.length < 2) return;
    context.beginPath();
    for (const [x, y] of this.region.polygon) context.lineTo(left + x * span, top + y * span);
    context.closePath();
    context.fillStyle = "rgb(120 120 255 / 0.15)";
    context.fill();
    context.strokeStyle = "rgb(90 90 230)";
    context.lineWidth = 1.5;
    context.stroke();
  }

  /** A place on the screen as one of the plane. */
  #place([x, y]) {
    const { span, left, top } = this.#frame();
    return [(x - left) / span, (y - top) / span];
  }

  /** The patches within a polygon of the plane. */
  #held(polygon) {
    const { shown, x, y } = this.points;
    const [x0, y0, x1, y1] = boxAround(polygon).map((one) => one * GRID);
    const isNear = (patch) => x[patch] >= x0 && x[patch] <= x1 && y[patch] >= y0 && y[patch] <= y1;
    return Array.from(shown.filter((patch) => isNear(patch) && within(polygon, x[patch] / GRID, y[patch] / GRID)));
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.#show(null);
    const here = [event.offsetX, event.offsetY];
    this.drag = { from: here, view: { ...this.view }, far: false, last: here };
    if (this.tool === "select") this.region = { polygon: [this.#place(here)], isDrawn: true };
  }

  #moved(event) {
    const here = [event.offsetX, event.offsetY];
    if (!this.drag) return this.#show(this.#under(...here), here);
    const [dx, dy] = [here[0] - this.drag.from[0], here[1] - this.drag.from[1]];
    if (Math.hypot(dx, dy) > TAP) this.drag.far = true;
    if (this.tool === "select") this.region.polygon.push(this.#place(here));
    else if (this.tool === "move") {
      const { span } = this.#frame();
      Object.assign(this.view, { x: this.drag.view.x - dx / span, y: this.drag.view.y - dy / span });
    }
    return this.#drawMoving();
  }

  #up(event) {
    if (!this.drag) return;
    const { far } = this.drag;
    this.drag = null;
    if (far && this.tool === "select") {
      this.reselect();
      this.changed();
      this.draw();
    } else if (!far) {
      if (this.tool === "select") this.region = null;
      const patch = this.#under(event.offsetX, event.offsetY);
      if (patch !== null) {
        this.changed();
        this.open(patch);
      }
    }
  }

  /** The browser took the pointer, to scroll the page. */
  #dropped() {
    if (this.drag && this.tool === "select") this.region = null;
    this.drag = null;
    this.draw();
  }

  /** The patch that is drawn at a place: the tile there, else the nearest point. */
  #under(x, y) {
    const tile = this.tiles?.find(([, px, py]) => Math.abs(px - x) <= TILE / 2 && Math.abs(py - y) <= TILE / 2);
    if (tile) return tile[0];
    const { span, left, top } = this.#frame();
    const { shown, x: columns, y: rows } = this.points;
    const scale = span / GRID;
    let best = null;
    let distance = REACH * REACH;
    for (let place = 0; place < shown.length; place += 1) {
      const dx = left + columns[shown[place]] * scale - x;
      const dy = top + rows[shown[place]] * scale - y;
      const one = dx * dx + dy * dy;
      if (one < distance) [best, distance] = [shown[place], one];
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
    const before = this.#frame().span;
    this.view.zoom = Math.max(FURTHEST, Math.min(NEAREST, this.view.zoom * factor));
    const after = this.#frame().span;
    this.view.x += (across - 0.5) * this.width * (1 / before - 1 / after);
    this.view.y += (down - 0.5) * this.height * (1 / before - 1 / after);
    this.#show(null);
    this.#drawMoving();
  }

  #key(event) {
    const step = 0.1 / this.view.zoom;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      this.view.x += moves[event.key][0];
      this.view.y += moves[event.key][1];
      this.#drawMoving();
    } else if (event.key === "+" || event.key === "=") this.#zoom(1.5, 0.5, 0.5);
    else if (event.key === "-") this.#zoom(1 / 1.5, 0.5, 0.5);
    else if (event.key === "Enter") this.#listView();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** List what is in view, and what lies a tile beside it. */
  #listView() {
    const corners = [[-TILE, -TILE], [this.width + TILE, -TILE], [this.width + TILE, this.height + TILE], [-TILE, this.height + TILE]];
    this.region = { polygon: corners.map((corner) => this.#place(corner)), isDrawn: false };
    this.reselect();
    this.changed();
  }
}
