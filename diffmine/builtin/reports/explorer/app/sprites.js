// Crops out of sheets: as the background of an element, or drawn on a canvas.

import { data } from "./data.js";
import { addressOf } from "./files.js";

const { size, edge, columns } = data.sprites;
const pitch = size + 2 * edge;

function placeIn(sheets, index) {
  let low = 0;
  let high = sheets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sheets[middle].start <= index) low = middle;
    else high = middle - 1;
  }
  const sheet = sheets[low];
  const slot = index - sheet.start;
  const across = Math.min(columns, sheet.count);
  const down = Math.ceil(sheet.count / across);
  return { file: sheet.file, column: slot % across, row: Math.floor(slot / across), across, down };
}

const coverIndex = new Map();
for (const rows of data.covers.labels) {
  for (const [, members] of rows) for (const patch of members) coverIndex.set(patch, coverIndex.size);
}

/** Show a patch as the background of an element of `side` CSS pixels. */
export function showCrop(node, patch, side) {
  place(node, placeIn(data.sprites.sheets, patch), side);
}

/** The same from the small sheets of the overview, for patches that are shown there. */
export function showCover(node, patch, side) {
  place(node, placeIn(data.covers.sheets, coverIndex.get(patch)), side);
}

function place(node, at, side) {
  const scale = side / size;
  node.style.backgroundImage = `url("${addressOf(at.file)}")`;
  node.style.backgroundSize = `${at.across * pitch * scale}px ${at.down * pitch * scale}px`;
  node.style.backgroundPosition = `${-(at.column * pitch + edge) * scale}px ${-(at.row * pitch + edge) * scale}px`;
  node.style.width = node.style.height = `${side}px`;
}

const sheetImages = new Map();

/** Draw a patch on a canvas; calls `later` when its sheet has been loaded, if it was not yet. */
export function drawCrop(context, patch, x, y, side, later) {
  const at = placeIn(data.sprites.sheets, patch);
  let image = sheetImages.get(at.file);
  if (!image) {
    image = new Image();
    image.src = addressOf(at.file);
    sheetImages.set(at.file, image);
  }
  if (!image.complete) {
    image.addEventListener("load", later, { once: true });
    return;
  }
  const left = at.column * pitch + edge;
  const top = at.row * pitch + edge;
  context.drawImage(image, left, top, size, size, x, y, side, side);
}
