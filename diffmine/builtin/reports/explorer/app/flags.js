// What the run warns of a cluster, said at the cluster; notes are said where the cluster alone is shown.

import { el, named } from "./dom.js";

const flagsOf = (group) => group.flags ?? [];

export const warningsOf = (group) => flagsOf(group).filter((flag) => flag.severity !== "note");

/** The marks of a cluster's warnings; false where it has none. */
export const badges = (group) => warningsOf(group).length > 0 && el("span", { class: "badges" }, warningsOf(group).map(badge));

/** The marks with the warnings and notes in full; false where there are none. */
export const flagNotes = (group) =>
  flagsOf(group).length > 0 && el("ul", { class: "flag-notes" }, flagsOf(group).map((flag) => el("li", {}, badge(flag), named(flag.sentence))));

const badge = (flag) => el("span", { class: flag.severity === "note" ? "badge quiet" : "badge" }, flag.mark);
