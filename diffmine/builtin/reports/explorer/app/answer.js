// What the run found, in three sentences, and what to do next.

import { data } from "./data.js";
import { el } from "./dom.js";

export function answerPanel() {
  const { sentences, next } = data.run.answer;
  return el(
    "section",
    { class: "panel answer", "aria-label": "Answer" },
    sentences.map((text) => el("p", { dir: "auto" }, text)),
    next.length > 0 && [el("h2", {}, "What to do next"), el("ul", {}, next.map((text) => el("li", { dir: "auto" }, text)))],
  );
}
