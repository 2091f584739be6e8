// The large picture in the middle: which layers it shows, the pointer on it, and its readout.

import { calm, colors, sharp } from "./canvas.js";
import { element, find, svg } from "./elements.js";
import { explained } from "./explain.js";
import * as images from "./images.js";
import * as line from "./line.js";
import * as plane from "./plane.js";

const PICTURES = { plane, line, images };
const GLIDE = 380; // milliseconds in which samples move to their new places, in single steps

export class Stage {
  constructor(game) {
    this.game = game;
    this.frame = null;
    this.layers = {};
    this.view = { pointer: null, chosen: -1, fake: null };
    this.canvas = sharp(find("plot"), (context, width, height) =>
      this.draw(context, width, height),
    );
    this.listen();
  }

  get picture() {
    return PICTURES[this.game.kind];
  }

  wants() {
    return this.picture ? this.picture.wants(this.layers) : [];
  }

  /** Another kind of game: its layers, switched as they begin. */
  begin(kind) {
    if (kind === this.kind) return;
    this.kind = kind;
    this.view.pointer = null;
    this.layers = Object.fromEntries(this.picture.LAYERS.map(({ name, on }) => [name, on]));
    find("layers").replaceChildren(...this.picture.LAYERS.map((layer) => this.control(layer)));
    find("images").hidden = kind !== "images";
    if (kind === "images") this.looks ??= new images.Looks(find("images"), this.game, this);
  }

  control(layer) {
    const changed = (value) => {
      this.layers[layer.name] = value;
      this.redraw();
      this.game.look();
    };
    if (layer.choices) {
      return element(
        "span",
        { class: "segments", role: "radiogroup", "aria-label": "Map of the plane" },
        layer.choices.map(([value, text]) =>
          element(
            "label",
            {},
            element("input", {
              type: "radio",
              name: layer.name,
              value,
              checked: value === layer.on,
              onchange: () => changed(value),
            }),
            text,
          ),
        ),
      );
    }
    return explained(
      element(
        "label",
        { class: "check", id: `layer-${layer.name}-label` },
        element("input", {
          type: "checkbox",
          id: `layer-${layer.name}`,
          checked: layer.on,
          onchange: (event) => changed(event.target.checked),
        }),
        mark(layer.mark),
        element("span", { class: "hint" }, layer.label),
      ),
      layer.help,
    );
  }

  /** Show a frame; after a single step the samples glide to where they are now. */
  show(frame, { glide = false } = {}) {
    const before = this.view.fake ?? this.frame?.samples?.fake;
    this.frame = frame;
    const after = frame.samples?.fake;
    cancelAnimationFrame(this.gliding);
    this.view.fake = null;
    if (glide && !calm.matches && before && after && before.length === after.length)
      this.glide(before, after);
    else this.redraw();
    this.say();
    if (this.kind === "images") this.looks.show(frame);
  }

  glide(from, to) {
    const start = performance.now();
    const move = (now) => {
      const way = Math.min(1, (now - start) / GLIDE);
      const part = way * way * (3 - 2 * way);
      this.view.fake = way < 1 ? to.map((value, i) => from[i] + (value - from[i]) * part) : null;
      this.canvas.redrawNow();
      if (way < 1) this.gliding = requestAnimationFrame(move);
    };
    this.gliding = requestAnimationFrame(move);
  }

  redraw() {
    this.canvas.redraw();
    this.say();
  }

  draw(context, width, height) {
    context.fillStyle = colors.paper;
    context.fillRect(0, 0, width, height);
    if (this.frame && this.picture)
      this.picture.draw(context, width, height, this.frame, this.layers, this.view);
  }

  say() {
    if (this.frame && this.picture)
      find("readout").textContent = this.picture.readout(this.frame, this.layers, this.view);
  }

