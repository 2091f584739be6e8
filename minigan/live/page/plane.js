// The game on a plane: where the data lie, where G draws, what D says of each place.
//
// Data are ink. What G draws is orange, and so is every place that D takes for G's; a place that D
// takes for the data's is blue. Where D cannot tell, the paper shows: a perfect game is blank.

import { between } from "./arrays.js";
import { colors, faint, font } from "./canvas.js";
import { fixed, number } from "./elements.js";
import { contour, paint, rangeOf } from "./field.js";

const TOP = 20,
  BOTTOM = 20,
  GAP = 38;

/** Room for the numbers at the left, and for the scale of colors at the right. */
const sides = (width) => (width < 460 ? [22, 30] : [30, 58]);

export const LAYERS = [
  {
    name: "map",
    kind: "one of",
    choices: [
      ["D", "D"],
      ["best", "D*"],
      ["both", "side by side"],
      ["gap", "D − D*"],
      ["none", "none"],
    ],
    on: "D",
  },
  { name: "real", label: "data", on: true, mark: "ink", help: "data" },
  { name: "fake", label: "generated", on: true, mark: "point", help: "generator" },
  { name: "manifold", label: "G’s grid", on: false, mark: "grid", help: "manifold" },
  { name: "arrows", label: "G’s gradient", on: false, mark: "arrow", help: "arrows" },
];

export function wants(layers) {
  const parts = ["samples"];
  if (["D", "both", "gap"].includes(layers.map)) parts.push("field");
  if (["best", "both", "gap"].includes(layers.map)) parts.push("best");
  if (layers.manifold) parts.push("manifold");
  if (layers.arrows) parts.push("arrows");
  return parts;
}

const extentOf = (frame) =>
  frame.field?.extent ?? frame.best?.extent ?? frame.extent ?? [-3, 3, -3, 3];

/** The squares of the picture: {left, top, size, show: what of, title}. */
function squares(width, height, layers, kind) {
  const [start, end] = sides(width);
  const tall = height - TOP - BOTTOM;
  if (layers.map === "both") {
    const size = Math.min(tall, (width - start - end - GAP) / 2);
    const left = (width - start - end - GAP - 2 * size) / 2 + start;
    const top = TOP + (tall - size) / 2;
    return [
      { left, top, size, show: "D", title: "D, as it is" },
      { left: left + size + GAP, top, size, show: "best", title: "D*, the best for this G" },
    ];
  }
  const size = Math.min(tall, width - start - end);
  const titles = {
    D: kind === "score" ? "s(x), D’s score of each place" : "D(x), what D says of each place",
    best: "D*(x) = p / (p + q), the best D for this G",
    gap: "D − D*, where D is wrong",
    none: "",
  };
  return [
    {
      left: (width - start - end - size) / 2 + start,
      top: TOP,
      size,
      show: layers.map,
      title: titles[layers.map],
    },
  ];
}

/** A grid comes by itself, or with words on it. */
const gridOf = (part) => (ArrayBuffer.isView(part) ? part : part.values);

/** What is to be painted, and the numbers at the ends of its scale. */
function shownField(show, frame) {
  if (show === "D")
    return (
      frame.field && {
        values: frame.field.values,
        range: rangeOf(frame.field),
        kind: frame.field.kind,
      }
    );
  if (show === "best")
    return frame.best && { values: gridOf(frame.best), range: [0, 1], kind: "probability" };
  if (show === "gap" && frame.field && frame.best && frame.field.kind !== "score") {
    const best = gridOf(frame.best);
    const values = frame.field.values.map((value, i) => value - best[i]);
    return {
      values: Object.assign(values, { shape: frame.field.values.shape }),
      range: [-1, 1],
      kind: "gap",
    };
  }
  return null;
}

export function draw(context, width, height, frame, layers, view) {
  const extent = extentOf(frame);
  const panels = squares(width, height, layers, frame.field?.kind);
  for (const panel of panels) {
    const { left, top, size } = panel;
    const x = (value) => left + ((value - extent[0]) / (extent[1] - extent[0])) * size;
    const y = (value) => top + (1 - (value - extent[2]) / (extent[3] - extent[2])) * size;
    context.save();
    context.beginPath();
    context.rect(left, top, size, size);
    context.fillStyle = colors.card;
    context.fill();
    context.clip();
    const field = shownField(panel.show, frame);
    panel.field = field;
    if (field) lay(context, field, panel);
    if (layers.manifold && frame.manifold) manifold(context, frame.manifold, x, y);
    if (layers.real) points(context, frame.samples?.real, x, y, panel, colors.ink, 2.1, 0.62);
    if (layers.fake)
      points(context, view.fake ?? frame.samples?.fake, x, y, panel, colors.point, 2.9, 0.95);
    if (layers.arrows && frame.arrows) arrows(context, frame.arrows, x, y, size);
    context.restore();
    axes(context, extent, panel, x, y);
    if (view.pointer) cross(context, view.pointer, panel, x, y);
  }
  legend(context, panels[panels.length - 1], width);
  view.panels = panels;
  view.extent = extent;
}

