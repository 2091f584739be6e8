// The game of images: what G draws beside what the data hold, the nearest training image of one
// that is clicked, and the latent plane under the mouse, a finger, or the arrow keys.

import { colors, font, sharp } from "./canvas.js";
import { element, fixed, whole } from "./elements.js";
import { term } from "./explain.js";

const GAP = 3,
  TOP = 22;
const COLUMNS = 10;
const LEAST = 2; // rows of the data, at least
const EDGE = 2; // how far the latent plane reaches

export const LAYERS = [
  { name: "scores", label: "D’s opinion of each", on: true, mark: "bar", help: "discriminator" },
  { name: "real", label: "data below", on: true, mark: "ink", help: "data" },
];

export function wants(layers) {
  return layers.real ? ["samples", "real", "scores"] : ["samples", "scores"];
}

/** Pictures (N, C, H, W), gray or in color, side by side on a canvas of their own. */
function atlas(pixels) {
  const [count, channels, height, width] = pixels.shape;
  const canvas = element("canvas", { width: width * count, height });
  const painter = canvas.getContext("2d");
  const image = painter.createImageData(width * count, height);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const to = 4 * (y * width * count + n * width + x);
        for (let c = 0; c < 3; c++) {
          image.data[to + c] =
            pixels[((n * channels + Math.min(c, channels - 1)) * height + y) * width + x];
        }
        image.data[to + 3] = 255;
      }
    }
  }
  painter.putImageData(image, 0, 0);
  return { canvas, count, width, height };
}

/** The first of some pictures, as an address that an image can have. */
export function firstOf(pixels) {
  const [, ...shape] = pixels.shape;
  const canvas = element("canvas");
  put(
    canvas,
    Object.assign(
      pixels.slice(
        0,
        shape.reduce((a, b) => a * b, 1),
      ),
      { shape },
    ),
  );
  return canvas.toDataURL();
}

/** One picture (C, H, W) or (1, C, H, W), on a canvas that keeps its pixels. */
export function put(canvas, pixels) {
  const shape = pixels.shape.length === 4 ? pixels.shape.slice(1) : pixels.shape;
  const one = atlas(Object.assign(pixels.slice(), { shape: [1, ...shape] }));
  Object.assign(canvas, { width: one.width, height: one.height });
  canvas.getContext("2d").drawImage(one.canvas, 0, 0);
}

const made = new WeakMap();
function pictures(pixels) {
  if (!made.has(pixels)) made.set(pixels, atlas(pixels));
  return made.get(pixels);
}

export function draw(context, width, height, frame, layers, view) {
  if (!frame.samples?.pixels) return;
  const count = frame.samples.pixels.shape[0];
  const columns = classesOf(frame.samples.labels) || COLUMNS; // each class has one of its own
  const rows = Math.ceil(count / columns);
  const beside = layers.real && frame.real ? LEAST : 0;
  const bar = layers.scores ? 5 : 0;
  const room = height - TOP * (beside ? 2 : 1);
  const size = Math.floor(Math.min((width + GAP) / columns, room / (rows + beside) - bar) - GAP);
  const left = (width - columns * (size + GAP) + GAP) / 2;
  const place = { left, columns, size, bar };
  view.tiles = grid(
    context,
    frame.samples,
    "G(z), generated",
    { ...place, top: TOP, count },
    view.chosen,
  );
  if (!beside) return;
  const top = TOP + rows * (size + GAP + bar) + TOP;
  const fit = Math.floor((height - top) / (size + GAP + bar));
  grid(
    context,
    frame.real,
    "x, the data",
    { ...place, top, count: Math.min(frame.real.pixels.shape[0], fit * columns) },
    -1,
  );
}

