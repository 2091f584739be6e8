// The source that runs: minigan's own functions, the line that has just run, and what its names
// hold.

import { element, number, svg } from "./elements.js";
import { term } from "./explain.js";

const STRINGS = /"""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/;
const WORDS =
  "def return for in if else elif with as not and or lambda None True False self class is while";
const TOKENS = new RegExp(`(${STRINGS.source})|(#.*)|\\b(${WORDS.replaceAll(" ", "|")})\\b`, "g");
const KINDS = ["s", "c", "k"];

/** A function's text as lines of spans: strings, comments, words of the language. */
function colored(text) {
  const lines = [[]];
  const add = (piece, kind) => {
    piece.split("\n").forEach((part, i) => {
      if (i) lines.push([]);
      if (part) lines[lines.length - 1].push(kind ? element("span", { class: kind }, part) : part);
    });
  };
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    add(text.slice(end, match.index));
    add(match[0], KINDS[match.slice(1).findIndex((group) => group !== undefined)]);
    end = match.index + match[0].length;
  }
  add(text.slice(end));
  return lines;
}

/** A line with its number; where it is too long, it goes on further to the right. */
function numbered(line, spans) {
  const made = element("li", { "data-line": line }, element("span", {}, spans));
  made.style.setProperty("--indent", `${made.textContent.match(/^ */)[0].length + 4}ch`);
  return made;
}

/** The text without what all its lines are indented by. */
function dedented(text) {
  const margin = Math.min(
    ...text
      .split("\n")
      .filter((line) => line.trim())
      .map((line) => line.match(/^ */)[0].length),
  );
  return text
    .split("\n")
    .map((line) => line.slice(margin))
    .join("\n")
    .trimEnd();
}

export class Source {
  constructor() {
    this.tabs = element("div", { class: "tabs", role: "tablist", "aria-label": "Functions" });
    this.code = element("pre", {
      class: "code",
      tabindex: 0,
      role: "tabpanel",
      id: "code",
      "aria-label": "Source",
    });
    this.file = element("p", { class: "small" }, " ");
    this.body = element("tbody");
    this.names = element(
      "div",
      { class: "names", tabindex: 0, role: "region", "aria-label": "Names, shapes and ranges" },
      element(
        "table",
        {},
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            element("th", {}, term("names", "name")),
            element("th", {}, "shape"),
            element("th", { class: "number" }, "least"),
            element("th", { class: "number" }, "largest"),
            element(
              "th",
              {},
              element("span", { class: "hidden" }, "from the least to the largest"),
            ),
          ),
        ),
        this.body,
      ),
    );
    this.card = element(
      "section",
      { class: "card source" },
      element("header", {}, element("h2", {}, term("source", "The source that runs")), this.file),
      this.tabs,
      this.code,
      this.names,
    );
    this.held = new Map();
    this.empty();
    this.tabs.addEventListener("keydown", (event) => this.turn(event));
  }

  /** The functions of the game that is played. */
  begin(functions) {
    this.functions = functions.map(({ file, function: name, first, text }) => ({
      file,
      first,
      text,
      name: name.split(".").pop(),
      last: first + text.trimEnd().split("\n").length - 1,
    }));
    this.tabs.replaceChildren(
      ...this.functions.map((one, i) =>
        element(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${i}`,
            "aria-controls": "code",
            "aria-selected": "false",
            tabindex: -1,
            onclick: () => this.open(i),
          },
          one.name,
        ),
      ),
    );
    this.opened = null;
    if (this.functions.length) this.open(0);
  }

  turn({ key }) {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!way) return;
    const next = (this.opened + way + this.functions.length) % this.functions.length;
    this.open(next);
    this.tabs.children[next].focus();
  }

  open(index) {
    if (index === this.opened) return;
    this.opened = index;
    [...this.tabs.children].forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
    });
    const tab = this.tabs.children[index];
    this.tabs.scrollLeft =
      tab.offsetLeft - this.tabs.offsetLeft - (this.tabs.clientWidth - tab.offsetWidth) / 2;
    const { file, first, text } = this.functions[index];
    this.code.setAttribute("aria-labelledby", `tab-${index}`);
    this.file.textContent = file;
    this.code.replaceChildren(
      element(
        "ol",
        {},
        colored(dedented(text)).map((spans, i) => numbered(first + i, spans)),
      ),
    );
    this.code.scrollTop = 0;
  }

  indexOf({ file, line }) {
    return this.functions.findIndex(
      (one) => one.file === file && one.first <= line && line <= one.last,
    );
  }

  textOf(step) {
    const one = this.functions[this.indexOf(step)];
    return one
      ? { text: one.text.split("\n")[step.line - one.first] ?? "", function: one.name }
      : { text: "", function: step.function };
  }

  /** Light the line that has just run, and say what its names hold. */
  at(step, lamp) {
    const index = this.indexOf(step);
    if (index >= 0) this.open(index);
    this.card.style.setProperty("--lamp", `var(--${lamp})`);
    for (const line of this.code.querySelectorAll(".now")) {
      line.classList.remove("now");
      line.removeAttribute("aria-current");
    }
    const line = this.code.querySelector(`[data-line="${step.line}"]`);
    if (line) {
      line.classList.add("now");
      line.setAttribute("aria-current", "step");
      const middle = line.offsetTop - this.code.clientHeight / 2 + 20;
      this.code.scrollTop = middle;
    }
    this.hold(step.function, step.names);
  }

  /** The names of the function that runs; those of the line that has just run first. */
  hold(name, names) {
    if (name !== this.running) {
      this.running = name;
      this.held.clear();
    }
    for (const one of names) {
      this.held.delete(one.name);
      this.held.set(one.name, one);
    }
    const fresh = new Set(names.map((one) => one.name));
    const all = [...this.held.values()].reverse();
    this.body.replaceChildren(...all.map((one) => row(one, fresh.has(one.name))));
    if (!all.length) this.empty("Nothing new in this line.");
    this.names.scrollTop = 0;
  }

  empty(words = "Take a single step, or switch slow motion on: it is shown line by line.") {
    this.body.replaceChildren(
      element("tr", {}, element("td", { class: "empty", colspan: 5 }, words)),
    );
  }

  dark() {
    for (const line of this.code.querySelectorAll(".now")) line.classList.remove("now");
  }
}

function row({ name, shape, low, high, value, dtype }, fresh) {
  const size = shape?.length
    ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`
    : shape
      ? "()"
      : "";
  const single = value !== undefined && value !== null;
  return element(
    "tr",
    { class: fresh && "fresh" },
    element("td", { title: dtype }, name),
    element("td", {}, size),
    element(
      "td",
      { class: "number" },
      single ? String(typeof value === "number" ? number(value, 4) : value) : number(low),
    ),
    element("td", { class: "number" }, single ? "" : number(high)),
    element("td", {}, single || low === null || low === undefined ? "" : range(low, high)),
  );
}

/** Where a range lies on the line from −3 to 3, 0 in the middle. */
function range(low, high) {
  const x = (value) => 30 + 28 * Math.tanh(value / 2);
  return svg(
    "svg",
    { width: 60, height: 10, viewBox: "0 0 60 10", "aria-hidden": "true" },
    svg("path", { d: "M30 1v8M2 5h56", stroke: "var(--rule)" }),
    svg("path", {
      d: `M${x(low)} 5H${Math.max(x(high), x(low) + 2)}`,
      stroke: "var(--lamp, var(--edge))",
      "stroke-width": 4,
      "stroke-linecap": "round",
    }),
  );
}
