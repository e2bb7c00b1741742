// What people say of one cluster: to read, or to write.

import { clustersOf, groupTitle, labels, noteOf } from "./data.js";
import { el, named } from "./dom.js";
import { canWrite, changeNote, notesProblem, undoable, undoNote } from "./notes.js";
import { groupAddress } from "./routes.js";

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
    mergedNote(group),
  ];
}

const calledShort = (group) => [groupTitle(group), noteOf(group).name].filter(Boolean).join(": ").slice(0, 60);
const linked = (group) => el("a", { href: groupAddress(group) }, groupTitle(group));

/** What a cluster was merged into, or which clusters were merged into it; null where none was. */
function mergedNote(group) {
  if (group.into) return el("p", { class: "quiet" }, "Merged into ", linked(group.into), ".");
  if (!group.parts.length) return null;
  return el("p", { class: "quiet" }, "Merged with ", group.parts.map((part, place) => [place > 0 && ", ", linked(part)]), ".");
}

function writing(group, changed) {
  const status = el("p", { class: "quiet", role: "status" });
  const name = el("input", { type: "text", maxlength: 100, placeholder: "What would you call it?", on: { change: () => say({ name: name.value }) } });
  const note = el("textarea", { rows: 2, maxlength: 10000, on: { change: () => say({ note: note.value }) } });
  const star = el("button", { type: "button", on: { click: () => say({ starred: !noteOf(group).starred }) } });
  const hide = el("button", { type: "button", on: { click: () => say({ hidden: !noteOf(group).hidden }) } });
  // A choice by the keyboard passes others on its way, so that it alone does nothing.
  const choice = el("select", { "aria-label": "Merge into", on: { change: () => mark() } });
  const merge = el("button", { type: "button", on: { click: () => join(Number(choice.value)) } }, "Merge");
  const separate = el("button", { type: "button", on: { click: () => join(null) } }, "Separate");
  const merged = el("div", {});
  const join = (into) => say({ merged_into: into });
  // What is merged changes the page around, too: then all of it is shown anew, a part as what it is now a part of.
  const grouping = () => JSON.stringify([group.into?.number, ...group.parts.map((part) => part.number)]);
  const before = grouping();
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
    const others = clustersOf(group.label).filter((one) => one !== group);
    const chosen = choice.value;
    choice.replaceChildren(el("option", { value: "" }, "Merge into…"), ...others.map((one) => el("option", { value: one.facts.cluster, selected: chosen === String(one.facts.cluster) }, calledShort(one))));
    choice.hidden = merge.hidden = Boolean(group.into) || !others.length;
    merge.disabled = choice.value === "";
    separate.hidden = !group.into;
    merged.replaceChildren(...[mergedNote(group)].filter(Boolean));
  };
  const done = async (work, text) => {
    try {
      await work;
      if (grouping() !== before) {
        if (group.into) location.hash = groupAddress(group.into);
        else dispatchEvent(new Event("regrouped"));
        return;
      }
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
    el("div", { class: "noting-buttons" }, star, hide, choice, merge, separate, back, status),
    merged,
  );
}
