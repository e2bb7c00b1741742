// What people say of one cluster: to read, or to write.

import { noteOf, labels } from "./data.js";
import { el, named } from "./dom.js";
import { canWrite, changeNote, notesProblem, undoable, undoNote } from "./notes.js";

/** The panel; `changed` is called when there is something else to say. */
export function notePanel(group, changed) {
  if (!group.facts) return null;
  return canWrite ? writing(group, changed) : reading(group);
}

function reading(group) {
  const { note, hidden } = noteOf(group);
  return [
    notesProblem && el("p", { class: "quiet", role: "alert" }, notesProblem),
    hidden && el("p", { class: "quiet" }, "Hidden from figures and stories."),
    note && el("p", { class: "note" }, named(note)),
  ];
}

function writing(group, changed) {
  const status = el("p", { class: "quiet", role: "status" });
  const name = el("input", { type: "text", maxlength: 100, placeholder: "What would you call it?", on: { change: () => say({ name: name.value }) } });
  const note = el("textarea", { rows: 2, maxlength: 10000, on: { change: () => say({ note: note.value }) } });
  const star = el("button", { type: "button", on: { click: () => say({ starred: !noteOf(group).starred }) } });
  const hide = el("button", { type: "button", on: { click: () => say({ hidden: !noteOf(group).hidden }) } });
  const back = el("button", { type: "button", on: { click: () => done(undoNote().then(fill), "Taken back.") } }, "Undo");
  const say = (values) => done(changeNote(labels[group.label].name, group.facts.cluster, values), "Kept in the run folder.");
  // Not after each change: somebody may be typing in the other field while the answer comes.
  const fill = () => {
    name.value = noteOf(group).name;
    note.value = noteOf(group).note;
    mark();
  };
  const mark = () => {
    const now = noteOf(group);
    for (const [button, on, texts] of [[star, now.starred, ["☆ Star", "★ Starred"]], [hide, now.hidden, ["Hide", "Hidden"]]]) {
      button.setAttribute("aria-pressed", on);
      button.textContent = texts[Number(on)];
    }
    back.disabled = !undoable();
  };
  const done = async (work, text) => {
    try {
      await work;
      mark();
      changed();
      status.textContent = text;
    } catch (error) {
      status.textContent = `Not kept: ${error.message}`;
    }
  };
  fill();
  return el(
    "section",
    { class: "noting", "aria-label": "Your notes" },
    el("label", {}, el("span", {}, "Name"), name),
    el("label", {}, el("span", {}, "Note"), note),
    el("div", { class: "noting-buttons" }, star, hide, back, status),
  );
}
