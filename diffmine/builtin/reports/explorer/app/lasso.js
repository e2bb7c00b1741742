// Regions of the map that readers draw around.

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

/** The smallest box around a polygon: least x, least y, largest x, largest y. */
export function boxAround(polygon) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of polygon) {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
  return box;
}
