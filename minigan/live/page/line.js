// The game on a line, as in figure 1 of the 2014 paper: both densities, D beside D*, and the map
// from z to x below them. Where the lines of the map crowd, the density is high.

import { colors, faint, font } from "./canvas.js";
import { fixed, number } from "./elements.js";
import { rangeOf } from "./field.js";

const LEFT = 34,
  RIGHT = 34,
  TOP = 22,
  BOTTOM = 18;

export const LAYERS = [
  { name: "real", label: "data p", on: true, mark: "dotted", help: "data" },
  { name: "fake", label: "generated q", on: true, mark: "hill", help: "generator" },
  { name: "D", label: "D", on: true, mark: "blue", help: "discriminator" },
  { name: "best", label: "D*", on: true, mark: "dashed", help: "best" },
  { name: "map", label: "z → x", on: true, mark: "grid", help: "map" },
];

export function wants(layers) {
  const parts = ["densities"];
  if (layers.D || layers.best) parts.push("curve");
  if (layers.map) parts.push("map");
  return parts;
}

function frameOf(frame, width, height, layers) {
  const { x } = frame.densities;
  const bottom = layers.map ? TOP + (height - TOP - BOTTOM) * 0.68 : height - BOTTOM;
  const [low, high] = span(frame.densities);
  return {
    low,
    high,
    bottom,
    top: TOP,
    left: LEFT,
    right: width - RIGHT,
    floor: height - BOTTOM,
    x,
    across: (value) => LEFT + ((value - low) / (high - low)) * (width - LEFT - RIGHT),
  };
}

/** What of the line is shown: where data are, and half as much again. */
function span({ x, data }) {
  let [first, last] = [0, x.length - 1];
  let most = 0;
  for (const value of data) most = Math.max(most, value);
  while (first < last && data[first] < most * 1e-3) first++;
  while (last > first && data[last] < most * 1e-3) last--;
  const more = (x[last] - x[first]) * 0.2;
  return [Math.max(x[first] - more, x[0]), Math.min(x[last] + more, x[x.length - 1])];
}

export function draw(context, width, height, frame, layers, view) {
  if (!frame.densities) return;
  const place = frameOf(frame, width, height, layers);
  const { densities, curve } = frame;
  let most = 0;
  for (const value of densities.data) most = Math.max(most, value);
  const up = (value) =>
    place.bottom - Math.min(value / (most * 1.6), 1.02) * (place.bottom - place.top);
  const [least, largest] =
    curve?.kind === "score" ? rangeOf({ values: curve.D, kind: "score" }) : [0, 1];
  const share = (value) =>
    place.bottom - ((value - least) / (largest - least)) * (place.bottom - place.top);
  grid(
    context,
    place,
    share,
    most,
    curve?.kind === "score"
      ? [least, (least + largest) / 2, largest].map((value) => [value, number(value, 2)])
      : [
          [0, "0"],
          [0.5, "½"],
          [1, "1"],
        ],
  );
  context.save();
  context.beginPath();
  context.rect(place.left, place.top - 6, place.right - place.left, place.bottom - place.top + 7);
  context.clip();
  if (layers.fake)
    trace(context, place, densities.x, densities.generated, up, colors.orange, 2, [], 0.2);
  if (layers.real)
    trace(context, place, densities.x, densities.data, up, colors.ink, 2, [2, 3], 0.07);
  if (curve?.best && layers.best)
    trace(context, place, densities.x, curve.best, share, colors.blue, 1.6, [6, 4]);
  if (curve && layers.D) trace(context, place, densities.x, curve.D, share, colors.blue, 2.6);
  context.restore();
  if (layers.map && frame.map) map(context, place, frame.map);
  if (view.pointer) {
    const x = place.across(view.pointer[0]);
    context.strokeStyle = faint(colors.ink, 0.5);
    context.lineWidth = 1;
    context.strokeRect(x, place.top, 0, place.bottom - place.top);
  }
  view.line = place;
}

function trace(context, { across, bottom }, x, values, up, color, width, dash = [], fill = 0) {
  context.beginPath();
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(values[i])) continue;
    if (i && Number.isNaN(values[i - 1])) context.moveTo(across(x[i]), up(values[i]));
    else context.lineTo(across(x[i]), up(values[i]));
  }
  context.setLineDash(dash);
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.stroke();
  context.setLineDash([]);
  if (!fill) return;
  context.lineTo(across(x[x.length - 1]), bottom);
  context.lineTo(across(x[0]), bottom);
  context.fillStyle = faint(color, fill);
  context.fill();
}

