// Crops out of sheets: as the background of an element, or drawn on a canvas.

import { data, groupOf, groups, patchCount } from "./data.js";
import { addressOf } from "./files.js";
import { canWrite } from "./notes.js";

const { size, edge, columns, front } = data.sprites;
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

// Sheets hold the first members of all groups one after the other, then what is behind them.
let end = 0;
for (const group of groups) {
  group.frontAt = end;
  end += Math.min(front, group.size);
}
for (const group of groups) {
  group.restAt = end;
  end += Math.max(0, group.size - front);
}

function sheetPlace(patch) {
  const group = groupOf(patch);
  const place = patch - group.start;
  return placeIn(data.sprites.sheets, place < front ? group.frontAt + place : group.restAt + place - front);
}

/** Of how many members of a group the page shows crops. `diffmine view`, which alone takes notes, draws all. */
export const shownOf = (group) => (canWrite ? group.size : Math.min(front, group.size));

/** Whether the crop of a patch lies beside the page or in it. */
export function isHeld(patch) {
  const group = groupOf(patch);
  return patch - group.start < front;
}

const ABSENT = "This page holds only the first crops of each cluster; diffmine view shows this one.";

const coverIndex = new Map();
for (const rows of data.covers.labels) {
  for (const [, members] of rows) for (const patch of members) coverIndex.set(patch, coverIndex.size);
}

/** Show a patch as the background of an element of `side` CSS pixels. */
export function showCrop(node, patch, side) {
  // `diffmine view`, which alone takes notes, draws what is not held.
  node.classList.toggle("left-out", !isHeld(patch) && !canWrite);
  if (isHeld(patch) || canWrite) place(node, sheetPlace(patch), side);
  else {
    node.style.backgroundImage = "";
    node.style.width = node.style.height = `${side}px`;
    if (node.title) node.title = `${node.title}\n${ABSENT}`;
  }
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

const smallSheets = new Map();

export const sheetOf = (patch) => sheetPlace(patch).file;

/** Whether a sheet has been asked for, so that drawing a crop of it costs no further one. */
export const isOpened = (file) => smallSheets.has(file);

/** Those of some patches whose crops lie beside the page or in it. */
export function heldOf(some) {
  const held = new Uint8Array(patchCount);
  for (const group of groups) held.fill(1, group.start, Math.min(group.stop, group.start + front));
  return some.filter((patch) => held[patch]);
}

/** Draw a patch on a canvas; calls `later` when its sheet has been loaded, if it was not yet. */
export function drawCrop(context, patch, x, y, side, later) {
  const at = sheetPlace(patch);
  if (!smallSheets.has(at.file)) smallSheets.set(at.file, opened(at.file, side));
  const sheet = smallSheets.get(at.file);
  sheet.later = later;
  if (!sheet.bitmap) return;
  const { bitmap, scale } = sheet;
  const [left, top] = [at.column * pitch + edge, at.row * pitch + edge];
  context.drawImage(bitmap, left * scale, top * scale, size * scale, size * scale, x, y, side, side);
}

/** A sheet, decoded once, in the size in which its crops are drawn. Of one that is not there nothing is ever drawn. */
function opened(file, side) {
  const sheet = { bitmap: null, scale: 1, later: null };
  shrunk(file, Math.min(1, (side * devicePixelRatio) / size)).then(
    (found) => {
      Object.assign(sheet, found);
      sheet.later();
    },
    () => {},
  );
  return sheet;
}

let turn = Promise.resolve();

/** One after the other, with room for other work between them: each takes a moment in which the page does nothing else. */
function shrunk(file, share) {
  const found = turn.then(() => new Promise((later) => setTimeout(later))).then(() => shrunkNow(file, share));
  turn = found.catch(() => {});
  return found;
}

async function shrunkNow(file, share) {
  const image = new Image();
  image.src = addressOf(file);
  await image.decode();
  const width = Math.round(image.naturalWidth * share);
  const bitmap = await createImageBitmap(image, { resizeWidth: width, resizeHeight: Math.round(image.naturalHeight * share), resizeQuality: "medium" });
  return { bitmap, scale: width / image.naturalWidth };
}
