// Find a label by a part of its name, or a cluster that a person has named.

import { clustersOf, groups, groupTitle, labels, noteOf } from "./data.js";
import { el, named } from "./dom.js";
import { count } from "./numbers.js";
import { groupAddress, labelAddress } from "./routes.js";

const MOST = 12;

/** Build the search field in a container. */
export function buildSearch(container) {
  const list = el("ul", { id: "found", role: "listbox", "aria-label": "Labels found", hidden: true });
  const input = el("input", {
    type: "search",
    placeholder: "Find a label",
    "aria-label": "Find a label",
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": "found",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
  });
  let found = [];
  let active = -1;

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  };
  const open = (target) => {
    location.hash = target.address;
    input.value = "";
    close();
    input.blur();
  };
  const mark = (place) => {
    active = place;
    [...list.children].forEach((node, number) => node.setAttribute("aria-selected", String(number === place)));
    if (list.children[place]) input.setAttribute("aria-activedescendant", list.children[place].id);
  };
  const search = () => {
    const wanted = input.value.trim().toLocaleLowerCase();
    found = wanted ? matching(wanted) : [];
    list.replaceChildren(...found.map((target, place) => option(target, place, () => open(target))));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    if (found.length) mark(0);
  };
  input.addEventListener("input", search);
  input.addEventListener("blur", () => setTimeout(() => document.activeElement !== input && close(), 150));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return close();
    if (!found.length || list.hidden) return undefined;
    if (event.key === "ArrowDown") mark((active + 1) % found.length);
    else if (event.key === "ArrowUp") mark((active + found.length - 1) % found.length);
    else if (event.key === "Enter") open(found[Math.max(0, active)]);
    else return undefined;
    return event.preventDefault();
  });
  container.append(input, list);
}

/** What can be found: labels, and clusters by the names that people gave them. */
function targets() {
  const found = labels.map(({ name }, label) => ({ name, address: labelAddress(label), facts: count(clustersOf(label).length, "cluster") }));
  const called = groups.filter((group) => noteOf(group).name);
  return [...found, ...called.map((group) => ({ name: noteOf(group).name, address: groupAddress(group), facts: `${groupTitle(group)} of ${labels[group.label].name}` }))];
}

/** Those whose names hold a text, those that begin with it first. */
function matching(wanted) {
  const at = ({ name }) => name.toLocaleLowerCase().indexOf(wanted);
  return targets()
    .filter((one) => at(one) >= 0)
    .sort((one, other) => (at(one) > 0) - (at(other) > 0))
    .slice(0, MOST);
}

function option(target, place, chosen) {
  return el("li", { id: `found-${place}`, role: "option", "aria-selected": "false", on: { pointerdown: chosen } }, named(target.name), el("span", {}, target.facts));
}
