// Clusters that a person has merged: one takes the others in, and is told of as a whole.

import { known, percentAtLeast } from "./numbers.js";

const ALONE = ["size", "images", "facts", "verdict", "flags", "purity", "base", "shows", "significant"];

/** Let the clusters of one label be what the notes say: parts know what they are merged `into`, and that its `parts`. */
export function mergeGroups(clusters, data, noteOf, membersOf) {
  const byNumber = new Map(clusters.map((group) => [group.facts.cluster, group]));
  for (const group of clusters) {
    group.alone ??= Object.fromEntries(ALONE.map((name) => [name, group[name]]));
    Object.assign(group, group.alone, { into: null, parts: [] });
  }
  for (const group of clusters) {
    const top = topOf(group, byNumber, noteOf);
    if (top === group) continue;
    group.into = top;
    top.parts.push(group);
  }
  for (const group of clusters) if (group.parts.length) Object.assign(group, together(group, data, membersOf(group)));
}

/** The cluster that a cluster is merged into, if that was not merged itself. */
function topOf(group, byNumber, noteOf) {
  const passed = new Set();
  let top = group;
  for (let upper = top; upper && !passed.has(upper); upper = byNumber.get(noteOf(upper).merged_into)) {
    passed.add(upper);
    top = upper;
  }
  return top;
}

/** As `Contents` tells it of merged clusters, in Python. */
function together(group, { patches, run }, members) {
  const all = [group, ...group.parts].map((one) => one.alone);
  const flags = all.flatMap((one) => one.flags);
  const tested = all.filter((one) => known(one.facts.at_least));
  const surely = tested.reduce((sum, one) => sum + one.facts.at_least * one.size, 0) / members.length;
  const values = members.map((patch) => patches.typicality[patch]).sort((one, other) => one - other);
  const q = (patches.q ?? []).length ? members.map((patch) => patches.q[patch]).filter(known) : [];
  const median = (values[(values.length - 1) >> 1] + values[values.length >> 1]) / 2;
  const facts = { ...group.alone.facts, size: members.length, median_typicality: median, median_low: null, median_high: null, at_least: tested.length ? surely : null };
  return {
    size: members.length,
    images: new Set(members.map((patch) => patches.image[patch])).size,
    facts,
    flags,
    verdict: verdictOf(facts.at_least, flags),
    ...Object.fromEntries(["purity", "base", "shows"].map((name) => [name, undefined])),
    significant: known(group.alone.significant) && q.length ? q.filter((one) => one <= run.significant).length / q.length : undefined,
  };
}

function verdictOf(atLeast, flags) {
  const marks = [...new Set(flags.filter((flag) => flag.severity === "warning").map((flag) => flag.mark))];
  if (marks.length) return { kind: "look", words: marks.map((mark) => `${mark}: look`) };
  return atLeast ? { kind: "typical", words: [`typical, at least ${percentAtLeast(atLeast)}`] } : { kind: "cannot tell", words: ["cannot tell"] };
}
