// What the report knows. `patches` are columns; a patch is a number; patches of a group are consecutive numbers.

import { mergeGroups } from "./merging.js";
import { heedNotes, noteAbout } from "./notes.js";
import { unpackedWhenWanted } from "./packed.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);

export const data = read("data");
export const { labels, groups, images, columns, views } = data;
export const patches = unpackedWhenWanted(data.patches.columns);
export const patchCount = data.patches.count;
export const layouts = data.maps.map(({ name, ...places }) => ({ name, places: unpackedWhenWanted(places) }));
/** Coordinates of the maps are whole numbers from 0 to this. */
export const GRID = 65535;

let parsedOverlays = null;

/** Maps and masks of a picture, or undefined where the report holds only its crops. Parsed when first wanted. */
export function overlayOf(image) {
  parsedOverlays ??= read("overlays");
  return parsedOverlays[image];
}

export const labelNumber = new Map(labels.map((label, number) => [label.name, number]));
export const groupsOfLabel = labels.map(() => []);
groups.forEach((group, number) => {
  group.number = number;
  group.size = group.stop - group.start;
  groupsOfLabel[group.label].push(group);
});

/** A label's clusters; those that a person has merged into another are parts of it. */
export const clustersOf = (label) => groupsOfLabel[label].filter((group) => group.facts && !group.into);
export const otherGroupsOf = (label) => groupsOfLabel[label].filter((group) => !group.facts);

/** The group that holds a patch; where it was merged, the one that it is a part of. */
export function groupOf(patch) {
  let low = 0;
  let high = groups.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (groups[middle].start <= patch) low = middle;
    else high = middle - 1;
  }
  return groups[low].into ?? groups[low];
}

/** Box of a patch in pixels of the picture. */
export function boxOf(patch) {
  const [y0, x0, y1, x1] = patches.box.slice(4 * patch, 4 * patch + 4);
  return { y0, x0, y1, x1 };
}

export function imageOf(patch) {
  const [id, path, width, height, own, whole] = images[patches.image[patch]];
  return { number: patches.image[patch], id, path, width, height, labels: own, whole: Boolean(whole) };
}

let byImage = null;

/** Every patch that was cut from a picture. */
export function patchesOfImage(image) {
  if (!byImage) {
    byImage = images.map(() => []);
    for (let patch = 0; patch < patchCount; patch += 1) byImage[patches.image[patch]].push(patch);
  }
  return byImage[image];
}

/** Numbers from `start` up to `stop`. */
export const range = (start, stop) => Array.from({ length: Math.max(0, stop - start) }, (_, step) => start + step);

/** The patches of a group, the most central first; of merged clusters in turn, so that the first show something of each. */
export function membersOf(group) {
  const all = [group, ...(group.parts ?? [])].map(({ start, stop }) => range(start, stop));
  const inTurn = all.flatMap((members) => members.map((patch, place) => [place, patch]));
  return inTurn.sort(([one], [other]) => one - other).map(([, patch]) => patch);
}

/** Its number is the one that run files, warnings and `diffmine show --cluster` give it. */
export function groupTitle(group) {
  return group.facts ? `Cluster ${group.name}` : kindTitle(group.name);
}

/** What people say of a group; of what is no cluster they say nothing. */
export const noteOf = (group) => noteAbout(labels[group.label].name, group.facts?.cluster);

/** Its title with the name that a person gave it. */
export function calledTitle(group) {
  const { name, starred } = noteOf(group);
  return `${starred ? "★ " : ""}${groupTitle(group)}${name ? `: ${name}` : ""}`;
}

/** `clusters`, `outliers`, or the selection of a control. */
export const kindOf = (group) => (group.facts ? "clusters" : group.name);

export function kindTitle(kind) {
  const titles = { clusters: "Clusters", outliers: "Outliers", random: "Random patches", least: "Least typical patches" };
  return titles[kind] ?? `Selection ${kind}`;
}

heedNotes(() => groupsOfLabel.forEach((own) => mergeGroups(own.filter((group) => group.facts), { patches, run: data.run }, noteOf, membersOf)));
