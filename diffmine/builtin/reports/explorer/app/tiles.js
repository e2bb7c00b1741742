// Which patches of the map have room to be shown as crops.

import { GRID } from "./data.js";
import { isOpened, sheetOf } from "./sprites.js";

const MANY = 24;

/**
 * Of the first `count` of some patches, the first ones first, those whose tiles of a pitch do not overlap. So many sheets
 * are opened at a time, for crops in view. `isLocal` leaves out all that is not in view, and opens no sheet while the map
 * moves; without it which crops are shown does not change as the map is moved.
 */
export function apart(patches, { x, y }, { span, left, top, width, height }, pitch, count, { isLocal, isMoving }) {
  const scale = span / GRID;
  const across = Math.ceil(span / pitch) + 3;
  const taken = new Int32Array(across * across).fill(-1);
  const opening = new Set();
  const tiles = [];
  const steps = [0, -1, 1, -across, across, -across - 1, -across + 1, across - 1, across + 1];
  const freeCell = (px, py) => {
    const at = (Math.floor(py / pitch) + 1) * across + Math.floor(px / pitch) + 1;
    for (let one = 0; one < 9; one += 1) {
      const other = taken[at + steps[one]];
      if (other >= 0 && Math.abs(x[other] * scale - px) < pitch && Math.abs(y[other] * scale - py) < pitch) return -1;
    }
    return at;
  };
  const isInView = (px, py) => px + left > -pitch && py + top > -pitch && px + left < width + pitch && py + top < height + pitch;
  const isCheap = (patch, isSeen) => {
    const file = sheetOf(patch);
    if (isOpened(file) || opening.has(file)) return true;
    if (isSeen && opening.size < MANY && !(isLocal && isMoving)) opening.add(file);
    return opening.has(file);
  };
  for (let place = 0; place < count; place += 1) {
    const patch = patches[place];
    const px = x[patch] * scale;
    const py = y[patch] * scale;
    const isSeen = isInView(px, py);
    if (isLocal && !isSeen) continue;
    const at = freeCell(px, py);
    if (at < 0 || !isCheap(patch, isSeen)) continue;
    taken[at] = patch;
    tiles.push(patch);
  }
  return tiles;
}