function grid(context, place, share, most, ticks) {
  context.font = font(11.5);
  context.fillStyle = colors.soft;
  context.strokeStyle = colors.rule;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  for (const [i, [value, text]] of ticks.entries()) {
    const y = Math.round(share(value)) + 0.5;
    context.beginPath();
    context.moveTo(place.left, y);
    context.lineTo(place.right, y);
    context.stroke();
    context.textAlign = "left";
    context.fillStyle = colors.blue;
    context.fillText(text, place.right + 6, y);
    context.fillStyle = colors.soft;
    context.textAlign = "right";
    context.fillText(fixed((i / 2) * most * 1.6, 2), place.left - 6, y);
  }
  context.textAlign = "left";
  context.fillText("density", place.left, place.top - 12);
  context.textAlign = "right";
  context.fillStyle = colors.blue;
  context.fillText(ticks[1][1] === "½" ? "D(x)" : "s(x)", place.right, place.top - 12);
  context.fillStyle = colors.soft;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (let tick = Math.ceil(place.low); tick <= place.high; tick++) {
    context.fillText(String(tick).replace("-", "−"), place.across(tick), place.bottom + 4);
  }
}

/** z, spread evenly below, and lines to its x above. */
function map(context, place, { z, x }) {
  const top = place.bottom + 20;
  const low = Math.min(...z),
    high = Math.max(...z);
  const from = (value) =>
    place.left + (0.14 + (0.72 * (value - low)) / (high - low)) * (place.right - place.left);
  context.save();
  context.beginPath();
  context.rect(place.left, top, place.right - place.left, place.floor - top + 1);
  context.clip();
  context.strokeStyle = faint(colors.orange, 0.75);
  context.lineWidth = 1.1;
  context.beginPath();
  for (let i = 0; i < z.length; i++) {
    context.moveTo(from(z[i]), place.floor - 2);
    context.lineTo(place.across(x[i]), top);
  }
  context.stroke();
  context.restore();
  context.strokeStyle = colors.edge;
  context.beginPath();
  context.moveTo(place.left, top);
  context.lineTo(place.right, top);
  context.moveTo(from(low), place.floor - 1);
  context.lineTo(from(high), place.floor - 1);
  context.stroke();
  context.font = "italic 14px Georgia, 'Liberation Serif', serif";
  context.fillStyle = colors.soft;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillText("x", place.left - 8, top);
  context.fillText("z", place.left - 8, place.floor - 3);
}

export function place({ line }, px, py) {
  if (!line || px < line.left || px > line.right || py > line.bottom + 20) return null;
  return [line.low + ((px - line.left) / (line.right - line.left)) * (line.high - line.low), 0];
}

export function readout(frame, layers, view) {
  const { densities, curve } = frame;
  if (!densities) return "";
  if (!view.pointer) return "p: the density of the data; q: the generator’s";
  const at = nearest(densities.x, view.pointer[0]);
  const words = [
    `x = ${fixed(view.pointer[0], 2)}`,
    `p = ${fixed(densities.data[at], 3)}`,
    `q = ${fixed(densities.generated[at], 3)}`,
  ];
  if (curve) words.push(`${curve.kind === "score" ? "score s" : "D"} = ${fixed(curve.D[at], 2)}`);
  if (curve?.best) words.push(`D* = ${fixed(curve.best[at], 2)}`);
  return words.join(" · ");
}

function nearest(x, value) {
  const part = (value - x[0]) / (x[x.length - 1] - x[0]);
  return Math.min(Math.max(Math.round(part * (x.length - 1)), 0), x.length - 1);
}

export function words(frame) {
  const { densities, curve } = frame;
  if (!densities) return [];
  const rows = [
    ["the data are densest at x", peak(densities.x, densities.data)],
    ["the generator draws most at x", peak(densities.x, densities.generated)],
  ];
  if (curve?.best) {
    let most = 0;
    for (let i = 0; i < curve.D.length; i++)
      if (densities.data[i] + densities.generated[i] > 0.02)
        most = Math.max(most, Math.abs(curve.D[i] - curve.best[i]));
    rows.push(["D is off D* by at most (where p + q > 0.02)", fixed(most, 2)]);
  }
  return rows;
}

const peak = (x, values) => fixed(x[values.indexOf(Math.max(...values))], 2);