function grid(
  context,
  { pixels, scores, kind },
  title,
  { left, top, columns, size, bar, count },
  chosen,
) {
  const { canvas, width: w, height: h } = pictures(pixels);
  context.fillStyle = colors.soft;
  context.font = font(13);
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText(title, left, top - 7);
  context.imageSmoothingEnabled = size < w;
  const places = [];
  for (let n = 0; n < count; n++) {
    const x = left + (n % columns) * (size + GAP);
    const y = top + Math.floor(n / columns) * (size + GAP + bar);
    context.drawImage(canvas, n * w, 0, w, h, x, y, size, size);
    if (bar && scores)
      opinion(context, probability(scores[n], kind), x, y + size + 1, size, bar - 2);
    if (n === chosen) {
      context.strokeStyle = colors.purple;
      context.lineWidth = 3;
      context.strokeRect(x - 1, y - 1, size + 2, size + 2);
    }
    places.push([x, y, size]);
  }
  return places;
}

/** A score as a probability: what stands in front of a sigmoid, or a critic's grade. */
const probability = (score, kind) => (kind === "score" ? 1 / (1 + Math.exp(-score)) : score);

/** How many classes a system can be asked for: samples are of all of them, in turn. */
export const classesOf = (labels) => (labels ? Math.max(...labels) + 1 : 0);

/** D's number as a bar from the left: blue for "data", what is missing for "generated". */
function opinion(context, share, x, y, width, height) {
  context.fillStyle = colors.sand;
  context.fillRect(x, y, width, height);
  context.fillStyle = colors.sky;
  context.fillRect(x, y, width * share, height);
}

/** The number of the picture under a point of the canvas, or -1. */
export function under(view, px, py) {
  return (view.tiles ?? []).findIndex(
    ([x, y, size]) => px >= x && px < x + size && py >= y && py < y + size,
  );
}

export const place = () => null;

export function readout(frame, layers, view) {
  const { samples } = frame;
  if (!samples?.pixels) return "";
  const words = [`${samples.pixels.shape[0]} images, of the same noise in every round`];
  if (view.chosen >= 0 && samples.scores)
    words.push(`D says ${fixed(samples.scores[view.chosen], 2)} of the chosen one`);
  else if (samples.averaged) words.push("by the average of G’s weights");
  return words.join(" · ");
}

export function words(frame) {
  const rows = [];
  for (const [name, part] of [
    ["data", frame.real],
    ["generated", frame.samples],
  ]) {
    if (!part?.scores) continue;
    const scores = Array.from(part.scores);
    rows.push([
      `D’s number for ${name}, on average`,
      fixed(scores.reduce((a, b) => a + b, 0) / scores.length, 2),
    ]);
  }
  return rows;
}

/** What stands under the picture: the nearest training image, and the latent plane. */
export class Looks {
  constructor(room, game, stage) {
    Object.assign(this, { room, game, stage, x: 0, y: 0, label: null });
    this.mine = element("canvas", {
      role: "img",
      "aria-label": "the chosen image",
      width: 28,
      height: 28,
    });
    this.theirs = element("canvas", {
      role: "img",
      "aria-label": "the nearest training image",
      width: 28,
      height: 28,
    });
    this.distance = element(
      "p",
      { class: "small" },
      "Press one of the generated images, or walk over them with the arrow keys.",
    );
    this.pad = element("canvas", {
      class: "pad",
      tabindex: 0,
      role: "application",
      "aria-label": "Latent plane: the arrow keys walk, Home goes to the middle",
    });
    this.big = element("canvas", {
      class: "big",
      role: "img",
      "aria-label": "G at this place of the latent plane",
      width: 28,
      height: 28,
    });
    this.where = element("p", { class: "small", "aria-live": "off" });
    this.digits = element("div", { class: "digits", role: "group", "aria-label": "What to draw" });
    room.append(
      element(
        "section",
        { class: "nearest" },
        element("h3", {}, term("nearest", "Nearest training image")),
        element(
          "div",
          { class: "pair" },
          element("figure", {}, this.mine, element("figcaption", {}, "generated")),
          element("figure", {}, this.theirs, element("figcaption", {}, "from the data")),
        ),
        this.distance,
      ),
      element(
        "section",
        {},
        element("h3", {}, term("latent", "Latent plane")),
        element("div", { class: "plane" }, this.pad, this.big),
        this.where,
        this.digits,
      ),
    );
    sharp(this.pad, (context, width, height) => this.drawPad(context, width, height));
    this.listen();
  }

