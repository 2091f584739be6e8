// Explanations where one points, tabs or taps: one bubble for the whole page.
//
// words.json holds what docs/theory.md says of each thing, word by word (a test compares them), and
// the settings bring their own help with them.

import { element, find } from "./elements.js";

const explanations = new Map();
const DELAY = 260; // milliseconds until a pointer that rests is taken for a question

let pointer = ""; // what was pressed with last: "mouse", "touch" or "pen"
let shown = null; // the element that is explained
let timer = 0;

export async function learnWords() {
  const answer = await fetch("words.json");
  for (const [key, entry] of Object.entries(await answer.json())) explanations.set(key, entry);
}

/** Add an explanation: {title, formula, quote, from, note}, each of them a text. */
export function explain(key, entry) {
  explanations.set(key, { ...explanations.get(key), ...entry });
}

export const known = (key) => explanations.get(key);

/** A word that explains itself: a button, so that keys and fingers reach it. */
export function term(key, text) {
  return element("button", { type: "button", class: "term", "data-help": key }, text);
}

/** Let an element that is there explain itself, too. */
export function explained(target, key) {
  target.dataset.help = key;
  return target;
}

function show(host) {
  const entry = explanations.get(host.dataset.help);
  if (!entry) return;
  clearTimeout(timer);
  hide();
  shown = host;
  const bubble = find("explanation");
  bubble.replaceChildren(
    element("strong", {}, entry.title ?? ""),
    ...[].concat(entry.formula ?? []).map((formula) => element("p", { class: "formula" }, formula)),
    ...[].concat(entry.quote ?? []).map((quote) => element("p", {}, quote)),
    ...[].concat(entry.note ?? []).map((note) => element("p", {}, note)),
    ...(entry.from ? [element("p", { class: "from" }, entry.from)] : []),
  );
  bubble.hidden = false;
  const focus = host.matches("button, input, select")
    ? host
    : host.querySelector("button, input, select");
  focus?.setAttribute("aria-describedby", "explanation");
  put(bubble, host);
}

/** Below what is explained, or above it, and always on the screen. */
function put(bubble, host) {
  const at = host.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = bubble;
  const left = Math.min(Math.max(at.left, 12), innerWidth - width - 12);
  const below = at.bottom + 8;
  const top = below + height < innerHeight - 8 ? below : Math.max(8, at.top - height - 8);
  Object.assign(bubble.style, { left: `${left}px`, top: `${top}px` });
}

function hide() {
  clearTimeout(timer);
  find("explanation").hidden = true;
  shown?.parentNode
    ?.querySelectorAll('[aria-describedby="explanation"]')
    .forEach((it) => it.removeAttribute("aria-describedby"));
  shown = null;
}

const hostOf = (target) => (target instanceof Element ? target.closest("[data-help]") : null);

export function listen() {
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const host = hostOf(event.target);
    clearTimeout(timer);
    if (host && host !== shown) timer = setTimeout(show, DELAY, host);
    else if (!host && shown && !event.target.closest?.("#explanation"))
      timer = setTimeout(hide, DELAY);
  });
  document.addEventListener("pointerdown", ({ pointerType }) => {
    pointer = pointerType;
  });
  document.addEventListener("focusin", ({ target }) => {
    const host = hostOf(target);
    if (host && target.matches(":focus-visible")) show(host);
    else if (shown && !host) hide();
  });
  document.addEventListener("focusout", () => {
    if (shown) timer = setTimeout(hide, DELAY);
  });
  document.addEventListener("click", ({ target }) => {
    const host = hostOf(target);
    if (host?.matches(".term") || (host && pointer === "touch" && target.closest("label")))
      show(host);
    else if (shown && !host && !target.closest?.("#explanation")) hide();
  });
  document.addEventListener("keydown", ({ key }) => {
    if (shown && key !== "Tab") hide();
  });
  addEventListener(
    "scroll",
    () => {
      if (shown) hide();
    },
    { passive: true },
  ); // it stays where it was put
}
