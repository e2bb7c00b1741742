// What a cluster might be called, with who says so.

import { noteOf } from "./data.js";
import { el, named } from "./dom.js";

/** The suggestions for a cluster; false where there are none. */
export const suggestions = (group) =>
  (group.words ?? []).length > 0 && el("p", { class: "words" }, "Maybe ", group.words.map((words, place) => [place > 0 && "; ", named(words)]));

/** The name that a person gave a cluster, or else the suggestions; false where there are none. */
export const words = (group) => {
  const { name, starred } = noteOf(group);
  return name || starred ? el("p", { class: "words own" }, starred && "★ ", named(name)) : suggestions(group);
};

/** Whether `words` has anything to say. */
export const hasWords = (group) => Boolean(noteOf(group).name || noteOf(group).starred || group.words.length);