function lay(context, { values, range, kind }, { left, top, size }) {
  paint(context, values, range, left, top, size);
  const middle = (range[0] + range[1]) / 2;
  const levels =
    kind === "gap"
      ? [-0.5, 0.5]
      : [0.25, 0.75].map((part) => range[0] + part * (range[1] - range[0]));
  context.lineWidth = 0.7;
  context.strokeStyle = faint(colors.ink, 0.28);
  context.beginPath();
  for (const level of levels) contour(context, values, level, left, top, size);
  context.stroke();
  if (kind === "gap") return;
  context.lineWidth = 1.4; // here D cannot tell
  context.strokeStyle = faint(colors.ink, 0.6);
  context.beginPath();
  contour(context, values, middle, left, top, size);
  context.stroke();
}

function points(context, values, x, y, { left, top, size }, color, radius, alpha) {
  if (!values) return;
  const scale = Math.min(1.35, Math.max(0.75, size / 460));
  const r = radius * scale;
  const fill = faint(color, alpha),
    rim = faint(colors.card, 0.7);
  context.lineWidth = 0.8;
  for (let i = 0; i < values.length; i += 2) {
    const [px, py] = [x(values[i]), y(values[i + 1])];
    const [cx, cy] = [
      Math.min(Math.max(px, left + 4), left + size - 4),
      Math.min(Math.max(py, top + 4), top + size - 4),
    ];
    const inside = px === cx && py === cy; // beyond the frame: a ring at its edge
    context.beginPath();
    context.arc(cx, cy, r, 0, 2 * Math.PI);
    if (inside) {
      context.fillStyle = fill;
      context.fill();
    }
    context.strokeStyle = inside ? rim : color;
    if (!inside || radius > 2.5) context.stroke();
  }
}

/** The images under G of cells of z that are equally probable: small ones are dense ones. */
function manifold(context, values, x, y) {
  const line = values.shape.length === 2;
  const rows = line ? 1 : values.shape[0];
  const columns = line ? values.shape[0] : values.shape[1];
  const px = (row, column) => x(values[2 * (row * columns + column)]);
  const py = (row, column) => y(values[2 * (row * columns + column) + 1]);
  if (line) return curve(context, columns, px, py);
  for (let r = 0; r < rows - 1; r++) {
    for (let c = 0; c < columns - 1; c++) {
      const corners = [
        [r, c],
        [r, c + 1],
        [r + 1, c + 1],
        [r + 1, c],
      ].map(([i, j]) => [px(i, j), py(i, j)]);
      const area = Math.abs(crossed(corners)) / 2;
      const alpha = Math.min(0.62, (26 / (area + 26)) * 0.72 + 0.04);
      context.beginPath();
      corners.forEach((corner, i) => (i ? context.lineTo(...corner) : context.moveTo(...corner)));
      context.closePath();
      context.fillStyle = faint(colors.point, alpha);
      context.fill();
    }
  }
  context.beginPath();
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++)
      c ? context.lineTo(px(r, c), py(r, c)) : context.moveTo(px(r, c), py(r, c));
  for (let c = 0; c < columns; c++)
    for (let r = 0; r < rows; r++)
      r ? context.lineTo(px(r, c), py(r, c)) : context.moveTo(px(r, c), py(r, c));
  context.strokeStyle = faint(colors.orange, 0.55);
  context.lineWidth = 0.6;
  context.stroke();
}

function curve(context, count, px, py) {
  context.strokeStyle = colors.orange;
  context.lineCap = "round";
  for (let i = 0; i < count - 1; i++) {
    const length = Math.hypot(px(0, i + 1) - px(0, i), py(0, i + 1) - py(0, i));
    context.lineWidth = Math.min(7, 1 + 14 / (length + 2)); // short pieces are dense ones
    context.globalAlpha = Math.min(0.85, 0.25 + 3 / (length + 3));
    context.beginPath();
    context.moveTo(px(0, i), py(0, i));
    context.lineTo(px(0, i + 1), py(0, i + 1));
    context.stroke();
  }
  context.globalAlpha = 1;
}

