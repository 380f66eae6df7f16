// Diagrams: zooming, moving, and nodes that lead to their trace. Without a script, the whole diagram fits its place.
"use strict";

const STEP = 1.25;
const MOVE = 60;
const LARGEST = 4;
const READABLE = 0.6;
const FIRST_SIZE = 0.8;
const MARGIN = 16;

class Diagram {
  static of = new WeakMap();

  constructor(svg) {
    this.svg = svg;
    this.canvas = svg.closest(".canvas");
    Diagram.of.set(svg, this);
    this.begin();
    new ResizeObserver(() => this.show()).observe(svg);
    this.canvas.addEventListener("wheel", event => this.wheel(event), { passive: false });
    this.canvas.addEventListener("keydown", event => this.key(event));
    this.canvas.addEventListener("focusin", event => this.follow(event.target));
    this.canvas.addEventListener("pointerdown", event => this.drag(event));
    this.canvas.addEventListener("dragstart", event => event.preventDefault());
    svg.closest(".diagram").addEventListener("click", event => this.button(event.target.closest("[data-zoom]")));
  }

  get size() {
    const [width, height] = this.svg.dataset.size.split(" ").map(Number);
    return { width, height };
  }

  get place() {
    return this.svg.getBoundingClientRect();
  }

  get fitting() {
    return Math.min(1, this.place.width / this.size.width, this.place.height / this.size.height);
  }

  // All of it if that is readable. Otherwise the node that failed or runs, or the first one, at a readable size.
  begin() {
    this.fit();
    if (this.scale >= READABLE) return;
    const [x, y] = this.svg.dataset.first.split(" ").map(Number);
    this.scale = FIRST_SIZE;
    const { width, height } = this.place;
    this.x = x - width / 2 / this.scale;
    this.y = y - height / 3 / this.scale;
    this.show();
  }

  fit() {
    this.scale = this.fitting;
    this.x = this.y = 0;
    this.show();
  }

  // Keep the picture in its place: never beyond an edge, and centered if it is smaller.
  show() {
    const { width, height } = this.place;
    if (!width) return;
    const [wide, high] = [width / this.scale, height / this.scale];
    const within = (value, seen, all) => (seen >= all ? (all - seen) / 2 : Math.min(Math.max(value, 0), all - seen));
    this.x = within(this.x, wide, this.size.width);
    this.y = within(this.y, high, this.size.height);
    this.svg.setAttribute("viewBox", `${this.x} ${this.y} ${wide} ${high}`);
  }

  zoom(factor, left = this.place.width / 2, top = this.place.height / 2) {
    const scale = Math.min(Math.max(this.scale * factor, Math.min(this.fitting, READABLE)), LARGEST);
    this.x += left / this.scale - left / scale;
    this.y += top / this.scale - top / scale;
    this.scale = scale;
    this.show();
  }

  move(right, down) {
    this.x += right / this.scale;
    this.y += down / this.scale;
    this.show();
  }

  button(button) {
    if (!button) return;
    const actions = {
      in: () => this.zoom(STEP),
      out: () => this.zoom(1 / STEP),
      fit: () => this.fit(),
      full: () => this.zoom(1 / this.scale),
    };
    actions[button.dataset.zoom]();
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // without, the page scrolls
    event.preventDefault();
    const { left, top } = this.place;
    this.zoom(Math.exp(-event.deltaY / 400), event.clientX - left, event.clientY - top);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ArrowLeft: () => this.move(-MOVE, 0),
      ArrowRight: () => this.move(MOVE, 0),
      ArrowUp: () => this.move(0, -MOVE),
      ArrowDown: () => this.move(0, MOVE),
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      0: () => this.fit(),
      1: () => this.zoom(1 / this.scale),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }

  drag(event) {
    if (event.button !== 0) return;
    let [x, y, isMoved] = [event.clientX, event.clientY, false];
    const stopped = new AbortController();
    const options = { signal: stopped.signal };
    const move = moved => {
      const [right, down] = [x - moved.clientX, y - moved.clientY];
      if (!isMoved && Math.hypot(right, down) < 4) return;
      if (!isMoved) this.canvas.setPointerCapture(event.pointerId);
      isMoved = true;
      [x, y] = [moved.clientX, moved.clientY];
      this.move(right, down);
    };
    this.canvas.addEventListener("pointermove", move, options);
    for (const end of ["pointerup", "pointercancel"])
      this.canvas.addEventListener(end, () => stopped.abort(), options);
  }

  // A node that is reached by the Tab key comes into view.
  follow(target) {
    const box = target.closest("a")?.querySelector("rect")?.getBBox();
    if (!box) return;
    const [wide, high] = [this.place.width / this.scale, this.place.height / this.scale];
    const near = (value, seen, begin, size) =>
      Math.max(Math.min(value, begin - MARGIN), begin + size + MARGIN - seen);
    this.x = near(this.x, wide, box.x, box.width);
    this.y = near(this.y, high, box.y, box.height);
    this.show();
  }
}

function showDiagrams() {
  for (const svg of document.querySelectorAll(".canvas > svg")) if (!Diagram.of.has(svg)) new Diagram(svg);
}

// Open what the address points to, and move the focus there.
function reveal(hash) {
  const details = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)))?.closest("details");
  if (!details) return;
  details.open = true;
  details.querySelector("summary").focus({ preventScroll: true });
  details.scrollIntoView({ block: "nearest" });
}

addEventListener("hashchange", () => reveal(location.hash));
addEventListener("click", event => {
  const link = event.target.closest(".canvas a");
  if (link?.getAttribute("href") === location.hash) reveal(location.hash); // the address does not change
});
addEventListener("refreshed", showDiagrams);
showDiagrams();
reveal(location.hash);