  listen() {
    const at = ({ offsetX, offsetY }) =>
      this.walk(
        ((2 * offsetX) / this.pad.clientWidth - 1) * EDGE,
        (1 - (2 * offsetY) / this.pad.clientHeight) * EDGE,
      );
    this.pad.addEventListener(
      "pointermove",
      (event) => (event.pointerType === "mouse" || event.buttons) && at(event),
    );
    this.pad.addEventListener("pointerdown", at);
    this.pad.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
        event.key
      ];
      if (event.key === "Home") this.walk(0, 0);
      else if (way) this.walk(this.x + way[0] * 0.1, this.y + way[1] * 0.1);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  drawPad(context, width, height) {
    const x = (value) => ((value / EDGE + 1) / 2) * width;
    const y = (value) => ((1 - value / EDGE) / 2) * height;
    context.strokeStyle = colors.rule;
    context.lineWidth = 1;
    for (let tick = -1; tick <= 1; tick++) {
      context.strokeRect(x(tick), 0, 0, height);
      context.strokeRect(0, y(tick), width, 0);
    }
    context.fillStyle = colors.orange;
    context.beginPath();
    context.arc(x(this.x), y(this.y), 6, 0, 2 * Math.PI);
    context.fill();
  }

  walk(x, y) {
    const kept = (value) => Math.min(EDGE, Math.max(-EDGE, value));
    [this.x, this.y] = [kept(x), kept(y)];
    this.pad.redraw();
    this.seeLatent();
  }

  /** One request at a time: while one is under way, only the latest place is remembered. */
  async seeLatent() {
    this.again = true;
    if (this.looking) return;
    this.looking = true;
    while (this.again) {
      this.again = false;
      const fields = this.label === null ? {} : { label: this.label };
      const answer = await this.game.ask("look", {
        what: "latent",
        x: this.x,
        y: this.y,
        ...fields,
      });
      if (answer) put(this.big, answer.image);
      else break;
    }
    this.looking = false;
    const place = `x = ${fixed(this.x, 2)}, y = ${fixed(this.y, 2)}`;
    this.where.textContent = `${place}: z is a mixture of three noises`;
  }

  async seeNearest(index) {
    this.stage.view.chosen = index;
    this.stage.redraw();
    if (this.game.hello.where === "watch") return; // a run's data are not at hand
    const answer = await this.game.ask("look", { what: "nearest", index });
    if (!answer) return;
    put(this.mine, answer.shown);
    put(this.theirs, answer.image);
    const label = answer.label === null ? "" : `, of class ${answer.label}`;
    const which = `Number ${whole(answer.index)} of ${whole(answer.of)}${label}`;
    const far = `at a distance of ${fixed(answer.distance, 2)}: pixels from 0 to 1, Euclidean`;
    this.distance.textContent = `${which}, ${far}.`;
  }

  /** G has learned on: the picture of the plane is drawn anew. And buttons for the classes of a
      system that can be asked for one. */
  show(frame) {
    if (!frame.samples) return;
    this.seeLatent();
    const count = classesOf(frame.samples.labels);
    if (count === this.classes) return;
    this.classes = count;
    const classes = Array.from({ length: count }, (_, label) => label);
    this.digits.replaceChildren(
      ...classes.map((name, label) =>
        element(
          "button",
          {
            type: "button",
            "aria-pressed": "false",
            onclick: () => {
              this.label = label;
              for (const button of this.digits.children)
                button.setAttribute("aria-pressed", String(button.textContent === String(name)));
              this.seeLatent();
            },
          },
          String(name),
        ),
      ),
    );
    this.label = classes.length ? 0 : null;
    this.digits.firstChild?.setAttribute("aria-pressed", "true");
  }
}
