// Points of the map, so many as there may be: on the graphics card where there is one, else pixel by pixel.

import { cssOf } from "./colours.js";
import { GRID } from "./data.js";
import { el } from "./dom.js";

// Around a point, so that what is as dark or as bright as the ground stands apart from it, in both themes.
const RING = 0xe6808080;
const RING_WIDTH = 0.75;
/** Of smaller points the ring would be more than the point. */
const LEAST_RINGED = 2;
const ringOf = (radius) => (radius < LEAST_RINGED ? 0 : RING_WIDTH);
/** So many points are drawn as smooth discs where there is no card; of more, each is a few pixels. */
const FEW = 4000;

/**
 * Points for a canvas: on one of their own below it, `ground`, where there is a graphics card, else on the canvas itself.
 * `load` takes them, the first of which come to lie on top; `draw` shows the first `count` of them, and nothing else.
 */
export function makeDots(canvas, lost) {
  return (isCard() && onCard(canvas, lost)) || new Raster(canvas);
}

/** The context of the canvas above. Without a card the processor paints it: an imitated one would only slow it down. */
const contextOf = (canvas) => canvas.getContext("2d", { willReadFrequently: !isCard() });

/** Points written into an image: with typed arrays alone a processor draws hundreds of thousands many times a second. */
export class Raster {
  isFast = false;

  constructor(canvas) {
    this.context = contextOf(canvas);
  }

  /** Columns are put in the order of drawing: a processor reads what lies in a row several times faster. */
  load({ shown, x, y, colours }) {
    this.x = gathered(x, shown);
    this.y = gathered(y, shown);
    this.colours = gathered(colours, shown);
  }

  draw(frame) {
    if (frame.count > FEW) this.#stamp(frame);
    else this.#discs(frame);
  }

  #discs({ width, height, ratio, left, top, span, radius, count }) {
    const { context, x, y, colours } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.strokeStyle = cssOf(RING);
    context.lineWidth = 2 * RING_WIDTH;
    for (let place = count - 1; place >= 0; place -= 1) {
      const px = left + (x[place] * span) / GRID;
      const py = top + (y[place] * span) / GRID;
      if (px < -radius || py < -radius || px > width + radius || py > height + radius) continue;
      context.fillStyle = cssOf(colours[place]);
      context.beginPath();
      context.arc(px, py, radius, 0, 2 * Math.PI);
      context.stroke();
      context.fill();
    }
  }

  #stamp({ width, height, ratio, left, top, span, radius, count }) {
    const { x, y, colours } = this;
    const { reach, rows, inner } = stampOf(radius * ratio, ringOf(radius));
    const frame = this.#framed(Math.round(width * ratio), Math.round(height * ratio), reach);
    const { pixels, taken, across, down } = frame;
    const offsets = Int32Array.from(rows, ([dx, dy]) => dy * across + dx);
    const scale = (span * ratio) / GRID;
    const x0 = left * ratio + reach;
    const y0 = top * ratio + reach;
    const lastX = across - reach;
    const lastY = down - reach;
    for (let place = 0; place < count; place += 1) {
      const px = Math.floor(x[place] * scale + x0);
      const py = Math.floor(y[place] * scale + y0);
      if (px < reach || py < reach || px >= lastX || py >= lastY) continue;
      const at = py * across + px;
      if (taken[at] !== 0) continue; // it lies wholly behind another
      taken[at] = 1;
      const colour = colours[place];
      for (let one = 0; one < offsets.length; one += 1) {
        const pixel = at + offsets[one];
        if (pixels[pixel] === 0) pixels[pixel] = one < inner ? colour : RING;
      }
    }
    this.context.putImageData(frame.image, -reach, -reach);
  }

  /** An empty image with a margin, so that what is written at the border stays in its row. */
  #framed(width, height, margin) {
    const [across, down] = [width + 2 * margin, height + 2 * margin];
    if (this.frame?.across !== across || this.frame.down !== down) {
      const image = new ImageData(across, down);
      this.frame = { image, across, down, pixels: new Uint32Array(image.data.buffer), taken: new Uint8Array(across * down) };
    }
    this.frame.pixels.fill(0);
    this.frame.taken.fill(0);
    return this.frame;
  }
}

