// What the run warns of a cluster, said at the cluster.

import { el, named } from "./dom.js";

export const flagsOf = (group) => group.flags ?? [];

/** The marks of a cluster; false where it has none. */
export const badges = (group) => flagsOf(group).length > 0 && el("span", { class: "badges" }, flagsOf(group).map(badge));

/** The marks with the warnings in full; false where there are none. */
export const flagNotes = (group) =>
  flagsOf(group).length > 0 && el("ul", { class: "flag-notes" }, flagsOf(group).map((flag) => el("li", {}, badge(flag), named(flag.sentence))));

const badge = (flag) => el("span", { class: "badge" }, flag.mark);
