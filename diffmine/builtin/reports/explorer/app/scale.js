// A bar of colours with the values that they stand for.

import { el } from "./dom.js";
import { figure } from "./numbers.js";

const STEPS = 256;

/** A bar from one value to another; `paint(value)` is a colour. Zero is marked where it lies between them. */
export function scaleBar(least, most, paint, words = []) {
  const canvas = el("canvas", { class: "gradient", width: STEPS, height: 1, role: "img", "aria-label": `Colours from ${figure(least)} to ${figure(most)}` });
  const context = canvas.getContext("2d");
  for (let step = 0; step < STEPS; step += 1) {
    context.fillStyle = paint(least + ((most - least) * step) / (STEPS - 1));
    context.fillRect(step, 0, 1, 1);
  }
  const zero = least < 0 && most > 0 ? el("span", { class: "zero", style: { left: `${(-100 * least) / (most - least)}%` } }, "0") : null;
  const ends = [[figure(least), words[0]], [words[1], figure(most)]];
  return el("div", { class: "scale" }, canvas, zero, el("div", { class: "scale-ends" }, ends.map((texts) => el("span", {}, texts.filter(Boolean).join(" ")))));
}
