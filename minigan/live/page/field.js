// A map of the plane: numbers on a grid as colors, and the lines along which they are equal.

import { between, quantile } from "./arrays.js";
import { colors, rgb } from "./canvas.js";

const FINE = 192; // how many colors across: more than the grid has, and smooth

const image = document.createElement("canvas");
image.width = image.height = FINE;

/** What the ends of the color scale stand for: probabilities as they are, scores by their range. */
export function rangeOf({ values, kind }) {
  if (kind !== "score") return [0, 1];
  const [low, high] = [quantile(values, 0.04), quantile(values, 0.96)];
  return high - low > 1e-6 ? [low, high] : [low - 0.5, low + 0.5];
}

/** Paint values (rows, columns), the first row at the bottom, into a square of the context.

    Each number stands for the middle of its cell; where one is NaN, the square is gray. */
export function paint(context, values, [low, high], left, top, size) {
  const [rows, columns] = values.shape;
  const painter = image.getContext("2d");
  const pixels = painter.createImageData(FINE, FINE);
  const table = colors.field;
  const unknown = rgb(colors.sunk); // here hardly a sample falls
  let at = 0;
  for (let y = 0; y < FINE; y++) {
    const row = ((FINE - y - 0.5) / FINE) * rows - 0.5;
    for (let x = 0; x < FINE; x++) {
      const column = ((x + 0.5) / FINE) * columns - 0.5;
      const part = (between(values, row, column) - low) / (high - low);
      const known = Number.isFinite(part);
      const from = 3 * Math.min(255, Math.max(0, Math.round(part * 255)));
      pixels.data[at++] = known ? table[from] : unknown[0];
      pixels.data[at++] = known ? table[from + 1] : unknown[1];
      pixels.data[at++] = known ? table[from + 2] : unknown[2];
      pixels.data[at++] = 255;
    }
  }
  painter.putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left, top, size, size);
}

/** Add to the context's path where the values are equal to the level (marching squares). */
export function contour(context, values, level, left, top, size) {
  const [rows, columns] = values.shape;
  const place = (row, column) => [
    left + ((column + 0.5) / columns) * size,
    top + (1 - (row + 0.5) / rows) * size,
  ];
  const crossing = (a, b) => (level - a) / (b - a);
  // Beyond its last middles the grid goes on as it is there.
  const value = (row, column) =>
    values[
      Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1)
    ];
  for (let r = -1; r < rows; r++) {
    for (let c = -1; c < columns; c++) {
      const [a, b] = [value(r, c), value(r, c + 1)]; // below: left, right
      const [d, e] = [value(r + 1, c), value(r + 1, c + 1)]; // above
      if (Number.isNaN(a + b + d + e)) continue;
      const ends = [];
      if (a < level !== b < level) ends.push(place(r, c + crossing(a, b)));
      if (b < level !== e < level) ends.push(place(r + crossing(b, e), c + 1));
      if (d < level !== e < level) ends.push(place(r + 1, c + crossing(d, e)));
      if (a < level !== d < level) ends.push(place(r + crossing(a, d), c));
      for (let i = 0; i + 1 < ends.length; i += 2) {
        context.moveTo(...ends[i]);
        context.lineTo(...ends[i + 1]);
      }
    }
  }
}
