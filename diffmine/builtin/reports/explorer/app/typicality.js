// A map of typicality or influence on the latent grid, brought to the picture's size and painted.

import { overlayOf } from "./data.js";
import { diverging } from "./colours.js";

/** A map of a picture under a label, or null: { height, width, at(y, x) } in cells. `which`: maps or influence. */
export function mapOf(image, label, which) {
  const stored = overlayOf(image)?.[which][label];
  if (!stored) return null;
  const [height, width, largest, text] = stored;
  const levels = Int8Array.from(atob(text), (one) => one.charCodeAt(0));
  return { height, width, at: (y, x) => (levels[y * width + x] / 127) * largest };
}

/** Labels under which the report holds a picture's typicality. */
export const mappedLabels = (image) => Object.keys(overlayOf(image)?.maps ?? {}).map(Number);

/** Whether the report holds how far labels move what the model predicts of a picture. */
export const hasInfluence = (image) => Object.keys(overlayOf(image)?.influence ?? {}).length > 0;

/** Bilinear value at a place of the picture; places are shares of its height and width. */
export function sample(map, cells, down, across) {
  const y = Math.max(0, Math.min(map.height - 1, down * cells.height - 0.5));
  const x = Math.max(0, Math.min(map.width - 1, across * cells.width - 0.5));
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [bottom, right] = [Math.min(top + 1, map.height - 1), Math.min(left + 1, map.width - 1)];
  const upper = map.at(top, left) + (map.at(top, right) - map.at(top, left)) * (x - left);
  const lower = map.at(bottom, left) + (map.at(bottom, right) - map.at(bottom, left)) * (x - left);
  return upper + (lower - upper) * (y - top);
}

/** How a value covers the picture: red, green, blue, opacity from 0 to 1. */
export const PAINTS = {
  heat: (value, scale) => [...diverging(value, scale), Math.min(1, 0.15 + (0.85 * Math.abs(value)) / scale)],
  fade: (value, scale) => [255, 255, 255, 1 - Math.max(0, Math.min(1, value / scale))],
};

/** Paint a map over the whole of a canvas. `cells`: how many cells the picture is high and wide, padding left out. */
export function paint(canvas, map, cells, how, scale) {
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let row = 0, place = 0; row < canvas.height; row += 1) {
    for (let column = 0; column < canvas.width; column += 1, place += 4) {
      const value = sample(map, cells, (row + 0.5) / canvas.height, (column + 0.5) / canvas.width);
      const [red, green, blue, opacity] = PAINTS[how](value, scale);
      pixels.data.set([red, green, blue, Math.round(255 * opacity)], place);
    }
  }
  context.putImageData(pixels, 0, 0);
}

/** The outline of a mask given by run lengths, as an SVG path in pixels of the picture. */
export function outline(runs, height, width) {
  const mask = new Uint8Array(height * width);
  let place = 0;
  runs.forEach((length, number) => {
    if (number % 2) mask.fill(1, place, place + length);
    place += length;
  });
  const at = (y, x) => (y >= 0 && x >= 0 && y < height && x < width ? mask[y * width + x] : 0);
  let path = "";
  for (let y = 0; y <= height; y += 1) {
    for (let x = 0; x <= width; x += 1) {
      if (at(y, x) !== at(y - 1, x)) path += `M${x} ${y}h1`;
      if (at(y, x) !== at(y, x - 1)) path += `M${x} ${y}v1`;
    }
  }
  return path;
}
