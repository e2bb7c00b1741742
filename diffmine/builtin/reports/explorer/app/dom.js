// Elements without markup: text is always text, whatever it holds.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `attributes` may hold `on` (event -> listener), `style` (CSS property -> value) and `data`. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A text that a user chose: it keeps its own direction and does not disturb what stands around it. */
export function named(text) {
  return el("bdi", { title: text.length > 40 ? text : null }, text);
}

/** A screen reader reads this; eyes do not see it. */
export function hidden(text) {
  return el("span", { class: "hidden" }, text);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "style") for (const [property, one] of Object.entries(value)) node.style.setProperty(property, one);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
