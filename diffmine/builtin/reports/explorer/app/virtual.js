// Rows of one height in a scrolling page: those near the screen exist, the rest is empty space.

const MARGIN = 600;

export class VirtualRows {
  /** `container` becomes as high as all rows; `render(row)` makes the element of one. */
  constructor(container, height, render) {
    this.container = container;
    this.height = height;
    this.render = render;
    this.count = 0;
    this.shown = new Map();
    container.classList.add("virtual");
    this.update = () => this.#update();
    addEventListener("scroll", this.update, { passive: true });
    addEventListener("resize", this.update);
  }

  /** Draw anew with so many rows. */
  reset(count) {
    this.count = count;
    this.container.style.height = `${count * this.height}px`;
    this.redraw();
  }

  redraw() {
    this.shown.forEach((node) => node.remove());
    this.shown.clear();
    this.#update();
  }

  /** Scroll so that a row can be seen. */
  reveal(row) {
    const top = this.container.getBoundingClientRect().top + row * this.height;
    const head = 80;
    if (top < head) scrollBy(0, top - head);
    else if (top + this.height > innerHeight) scrollBy(0, top + this.height - innerHeight + 12);
  }

  destroy() {
    removeEventListener("scroll", this.update);
    removeEventListener("resize", this.update);
  }

  #update() {
    const top = this.container.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((-top - MARGIN) / this.height));
    const last = Math.min(this.count, Math.ceil((innerHeight - top + MARGIN) / this.height));
    for (const [row, node] of this.shown) {
      const leaves = (row < first || row >= last) && !node.contains(document.activeElement);
      if (leaves) {
        node.remove();
        this.shown.delete(row);
      }
    }
    for (let row = first; row < last; row += 1) if (!this.shown.has(row)) this.#add(row);
  }

  #add(row) {
    const node = this.render(row);
    node.style.top = `${row * this.height}px`;
    node.dataset.row = row;
    const after = [...this.container.children].find((other) => Number(other.dataset.row) > row);
    this.container.insertBefore(node, after ?? null);
    this.shown.set(row, node);
  }
}
