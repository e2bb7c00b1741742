// What a cluster might be called, with who says so.

import { el, named } from "./dom.js";

/** The suggestions for a cluster; false where there are none. */
export const suggestions = (group) =>
  (group.words ?? []).length > 0 && el("p", { class: "words" }, "Maybe ", group.words.map((words, place) => [place > 0 && "; ", named(words)]));
