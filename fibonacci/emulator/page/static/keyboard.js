// Keys without a modifier: the dialog that ? opens lists what they do. They do nothing while somebody types, and can be
// switched off.
"use strict";

const SWITCH = "keys";
const ROWS = "main tbody tr, main article, main .trace";
const SEARCH = "main [type=search]";

class Keyboard {
  constructor(dialog) {
    this.dialog = dialog;
    this.actions = { "/": () => this.search(), j: () => this.move(1), k: () => this.move(-1), "?": () => dialog.showModal() };
    const [button, checkbox] = ["show-shortcuts", "use-shortcuts"].map(id => document.getElementById(id));
    button.hidden = false;
    button.addEventListener("click", this.actions["?"]);
    checkbox.checked = localStorage.getItem(SWITCH) !== "off";
    checkbox.addEventListener("change", () => localStorage.setItem(SWITCH, checkbox.checked ? "on" : "off"));
    dialog.querySelector("button").addEventListener("click", () => dialog.close());
    addEventListener("keydown", event => this.press(event));
    if (location.hash === "#search") this.search();
  }

  press(event) {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const isTyped = event.target.closest("input, select, textarea, [contenteditable]") !== null;
    if (isTyped && event.key === "Escape") event.target.blur();
    const action = this.actions[event.key];
    if (!action || isTyped || this.dialog.open || localStorage.getItem(SWITCH) === "off") return;
    event.preventDefault();
    action();
  }

  search() {
    const field = document.querySelector(SEARCH);
    if (!field) location.assign("/ui/runs#search");
    else {
      field.focus();
      field.select();
    }
  }

  // Enter opens the focused link, as everywhere.
  move(step) {
    const rows = [...document.querySelectorAll(ROWS)];
    const targets = rows.map(row => row.querySelector("a[href], summary")).filter(target => target?.checkVisibility());
    const row = document.activeElement.closest(ROWS);
    const place = targets.findIndex(target => target.closest(ROWS) === row);
    const next = place < 0 ? 0 : Math.min(Math.max(place + step, 0), targets.length - 1);
    targets[next]?.focus();
  }
}

const shortcuts = document.getElementById("shortcuts");
if (shortcuts) new Keyboard(shortcuts);