const crossed = ([a, b, c, d]) => (c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0]);

/** How long the longest gradient of a sample is; arrows are drawn in proportion to it. */
export function longest({ by }) {
  let most = 0;
  for (let i = 0; i < by.length; i += 2) most = Math.max(most, Math.hypot(by[i], by[i + 1]));
  return most;
}

function arrows(context, { at, by }, x, y, size) {
  const most = longest({ by });
  if (!(most > 0)) return;
  const scale = (0.13 * size) / most;
  const path = new Path2D(),
    tips = new Path2D();
  for (let i = 0; i < at.length; i += 2) {
    const [dx, dy] = [by[i] * scale, -by[i + 1] * scale];
    const length = Math.hypot(dx, dy);
    if (length < 1.5) continue;
    const [fromX, fromY] = [x(at[i]), y(at[i + 1])];
    const [toX, toY] = [fromX + dx, fromY + dy];
    const [ux, uy] = [dx / length, dy / length];
    const head = Math.min(7, 2.5 + length / 4);
    path.moveTo(fromX, fromY);
    path.lineTo(toX - ux * head * 0.6, toY - uy * head * 0.6);
    tips.moveTo(toX, toY);
    tips.lineTo(toX - ux * head - uy * head * 0.42, toY - uy * head + ux * head * 0.42);
    tips.lineTo(toX - ux * head + uy * head * 0.42, toY - uy * head - ux * head * 0.42);
    tips.closePath();
  }
  context.lineWidth = 3;
  context.strokeStyle = faint(colors.card, 0.75);
  context.stroke(path);
  context.lineWidth = 1.5;
  context.strokeStyle = context.fillStyle = colors.purple;
  context.stroke(path);
  context.fill(tips);
}

function axes(context, extent, { left, top, size, title }, x, y) {
  context.strokeStyle = colors.rule;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, size + 1, size + 1);
  context.fillStyle = colors.soft;
  context.font = font(11.5);
  const step = size < 240 || extent[1] > 4.5 ? 2 : 1;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (let tick = Math.ceil(extent[0] / step) * step; tick <= extent[1]; tick += step) {
    context.fillText(number0(tick), x(tick), top + size + 5);
  }
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let tick = Math.ceil(extent[2] / step) * step; tick <= extent[3]; tick += step) {
    context.fillText(number0(tick), left - 6, y(tick));
  }
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.font = font(13);
  context.fillStyle = colors.soft;
  if (context.measureText(title).width <= size) context.fillText(title, left, top - 6);
  else context.fillText(title.split(",")[0], left, top - 6);
}

const number0 = (tick) => String(tick).replace("-", "−");

function legend(context, { left, top, size, field }, width) {
  if (!field) return;
  const [x, tall] = [left + size + (sides(width)[1] < 40 ? 6 : 12), Math.min(150, size * 0.45)];
  const table = colors.field;
  for (let i = 0; i < tall; i++) {
    const from = 3 * Math.round((1 - i / tall) * 255);
    context.fillStyle = `rgb(${table[from]} ${table[from + 1]} ${table[from + 2]})`;
    context.fillRect(x, top + i, 10, 1.2);
  }
  context.strokeStyle = colors.edge;
  context.lineWidth = 0.75;
  context.strokeRect(x, top, 10, tall);
  context.fillStyle = colors.soft;
  context.font = font(11.5);
  context.textAlign = "left";
  context.textBaseline = "middle";
  const [low, high] = field.range;
  const middle = (low + high) / 2;
  const show = (value) => (field.kind === "score" ? number(value, 2) : number0(value));
  [
    [0, show(high)],
    [tall / 2, field.kind === "probability" ? "½" : show(middle)],
    [tall, show(low)],
  ].forEach(([at, text]) => {
    context.fillText(text, x + 14, top + Math.min(Math.max(at, 5), tall - 4));
  });
  if (sides(width)[1] < 40) return; // no room for words
  context.textBaseline = "top";
  const words = field.kind === "gap" ? ["too", "real"] : ["data"];
  words.forEach((word, i) => context.fillText(word, x + 14, top + 13 + 13 * i));
  context.textBaseline = "bottom";
  const last = field.kind === "gap" ? ["fake", "too"] : ["fake"];
  last.forEach((word, i) => context.fillText(word, x + 14, top + tall - 11 - 13 * i));
}

