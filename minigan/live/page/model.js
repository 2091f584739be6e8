// The model: noise -> G -> fake, data -> real, both -> D -> scores -> losses, and the gradients'
// ways back. What the line of the source that has just run does is lit.

import { between, mean } from "./arrays.js";
import { find, fixed, number, svg } from "./elements.js";
import { firstOf } from "./images.js";

export class Model {
  constructor() {
    this.room = find("model");
    this.step = null;
    new ResizeObserver(() => this.draw()).observe(this.room);
  }

  /** Lit: what of {player, what} the line that has just run does; null puts the lamps out. */
  light(step) {
    this.step = step;
    const root = this.room.firstElementChild;
    if (!root) return;
    const lit = new Set(step ? this.lamps(step) : []);
    root.style.setProperty("--lamp", step?.player === "G" ? "var(--orange)" : "var(--blue)");
    root.classList.toggle("back", step?.what === "back"); // gradients go the other way
    for (const part of root.querySelectorAll("[data-part]"))
      part.classList.toggle("lit", lit.has(part.dataset.part));
  }

  lamps({ player, what }) {
    const both = player === "D";
    return {
      data: ["data-x"],
      draw: ["z-G", "G", "G-fake"],
      score: both ? ["x-D", "fake-D", "D", "D-score"] : ["fake-D", "D", "D-score"],
      loss: both ? ["score-dloss"] : ["score-gloss"],
      back: both
        ? ["score-dloss", "D-score", "D"]
        : ["score-gloss", "D-score", "fake-D", "G-fake", "G"],
      move: [player],
    }[what];
  }

  show(frame) {
    this.frame = frame;
    const shape = JSON.stringify([
      this.layersOf("generator"),
      this.layersOf("discriminator"),
      frame.game,
      frame.settings.noise,
    ]);
    if (shape !== this.shape || !this.room.firstElementChild) {
      this.shape = shape;
      this.draw();
    } else this.fill();
  }

  /** The widths of a network's layers: by the settings, where they say it, else by parameters. */
  layersOf(name) {
    const { settings, gradients, samples } = this.frame;
    const layers = settings[`${name}_layers`];
    const point = samples?.real?.shape?.[1] ?? (this.frame.densities ? 1 : 2);
    if (layers !== undefined) {
      const inner = Array(layers).fill(settings[`${name}_width`]);
      return name === "generator"
        ? [settings.noise_dim ?? 1, ...inner, point]
        : [point, ...inner, 1];
    }
    const mine = (gradients ?? []).filter(
      ({ player, shape }) => player === name[0].toUpperCase() && shape.length > 1,
    );
    if (!mine.length) return name === "generator" ? [64, 128, 784] : [784, 128, 1];
    const size = ({ shape }, axis) => shape[axis];
    return [size(mine[0], 1), ...mine.map((one) => size(one, 0))];
  }

  draw() {
    if (!this.frame || !this.room.clientWidth) return;
    const [width, height] = [this.room.clientWidth, this.room.clientHeight];
    const narrow = width < 480;
    const [up, down] = [height * 0.34, height * 0.82];
    const middle = (up + down) / 2 + 2;
    const at = narrow
      ? { z: 18, G: 74, fake: 143, D: 200, score: 254, loss: width - 40 }
      : {
          z: 24,
          G: width * 0.2,
          fake: width * 0.39,
          D: width * 0.56,
          score: width * 0.56 + Math.min(64, width * 0.085) + 62,
          loss: width - 42,
        };
    const wide = narrow ? 50 : Math.min(128, width * 0.17);
    const tall = narrow ? 52 : 62;
    const root = svg("svg", {
      role: "img",
      "aria-label":
        "From noise G makes fakes; of data and fakes D makes scores, and of those come the losses",
    });
    const icon = 15;
    root.append(
      this.flow("z-G", at.z + icon + 3, up, at.G - wide / 2 - 3, up),
      this.flow("G-fake", at.G + wide / 2 + 2, up, at.fake - icon - 4, up),
      this.flow("data-x", narrow ? at.z + icon + 3 : at.z + 20, down, at.fake - icon - 4, down),
      this.flow("fake-D", at.fake + icon + 3, up, at.D - wide / 2 - 3, middle - 9),
      this.flow("x-D", at.fake + icon + 3, down, at.D - wide / 2 - 3, middle + 9),
      this.flow("D-score", at.D + wide / 2 + 2, middle, at.score - (narrow ? 17 : 46), middle),
      this.flow(
        "score-gloss",
        at.score + (narrow ? 17 : 46),
        middle - 9,
        at.loss - (narrow ? 2 : 16),
        up + 4,
      ),
      this.flow(
        "score-dloss",
        at.score + (narrow ? 17 : 46),
        middle + 9,
        at.loss - (narrow ? 2 : 16),
        down - 6,
      ),
      this.noise(at.z, up, icon),
      this.cloud(at.fake, up, icon, "point"),
      this.cloud(at.fake, down, icon, "ink"),
      this.network("G", "generator", at.G, up, wide, tall),
      this.network("D", "discriminator", at.D, middle, wide, tall),
      text(at.z, up + icon + 14, "z", "name", "middle"),
      text(at.fake, up + icon + 15, "G(z)", "name", "middle"),
      text(at.fake - icon - 11, down - 7, "x", "name", "end"),
    );
    if (narrow) root.append(this.cloud(at.z, down, icon, "ink"));
    else root.append(text(at.z + 14, down + 4, "data", "note", "end"));
    this.outputs(root, at, up, middle, down, narrow);
    this.room.replaceChildren(root);
    this.fill();
    this.light(this.step);
  }

