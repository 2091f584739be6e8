// A canvas that is as sharp as the screen, and the page's colors for it.

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) target.redraw?.();
});

/** Draw on a canvas now, whenever it changes its size, and whenever `canvas.redraw()` is called.

    `draw(context, width, height)` gets CSS pixels; the canvas has as many as the screen. */
export function sharp(canvas, draw) {
  let asked = 0;
  const now = () => {
    asked = 0;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return; // not on the screen
    const ratio = Math.min(devicePixelRatio || 1, 3);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  canvas.redraw = () => {
    asked ||= requestAnimationFrame(now);
  };
  canvas.redrawNow = () => {
    cancelAnimationFrame(asked);
    now();
  };
  sizes.observe(canvas);
  return canvas;
}

const NAMES = [
  "paper",
  "card",
  "sunk",
  "rule",
  "edge",
  "ink",
  "soft",
  "blue",
  "orange",
  "green",
  "purple",
  "point",
  "sky",
  "sand",
];

/** The colors of style.css, as they are now: light or dark. */
export const colors = {};
let letters = "";

function read() {
  const style = getComputedStyle(document.documentElement);
  for (const name of NAMES) colors[name] = style.getPropertyValue(`--${name}`).trim();
  colors.field = scale();
  letters = style.getPropertyValue("--sans");
}

/** From 0 (sand, "generated") over ½ (paper, "cannot tell") to 1 (sky, "data"): 256 × (r, g, b). */
function scale() {
  const [low, middle, high] = ["sand", "card", "sky"].map((name) => rgb(colors[name]));
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const way = i / 127.5 - 1; // -1 … 1
    const end = way < 0 ? low : high;
    const part = Math.abs(way) ** 0.9 * 0.78;
    for (let c = 0; c < 3; c++) table[3 * i + c] = middle[c] + (end[c] - middle[c]) * part;
  }
  return table;
}

export function rgb(hex) {
  const number = parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** The same color, more or less transparent. */
export function faint(hex, alpha) {
  return `rgb(${rgb(hex).join(" ")} / ${alpha})`;
}

/** The page's letters, so many pixels high. */
export const font = (size) => `${size}px ${letters}`;

read();
const changed = () => {
  read();
  for (const canvas of document.querySelectorAll("canvas")) canvas.redraw?.();
};
addEventListener("minigan-theme", changed);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

/** Whether things may move by themselves. */
export const calm = matchMedia("(prefers-reduced-motion: reduce)");
