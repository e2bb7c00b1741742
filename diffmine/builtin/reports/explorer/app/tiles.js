// Which patches of the map have room to be shown as crops.

import { GRID } from "./data.js";
import { isHeld, isOpened, sheetOf } from "./sprites.js";

const MANY = 24;

/**
 * Of the first `count` points, the first ones first, those whose tiles of a pitch do not overlap, and whose crops the page
 * holds. So many sheets are opened at a time, for crops in view; `isLocal` leaves out all that is not in view, else
 * which crops are shown does not change as the map is moved.
 */
export function apart({ shown, x, y }, { span, left, top, width, height }, pitch, count, isLocal) {
  const scale = span / GRID;
  const across = Math.ceil(span / pitch) + 3;
  const taken = new Int32Array(across * across).fill(-1);
  const opening = new Set();
  const tiles = [];
  const freeCell = (px, py) => {
    const at = (Math.floor(py / pitch) + 1) * across + Math.floor(px / pitch) + 1;
    for (let row = at - across; row <= at + across; row += across) {
      for (let cell = row - 1; cell <= row + 1; cell += 1) {
        const other = taken[cell];
        if (other >= 0 && Math.abs(x[other] * scale - px) < pitch && Math.abs(y[other] * scale - py) < pitch) return -1;
      }
    }
    return at;
  };
  const isInView = (px, py) => px + left > -pitch && py + top > -pitch && px + left < width + pitch && py + top < height + pitch;
  const isCheap = (patch, isSeen) => {
    const file = sheetOf(patch);
    if (isOpened(file) || opening.has(file)) return true;
    if (isSeen && opening.size < MANY) opening.add(file);
    return opening.has(file);
  };
  for (let place = 0; place < count; place += 1) {
    const patch = shown[place];
    const [px, py] = [x[patch] * scale, y[patch] * scale];
    const isSeen = isInView(px, py);
    if (isLocal && !isSeen) continue;
    const at = freeCell(px, py);
    if (at < 0 || !isHeld(patch) || !isCheap(patch, isSeen)) continue;
    taken[at] = patch;
    tiles.push(patch);
  }
  return tiles;
}