  flow(part, x1, y1, x2, y2) {
    const turn = Math.atan2(y2 - y1, x2 - x1);
    const angle = (turn * 180) / Math.PI;
    return svg(
      "g",
      { "data-part": part, class: "way" },
      svg("path", {
        class: "flow",
        d: `M${x1} ${y1}L${x2 - 4 * Math.cos(turn)} ${y2 - 4 * Math.sin(turn)}`,
      }),
      svg("path", {
        class: "tip",
        d: "M0 0L-7 -3.6V3.6z",
        transform: `translate(${x2} ${y2}) rotate(${angle})`,
      }),
    );
  }

  /** The noise: a round cloud if it is normal, a square if it is uniform. */
  noise(x, y, r) {
    const uniform = this.frame.settings.noise === "uniform" || Boolean(this.frame.densities);
    const group = svg("g", {});
    group.append(
      uniform
        ? svg("rect", { class: "box", x: x - r, y: y - r, width: 2 * r, height: 2 * r, rx: 3 })
        : svg("circle", { class: "box", cx: x, cy: y, r }),
    );
    for (let i = 0; i < 16; i++) {
      // an even spread without a random number
      const angle = i * 2.39996,
        far = (i + 0.5) / 16;
      const d = uniform
        ? [((i * 0.618 + 0.3) % 1) * 2 - 1, far * 2 - 1].map((v) => v * (r - 4))
        : [Math.cos(angle), Math.sin(angle)].map((v) => v * far * (r - 3));
      group.append(svg("circle", { cx: x + d[0], cy: y + d[1], r: 1.4, fill: "var(--soft)" }));
    }
    return group;
  }

  /** What a batch looks like, very small: filled by `fill`. */
  cloud(x, y, r, color) {
    return svg(
      "g",
      { class: "cloud", "data-color": color, "data-x": x, "data-y": y, "data-r": r },
      svg("rect", { class: "box", x: x - r, y: y - r, width: 2 * r, height: 2 * r, rx: 4 }),
      svg("path", { fill: `var(--${color})` }),
    );
  }

  /** A network: a column for each layer, as high as it is wide; how full tells its gradient. */
  network(name, long, x, y, wide, tall) {
    const layers = this.layersOf(long);
    const color = name === "G" ? "orange" : "blue";
    const group = svg(
      "g",
      {},
      svg("rect", {
        class: "box",
        "data-part": name,
        x: x - wide / 2,
        y: y - tall / 2,
        width: wide,
        height: tall,
        rx: 9,
      }),
    );
    const step = Math.min(19, (wide - (wide > 80 ? 34 : 26)) / Math.max(layers.length - 1, 1));
    const left = x - (step * (layers.length - 1)) / 2 + (wide > 80 ? 10 : 6);
    layers.forEach((units, i) => {
      const high = Math.min(tall - 16, 5 + 5.2 * Math.log2(units + 1));
      group.append(
        svg(
          "rect",
          {
            "data-layer": `${name}${i}`,
            x: left + i * step - 3,
            y: y - high / 2,
            width: 6,
            height: high,
            rx: 3,
            fill: `var(--${color})`,
            "fill-opacity": 0.4,
          },
          svg("title", {}, `${units} ${units === 1 ? "number" : "numbers"}`),
        ),
      );
    });
    group.append(
      text(
        x - wide / 2 + (wide > 80 ? 9 : 5),
        y - tall / 2 + 15,
        name,
        `name ${name.toLowerCase()}`,
        "start",
      ),
    );
    return group;
  }

  outputs(root, at, up, middle, down, narrow) {
    this.said = {
      fake: text(at.score, middle - 5, "", "note", "middle"),
      real: text(at.score, middle + 14, "", "note", "middle"),
    };
    this.lost = {
      G: text(at.loss + 38, up + 6, "", "name", "end"),
      D: text(at.loss + 38, down + 2, "", "name", "end"),
    };
    const names = [
      text(at.loss + 38, up - 10, narrow ? "G loss" : "G’s loss", "note", "end"),
      text(at.loss + 38, down - 14, narrow ? "D loss" : "D’s loss", "note", "end"),
    ];
    root.append(this.said.fake, this.said.real, this.lost.G, this.lost.D, ...names);
    this.narrow = narrow;
  }

