// Making elements: a tag, its attributes, what stands in it.

/** element("button", { type: "button", onclick: f }, "Play") */
export function element(tag, attributes = {}, ...inside) {
  return dress(document.createElement(tag), attributes, inside);
}

export function svg(tag, attributes = {}, ...inside) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, inside);
}

function dress(made, attributes, inside) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute(name, value);
  }
  made.append(...inside.flat().filter((part) => part !== null && part !== undefined));
  return made;
}

export const find = (id) => document.getElementById(id);

/** A number as one reads it: 0.0123, 12.3, 1,234, 1.2e-5. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text;
  if (size >= 1000 && size < 1e7) text = Math.round(value).toLocaleString("en");
  else if (size !== 0 && (size < 1e-3 || size >= 1e7))
    text = value.toExponential(Math.max(digits - 2, 0));
  else text = value.toPrecision(digits);
  return text.replace("-", "−");
}

/** With so many digits behind the point, and a minus that is one. */
export const fixed = (value, digits) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−");

export const whole = (value) => Math.round(value).toLocaleString("en");
