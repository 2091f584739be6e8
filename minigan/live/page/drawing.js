// Data of one's own: a small plane to draw points on, with a pointer or with the keys.

import { colors, faint, sharp } from "./canvas.js";
import { element } from "./elements.js";

const around = (count, place) => Array.from({ length: count }, (_, i) => place(i / count, i));

/** Shapes to begin with, which need no pointer. */
const PRESETS = {
  "two moons": around(60, (part, i) => {
    const angle = Math.PI * ((i % 30) / 29);
    return i < 30
      ? [1.4 * Math.cos(angle) - 0.6, 1.4 * Math.sin(angle) - 0.2]
      : [0.6 - 1.4 * Math.cos(angle), 0.2 - 1.4 * Math.sin(angle)];
  }),
  spiral: around(80, (part) => [
    2.1 * part * Math.cos(11 * part),
    2.1 * part * Math.sin(11 * part),
  ]),
  cross: around(60, (part, i) => (i % 2 ? [4 * part - 2, 0] : [0, 4 * part - 2])),
  heart: around(80, (part) => {
    const t = 2 * Math.PI * part;
    return [
      1.75 * Math.sin(t) ** 3,
      0.11 * (13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t)) +
        0.25,
    ];
  }),
};

/** The drawing board of a setting of kind "points"; `apply(points)` is called by its button. */
export function board({ most = 200, high = 2.5 }, points, apply) {
  let drawn = points.map((point) => [...point]);
  let cursor = null;
  const canvas = element("canvas", {
    tabindex: 0,
    role: "application",
    "aria-label":
      "Drawing board: the arrow keys move, Space sets a point, Backspace takes the last one back",
  });
  const said = element("p", { class: "small", role: "status" });
  const show = () => {
    canvas.redraw();
    said.textContent = `${drawn.length} of at most ${most} points`;
  };
  const add = (x, y) => {
    const last = drawn[drawn.length - 1];
    if (drawn.length >= most || (last && Math.hypot(last[0] - x, last[1] - y) < 0.07)) return;
    drawn.push(
      [x, y].map((value) => Math.round(100 * Math.min(high, Math.max(-high, value))) / 100),
    );
    show();
  };
  const at = ({ offsetX, offsetY }) =>
    add(
      (offsetX / canvas.clientWidth) * 2 * high - high,
      high - (offsetY / canvas.clientHeight) * 2 * high,
    );
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    at(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && at(event));
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
      event.key
    ];
    if (way)
      cursor = [0, 1].map((i) =>
        Math.min(high, Math.max(-high, (cursor?.[i] ?? 0) + way[i] * 0.1)),
      );
    else if (event.key === " " || event.key === "Enter") add(...(cursor ??= [0, 0]));
    else if (event.key === "Backspace") drawn.pop();
    else return;
    event.preventDefault();
    event.stopPropagation();
    show();
  });
  sharp(canvas, (context, width) => {
    const place = (value) => ((value + high) / (2 * high)) * width;
    context.strokeStyle = colors.rule;
    context.strokeRect(width / 2, 0, 0, width);
    context.strokeRect(0, width / 2, width, 0);
    context.fillStyle = faint(colors.ink, 0.75);
    for (const [x, y] of drawn) {
      context.beginPath();
      context.arc(place(x), width - place(y), 3.2, 0, 2 * Math.PI);
      context.fill();
    }
    if (!cursor) return;
    context.strokeStyle = colors.purple;
    context.lineWidth = 1.5;
    context.strokeRect(place(cursor[0]) - 6, width - place(cursor[1]) - 6, 12, 12);
  });
  const press = (text, then) =>
    element(
      "button",
      {
        type: "button",
        onclick: () => {
          then();
          show();
        },
      },
      text,
    );
  const presets = Object.entries(PRESETS).map(([name, shape]) =>
    press(name, () => {
      drawn = shape.map(([x, y]) => [Math.round(100 * x) / 100, Math.round(100 * y) / 100]);
    }),
  );
  const go = element(
    "button",
    { type: "button", onclick: () => drawn.length && apply(drawn) },
    "Apply",
  );
  show();
  return element(
    "div",
    { class: "drawing wide" },
    canvas,
    element(
      "div",
      { class: "row" },
      presets,
      press("clear", () => {
        drawn = [];
      }),
      go,
    ),
    said,
  );
}