  /** The numbers and the clouds of the last frame. */
  fill() {
    const { frame } = this;
    if (!this.said) return;
    const { rows, names } = this.curves?.() ?? { rows: [], names: [] };
    const last = rows.findLast(([round]) => round <= frame.round);
    for (const player of ["G", "D"]) {
      const at = names.indexOf(`${player} loss`);
      this.lost[player].textContent = last && at >= 0 ? number(last[at + 1], 3) : "–";
    }
    const [real, fake] = [this.opinion("real"), this.opinion("fake")];
    const letter = (frame.field ?? frame.curve ?? frame.samples)?.kind === "score" ? "s" : "D";
    this.said.fake.textContent = `${this.narrow ? "" : `${letter}(G(z)) = `}${fixed(fake, 2)}`;
    this.said.real.textContent = `${this.narrow ? "" : `${letter}(x) = `}${fixed(real, 2)}`;
    for (const player of ["G", "D"]) this.tint(player);
    for (const cloud of this.room.querySelectorAll(".cloud")) this.sprinkle(cloud);
  }

  /** The fuller a layer's column, the larger the last gradient of the weights before it. */
  tint(player) {
    const mine = (this.frame.gradients ?? []).filter(
      (one) => one.player === player && one.shape.length > 1,
    );
    mine.forEach(({ gradient }, i) => {
      const part = gradient > 0 ? (Math.log10(gradient) + 5) / 6 : 0; // from 1e-5 to 10
      this.room
        .querySelector(`[data-layer="${player}${i + 1}"]`)
        ?.setAttribute("fill-opacity", (0.15 + 0.85 * Math.min(1, Math.max(0, part))).toFixed(2));
    });
  }

  /** D's answer on average over the samples that are shown. */
  opinion(side) {
    const { samples, field, real, scores } = this.frame;
    if (samples?.pixels) {
      const values = side === "real" ? real?.scores : samples.scores;
      return values ? mean(values) : (scores?.[side]?.mean ?? null);
    }
    if (this.frame.densities && this.frame.curve)
      return this.over(this.frame.densities[side === "real" ? "data" : "generated"]);
    if (!field || !samples) return null;
    const [a, b, c, d] = field.extent;
    const grid = field.values;
    let sum = 0;
    for (let i = 0; i < samples[side].length; i += 2) {
      sum += between(
        grid,
        ((samples[side][i + 1] - c) / (d - c)) * grid.shape[0] - 0.5,
        ((samples[side][i] - a) / (b - a)) * grid.shape[1] - 0.5,
      );
    }
    return sum / (samples[side].length / 2);
  }

  /** D on average over a density on the line. */
  over(density) {
    let [sum, whole] = [0, 0];
    density.forEach((value, i) => {
      sum += value * this.frame.curve.D[i];
      whole += value;
    });
    return sum / whole;
  }

  /** A density of the line as a small hill. */
  hill(cloud, x, y, r) {
    const { data, generated } = this.frame.densities;
    const density = cloud.dataset.color === "ink" ? data : generated;
    const most = Math.max(...density);
    const step = (2 * r - 2) / (density.length - 1);
    let path = `M${x - r + 1} ${y + r - 2}`;
    for (let i = 0; i < density.length; i += 4) {
      const high = (density[i] / most) * (2 * r - 6);
      path += `L${(x - r + 1 + i * step).toFixed(1)} ${(y + r - 2 - high).toFixed(1)}`;
    }
    cloud.lastElementChild.setAttribute("d", `${path}L${x + r - 1} ${y + r - 2}z`);
  }

  /** The first image of a batch. */
  picture(cloud, part, x, y, r) {
    if (!part || cloud.seen === part.pixels) return;
    cloud.seen = part.pixels;
    if (cloud.lastElementChild.tagName !== "image")
      cloud.append(
        svg("image", { x: x - r + 1, y: y - r + 1, width: 2 * r - 2, height: 2 * r - 2 }),
      );
    cloud.lastElementChild.setAttribute("href", firstOf(part.pixels));
  }

  sprinkle(cloud) {
    const [x, y, r] = ["x", "y", "r"].map((name) => Number(cloud.dataset[name]));
    if (this.frame.densities) return this.hill(cloud, x, y, r);
    const part = cloud.dataset.color === "ink" ? this.frame.real : this.frame.samples;
    if (this.frame.samples?.pixels) return this.picture(cloud, part, x, y, r);
    const values =
      cloud.dataset.color === "ink" ? this.frame.samples?.real : this.frame.samples?.fake;
    const [, b] = this.frame.field?.extent ?? [-3, 3];
    let path = "";
    for (let i = 0; i < Math.min(values?.length ?? 0, 160); i += 2) {
      const px = x + (values[i] / b) * r,
        py = y - (values[i + 1] / b) * r;
      if (Math.abs(px - x) < r - 1 && Math.abs(py - y) < r - 1)
        path += `M${px.toFixed(1)} ${py.toFixed(1)}h1.3v1.3h-1.3z`;
    }
    cloud.lastElementChild.setAttribute("d", path);
  }
}

function text(x, y, words, kind, anchor) {
  return svg("text", { x, y, class: kind, "text-anchor": anchor }, words);
}
