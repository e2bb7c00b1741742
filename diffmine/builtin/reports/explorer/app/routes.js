// Addresses within the page: #label, #label/cluster, #label/cluster&embed, #label/cluster/rank; views of the whole run begin with a slash.

import { groups, groupsOfLabel, labelNumber, labels, membersOf, patches, views } from "./data.js";

export const overviewAddress = "#";
export const mapAddress = (label) => (label === undefined ? "#/map" : `#/map/${encodeURIComponent(labels[label].name)}`);
export const labelAddress = (label) => `#${encodeURIComponent(labels[label].name)}`;
export const groupAddress = (group) => `${labelAddress(group.label)}/${encodeURIComponent(group.name)}`;
export const patchAddress = (group, patch) => `${groupAddress(group)}/${patches.rank[patch]}`;

const EMBEDDED = /&embed$/;

/** What an address shows: { view, label, group, patch }; `view` is "missing" where nothing is there. */
export function parse(hash) {
  const found = placeOf(hash.replace(EMBEDDED, ""));
  return EMBEDDED.test(hash) && found.view === "group" ? { ...found, view: "embedded" } : found;
}

function placeOf(hash) {
  const parts = hash.replace(/^#/, "").split("/").map(decoded);
  if (parts[0] === "" && parts.length === 1) return { view: "overview" };
  if (parts[0] === "" && parts[1] === "map") return mapRoute(parts[2]);
  if (parts[0] === "" && parts[1] === "view") return viewRoute(parts[2]);
  const label = labelNumber.get(parts[0]);
  if (label === undefined) return { view: "missing" };
  if (parts.length === 1) return { view: "label", label };
  const group = groupsOfLabel[label].find((one) => one.name === parts[1]);
  if (!group) return { view: "missing" };
  if (parts.length === 2) return { view: "group", label, group: groups[group.number] };
  const patch = membersOf(group).find((one) => String(patches.rank[one]) === parts[2]);
  return patch === undefined ? { view: "missing" } : { view: "picture", label, group, patch };
}

function mapRoute(name) {
  if (name === undefined) return { view: "map" };
  const label = labelNumber.get(name);
  return label === undefined ? { view: "missing" } : { view: "map", label };
}

function viewRoute(name) {
  const added = views.find((one) => one.name === name);
  return added ? { view: "added", added } : { view: "missing" };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