function cross(context, [px, py], { left, top, size }, x, y) {
  context.strokeStyle = faint(colors.ink, 0.7);
  context.lineWidth = 1;
  context.beginPath();
  context.arc(x(px), y(py), 7, 0, 2 * Math.PI);
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    context.moveTo(x(px) + 4 * dx, y(py) + 4 * dy);
    context.lineTo(x(px) + 12 * dx, y(py) + 12 * dy);
  }
  context.save();
  context.clip(rectangle(left, top, size));
  context.stroke();
  context.restore();
}

function rectangle(left, top, size) {
  const path = new Path2D();
  path.rect(left, top, size, size);
  return path;
}

/** The place of the plane under a point of the canvas, or null. */
export function place(view, px, py) {
  for (const { left, top, size } of view.panels ?? []) {
    if (px < left || px > left + size || py < top || py > top + size) continue;
    const [a, b, c, d] = view.extent;
    return [a + ((px - left) / size) * (b - a), c + (1 - (py - top) / size) * (d - c)];
  }
  return null;
}

/** One line on the place under the pointer, or on the picture. */
export function readout(frame, layers, view) {
  const { samples } = frame;
  if (!view.pointer) {
    const words = [
      `${samples?.real.length / 2 || 0} data points, ${samples?.fake.length / 2 || 0} generated`,
    ];
    const beyond = outside(samples?.fake, extentOf(frame));
    if (beyond) words.push(`${beyond} of them outside of the frame`);
    if (layers.arrows && frame.arrows)
      words.push(`longest arrow: ${number(longest(frame.arrows))} a unit`);
    return words.join(" · ");
  }
  const [px, py] = view.pointer;
  const words = [`x = (${fixed(px, 2)}, ${fixed(py, 2)})`];
  const [a, b, c, d] = extentOf(frame);
  const value = (grid) =>
    between(
      grid,
      ((py - c) / (d - c)) * grid.shape[0] - 0.5,
      ((px - a) / (b - a)) * grid.shape[1] - 0.5,
    );
  if (frame.field)
    words.push(
      `${frame.field.kind === "score" ? "score s" : "D"} = ${fixed(value(frame.field.values), 2)}`,
    );
  if (frame.best) words.push(`D* = ${fixed(value(gridOf(frame.best)), 2)}`);
  return words.join(" · ");
}

function outside(values, [a, b, c, d]) {
  let count = 0;
  for (let i = 0; i < (values?.length ?? 0); i += 2) {
    if (values[i] < a || values[i] > b || values[i + 1] < c || values[i + 1] > d) count++;
  }
  return count;
}

/** The picture in words: rows of a table. */
export function words(frame) {
  const rows = [];
  for (const [name, values] of [
    ["data", frame.samples?.real],
    ["generated", frame.samples?.fake],
  ]) {
    if (!values) continue;
    const [middle, spread] = moments(values);
    rows.push([
      `${name}: ${values.length / 2} points around`,
      `(${fixed(middle[0], 2)}, ${fixed(middle[1], 2)})`,
    ]);
    rows.push([
      `${name}: standard deviations`,
      `${fixed(spread[0], 2)} across, ${fixed(spread[1], 2)} up`,
    ]);
  }
  if (frame.field?.kind === "probability" && frame.samples) {
    const [a, b, c, d] = frame.field.extent;
    const grid = frame.field.values;
    for (const [name, values] of [
      ["data", frame.samples.real],
      ["generated", frame.samples.fake],
    ]) {
      let sum = 0;
      for (let i = 0; i < values.length; i += 2)
        sum += between(
          grid,
          ((values[i + 1] - c) / (d - c)) * grid.shape[0] - 0.5,
          ((values[i] - a) / (b - a)) * grid.shape[1] - 0.5,
        );
      rows.push([
        `D on average over the ${name === "data" ? "data" : "generated points"}`,
        fixed(sum / (values.length / 2), 2),
      ]);
    }
  }
  return rows;
}

function moments(values) {
  const count = values.length / 2;
  const middle = [0, 0],
    squares = [0, 0];
  for (let i = 0; i < values.length; i++) middle[i % 2] += values[i] / count;
  for (let i = 0; i < values.length; i++)
    squares[i % 2] += (values[i] - middle[i % 2]) ** 2 / count;
  return [middle, squares.map(Math.sqrt)];
}