function gathered(column, shown) {
  const found = new column.constructor(shown.length);
  for (let place = 0; place < shown.length; place += 1) found[place] = column[shown[place]];
  return found;
}

/** The pixels of a disc around the middle one, those of its inside first. */
function stampOf(radius, ring) {
  const outer = radius + ring;
  const reach = Math.ceil(outer);
  const rows = [];
  for (let dy = -reach; dy <= reach; dy += 1) for (let dx = -reach; dx <= reach; dx += 1) if (Math.hypot(dx, dy) <= outer) rows.push([dx, dy]);
  rows.sort(([ax, ay], [bx, by]) => Math.hypot(ax, ay) - Math.hypot(bx, by));
  return { reach, rows, inner: rows.filter(([dx, dy]) => Math.hypot(dx, dy) <= radius).length };
}

const VERTEX = `#version 300 es
in vec2 place;
in vec4 colour;
uniform vec2 scale;
uniform vec2 shift;
uniform float size;
out vec4 shade;
void main() {
  gl_Position = vec4(place * scale + shift, 0, 1);
  gl_PointSize = size;
  shade = colour;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 shade;
uniform float size;
uniform float ring;
uniform vec4 edge;
out vec4 pixel;
void main() {
  float from = length(gl_PointCoord - 0.5) * size;
  float cover = clamp(size / 2.0 - from, 0.0, 1.0);
  vec4 both = mix(shade, edge, ring > 0.0 ? clamp(from - size / 2.0 + ring + 0.5, 0.0, 1.0) : 0.0);
  pixel = vec4(both.rgb * both.a, both.a) * cover;
}`;

const IMITATION = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether this browser has a graphics card. One that is only imitated draws slower than the processor does by itself. */
function hasCard() {
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  const told = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(gl) && !IMITATION.test(name);
}

let known = null;

/** The same, asked once: the answer takes a moment. */
function isCard() {
  known ??= hasCard();
  return known;
}

function onCard(canvas, lost) {
  const ground = el("canvas", { class: "plane-dots", "aria-hidden": "true" });
  const gl = ground.getContext("webgl2", { antialias: false });
  ground.addEventListener("webglcontextlost", lost, { once: true });
  return gl && new Card(gl, ground, contextOf(canvas));
}

class Card {
  isFast = true;

  constructor(gl, ground, context) {
    Object.assign(this, { gl, ground, context });
    this.program = twgl.createProgramInfo(gl, [VERTEX, FRAGMENT]);
  }

  /** Later points are drawn over earlier ones: the first go last. */
  load({ shown, x, y, colours }) {
    this.total = shown.length;
    const place = new Uint16Array(2 * this.total);
    const colour = new Uint32Array(this.total);
    for (let one = 0; one < this.total; one += 1) {
      const patch = shown[this.total - 1 - one];
      place[2 * one] = x[patch];
      place[2 * one + 1] = y[patch];
      colour[one] = colours[patch];
    }
    this.forget();
    this.points = twgl.createBufferInfoFromArrays(this.gl, {
      place: { numComponents: 2, data: place, normalize: true },
      colour: { numComponents: 4, data: new Uint8Array(colour.buffer), normalize: true },
    });
  }

  draw({ width, height, ratio, left, top, span, radius, count }) {
    const { gl, context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.total) return;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.program.program);
    twgl.setBuffersAndAttributes(gl, this.program, this.points);
    twgl.setUniforms(this.program, {
      scale: [(2 * span) / width, (-2 * span) / height],
      shift: [(2 * left) / width - 1, 1 - (2 * top) / height],
      size: 2 * (radius + ringOf(radius)) * ratio,
      ring: ringOf(radius) * ratio,
      edge: [0.5, 0.5, 0.5, 0.9],
    });
    twgl.drawBufferInfo(gl, this.points, gl.POINTS, count, this.total - count);
  }

  forget() {
    for (const one of Object.values(this.points?.attribs ?? {})) this.gl.deleteBuffer(one.buffer);
  }
}
