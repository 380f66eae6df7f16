// The script of the page: signing in with the key in the address, and showing what has changed.
"use strict";

const SLOWEST = 10_000;
const LIVE_PARTS = ["sections", "main"];

// The key comes after the # of an address, which browsers never send, so that no server and no log has it.
function signIn() {
  const found = /^#key=(.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname + location.search);
  const form = document.getElementById("sign-in");
  if (!form) return;
  try {
    form.elements.key.value = decodeURIComponent(found[1]);
  } catch {
    form.elements.key.value = found[1];
  }
  form.submit();
}

// Make `shown` equal to `wanted`, and keep what is equal: focus, selection, scroll position, what was typed or opened.
function update(shown, wanted) {
  if (shown.isEqualNode(wanted)) return;
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    shown.nodeValue = wanted.nodeValue;
    return;
  }
  if (shown.hasAttribute("data-static")) return;
  if (shown.dataset.part && shown.dataset.part === wanted.dataset.part) return; // it was sent without its content
  updateAttributes(shown, wanted);
  updateChildren(shown, wanted);
}

function updateAttributes(shown, wanted) {
  const kept = ["open", shown.dataset.kept]; // what the reader has changed
  for (const { name, value } of wanted.attributes)
    if (!kept.includes(name) && shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  for (const { name } of [...shown.attributes])
    if (!kept.includes(name) && !wanted.hasAttribute(name)) shown.removeAttribute(name);
}

function updateChildren(shown, wanted) {
  const kept = new Set([...wanted.children].map(child => child.id).filter(id => id));
  for (const child of [...shown.children]) if (child.id && !kept.has(child.id)) child.remove();
  const known = new Map([...shown.children].filter(child => child.id).map(child => [child.id, child]));
  let place = shown.firstChild;
  for (const child of wanted.childNodes) {
    const same = child.id ? known.get(child.id) : matches(place, child) ? place : undefined;
    if (!same) {
      shown.insertBefore(document.importNode(child, true), place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else shown.insertBefore(same, place);
    update(same, child);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function matches(shown, wanted) {
  return shown !== null && !shown.id && shown.nodeName === wanted.nodeName;
}

// Refresh the page every second while somebody looks at it, and a slow page less often.
class Refresh {
  constructor() {
    this.revision = "none";
    this.status = document.getElementById("connection");
    this.button = document.getElementById("pause");
    this.isPaused = sessionStorage.getItem("paused") === "true";
    this.button.hidden = false;
    this.button.addEventListener("click", () => this.pause(!this.isPaused));
    document.addEventListener("visibilitychange", () => this.schedule(0));
    this.showPause();
    this.schedule(this.interval);
  }

  get interval() {
    return Number(document.getElementById("main").dataset.refresh) || SLOWEST;
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    sessionStorage.setItem("paused", String(isPaused));
    this.showPause();
    this.schedule(0);
  }

  showPause() {
    this.button.setAttribute("aria-pressed", String(this.isPaused));
    this.say(this.isPaused ? "Paused" : "Live");
  }

  schedule(milliseconds) {
    clearTimeout(this.timer);
    if (!document.hidden && !this.isPaused) this.timer = setTimeout(() => this.read(), milliseconds);
  }

  async read() {
    const began = performance.now();
    let wait = SLOWEST;
    try {
      const parts = [...document.querySelectorAll("[data-part]")].map(part => part.dataset.part);
      const known = [this.revision, ...parts].join(" ");
      const response = await fetch(location.href, { headers: { "X-Refresh": known }, cache: "no-store" });
      if (response.status === 401) {
        this.say("Signed out: reload the page");
        return;
      }
      const text = await response.text();
      if (response.ok && !this.isPaused) {
        document.querySelector("#now time").textContent = response.headers.get("X-Clock").slice(0, 19).replace("T", " ");
        if (text) this.show(new DOMParser().parseFromString(text, "text/html")); // without it, nothing is new
        this.revision = response.headers.get("X-Revision");
      }
      this.say(this.isPaused ? "Paused" : response.ok ? "Live" : "This page is no longer available");
      wait = Math.min(Math.max(this.interval, 10 * (performance.now() - began)), SLOWEST);
    } catch {
      this.say("The emulator isn't responding");
      wait = 3 * this.interval;
    }
    this.schedule(wait);
  }

  show(wanted) {
    document.title = wanted.title;
    for (const id of LIVE_PARTS) {
      const [part, other] = [document.getElementById(id), wanted.getElementById(id)];
      if (part && other) update(part, other);
    }
    dispatchEvent(new Event("refreshed"));
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.dataset.state = text === "Live" ? "live" : "other";
  }
}

// Copying. A text that was cut is fetched from the page that shows all of it.
async function copy(button) {
  const block = button.closest(".block");
  const link = block.querySelector(".whole");
  let text = block.querySelector("pre").textContent;
  try {
    if (link) {
      const response = await fetch(link.href, { headers: { "X-Refresh": "new" }, cache: "no-store" });
      const whole = new DOMParser().parseFromString(await response.text(), "text/html");
      text = whole.getElementById(block.id).querySelector("pre").textContent;
    }
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Can't copy: select the text";
  }
  setTimeout(() => (button.textContent = "Copy"), 2_000);
}

// The address of a search contains only the fields that were filled in.
addEventListener("formdata", ({ target, formData }) => {
  if (target.method === "get") for (const [name, text] of [...formData]) if (!text) formData.delete(name);
});

document.documentElement.classList.add("script");
addEventListener("click", event => {
  const button = event.target.closest(".copy");
  if (button) copy(button);
});
signIn();
addEventListener("hashchange", signIn);
document.querySelector("#sections [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
const main = document.getElementById("main");
if (main.dataset.refresh) new Refresh();
