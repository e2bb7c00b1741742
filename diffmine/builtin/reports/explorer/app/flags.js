// What can be said of a cluster, and what the run warns of it, said at the cluster; notes are said where it alone is shown.

import { el, named } from "./dom.js";

const flagsOf = (group) => group.flags ?? [];
const LOOKS = { typical: "badge typical", "cannot tell": "badge quiet", look: "badge" };

/** Whether the cluster is typical, as far as can be told, or what to look at first; false for other patches. */
export const verdict = (group) =>
  group.verdict !== undefined && el("span", { class: "badges" }, group.verdict.words.map((text) => el("span", { class: LOOKS[group.verdict.kind] }, text)));

/** The run's warnings and notes about the cluster in full; false where there are none. */
export const flagNotes = (group) =>
  flagsOf(group).length > 0 && el("ul", { class: "flag-notes" }, flagsOf(group).map((flag) => el("li", {}, mark(flag), named(flag.sentence))));

const mark = (flag) => el("span", { class: flag.severity === "note" ? "badge quiet" : "badge" }, flag.mark);