  /** The picture in words: rows of a table. */
  words() {
    return this.frame && this.picture ? this.picture.words(this.frame) : [];
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerdown", (event) => {
      this.point(event);
      if (this.kind !== "images") return;
      const index = images.under(this.view, event.offsetX, event.offsetY);
      if (index >= 0) this.looks.seeNearest(index);
    });
    canvas.addEventListener("pointerleave", () => {
      this.view.pointer = null;
      this.redraw();
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => {
      this.view.pointer = null;
      this.redraw();
    });
  }

  point({ offsetX, offsetY }) {
    if (!this.picture) return;
    const place = this.picture.place(this.view, offsetX, offsetY);
    if (!place && !this.view.pointer) return;
    this.view.pointer = place;
    this.redraw();
  }

  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
      event.key
    ];
    if (event.key === "Escape") this.view.pointer = null;
    else if (!way) return;
    else if (this.kind === "images") this.walk(way);
    else {
      const extent = this.view.extent ?? [
        this.view.line?.low ?? -3,
        this.view.line?.high ?? 3,
        -1,
        1,
      ];
      const [x, y] = this.view.pointer ?? [
        (extent[0] + extent[1]) / 2,
        (extent[2] + extent[3]) / 2,
      ];
      const step = (extent[1] - extent[0]) / (event.shiftKey ? 10 : 50);
      this.view.pointer = [x + way[0] * step, y + way[1] * step];
    }
    event.preventDefault();
    event.stopPropagation();
    this.redraw();
  }

  /** From picture to picture; the rows follow from where they stand. */
  walk([across, up]) {
    const { tiles } = this.view;
    if (!tiles) return;
    const columns = Math.max(
      1,
      tiles.findIndex(([, y]) => y > tiles[0][1]),
    );
    const next = Math.max(0, this.view.chosen) + (this.view.chosen < 0 ? 0 : across - up * columns);
    if (next >= 0 && next < tiles.length) this.looks.seeNearest(next);
  }
}

/** The small sign of a layer. */
function mark(kind) {
  const sign = svg("svg", { viewBox: "0 0 18 14", "aria-hidden": "true" });
  const color = (name) => `var(--${name})`;
  const dots = [
    [4, 9],
    [9, 4],
    [14, 9],
  ];
  if (kind === "ink" || kind === "point") {
    for (const [cx, cy] of dots)
      sign.append(svg("circle", { cx, cy, r: kind === "ink" ? 2.2 : 2.8, fill: color(kind) }));
  } else if (kind === "grid") {
    sign.append(
      svg("path", {
        d: "M2 3c5-2 9 2 14 0M2 7c5-2 9 2 14 0M2 11c5-2 9 2 14 0M5 2v10M9 2v10M13 2v10",
        fill: "none",
        stroke: color("orange"),
      }),
    );
  } else if (kind === "arrow") {
    sign.append(
      svg("path", {
        d: "M2 12L13 4M13 4l-5 .5M13 4l-2 4.5",
        fill: "none",
        stroke: color("purple"),
        "stroke-width": 1.8,
      }),
    );
  } else if (kind === "bar") {
    sign.append(
      svg("path", { d: "M1 7h9", stroke: color("sky"), "stroke-width": 5 }),
      svg("path", { d: "M10 7h7", stroke: color("sand"), "stroke-width": 5 }),
    );
  } else if (kind === "dotted") {
    sign.append(
      svg("path", {
        d: "M1 7h16",
        stroke: color("ink"),
        "stroke-width": 2,
        "stroke-dasharray": "2 2.5",
      }),
    );
  } else if (kind === "hill") {
    sign.append(
      svg("path", {
        d: "M1 12C7 12 6 3 9 3s2 9 8 9z",
        stroke: color("orange"),
        "stroke-width": 1.5,
        fill: color("orange"),
        "fill-opacity": 0.25,
      }),
    );
  } else {
    sign.append(
      svg("path", {
        d: "M1 7h16",
        stroke: color("blue"),
        "stroke-width": 2.5,
        "stroke-dasharray": kind === "dashed" ? "4 3" : "none",
      }),
    );
  }
  return sign;
}
