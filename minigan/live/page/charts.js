// Curves over the rounds: the losses, how far the densities are apart, what D says; and V beside
// the bound that the theory gives it. A click on a curve goes back to its round.

import { colors, faint, font, sharp } from "./canvas.js";
import { element, find, fixed, number, svg, whole } from "./elements.js";
import { known, term } from "./explain.js";

const LOOKS = {
  "D loss": ["blue", []],
  "G loss": ["orange", []],
  "D(x)": ["ink", []],
  "D(G(z))": ["orange", [5, 3]],
  KL: ["purple", [6, 3]],
  JS: ["green", []],
  floor: ["soft", [2, 3]],
  distance: ["green", []],
  penalty: ["purple", [6, 3]],
};
const SPARE = [
  ["green", []],
  ["purple", []],
  ["soft", [5, 3]],
];
const LOG2 = Math.log(2),
  LOG4 = Math.log(4);

/** Where the losses of an objective rest when D cannot tell: [curve, value, how it is written]. */
const RESTS = {
  "non-saturating": [
    ["D loss", LOG4, "log 4"],
    ["G loss", LOG2, "log 2"],
  ],
  saturating: [
    ["D loss", LOG4, "log 4"],
    ["G loss", -LOG2, "−log 2"],
  ],
  "least squares": [
    ["D loss", 1 / 4, "1/4"],
    ["G loss", 1 / 8, "1/8"],
  ],
};

export class Charts {
  constructor(game) {
    this.game = game;
    this.hover = null;
    const room = find("curves");
    this.losses = this.card(
      "losses",
      "Losses",
      (name) => !["KL", "JS"].includes(name) && !name.startsWith("D("),
    );
    this.apart = this.card("JS", "How far apart", (name) => ["KL", "JS"].includes(name), "nats");
    this.opinion = this.card("opinion", "What D says", (name) => name.startsWith("D("));
    this.answers = this.answersCard();
    this.value = this.valueCard();
    this.opinion.card.hidden = this.answers.card.hidden = true; // until a game has them
    room.append(this.losses.card, this.apart.card, this.opinion.card);
  }

  card(help, title, mine, unit = "") {
    const legend = element("div", { class: "legend" });
    const canvas = element("canvas", { class: "chart", role: "img", "aria-label": title });
    const card = element(
      "section",
      { class: "card" },
      element(
        "header",
        {},
        element(
          "h2",
          {},
          term(help, title),
          unit && element("span", { class: "small" }, ` in `, term("nats", unit)),
        ),
        legend,
      ),
      canvas,
    );
    const chart = { card, legend, canvas, mine, title };
    sharp(canvas, (context, width, height) => this.draw(chart, context, width, height));
    canvas.addEventListener("pointermove", ({ offsetX }) => this.point(chart, offsetX));
    canvas.addEventListener("pointerleave", () => this.point(chart, null));
    canvas.addEventListener("click", ({ offsetX }) => this.go(chart, offsetX));
    return chart;
  }

  show(frame) {
    this.frame = frame;
    const kind = this.game.kind;
    this.apart.card.hidden = this.value.card.hidden = kind === "images";
    this.opinion.card.hidden = !this.series(this.opinion).length;
    for (const chart of [this.losses, this.apart, this.opinion]) {
      this.say(chart);
      chart.canvas.redraw();
    }
    this.showValue(frame.divergences);
    this.answers.card.hidden = !frame.scores;
    if (frame.scores) this.answers.canvas.redraw();
  }

  /** The curves of a chart: [{name, column, color, dash}]. */
  series({ mine }) {
    let spare = 0;
    return this.game.curves.names
      .map((name, i) => ({ name, column: i + 1 }))
      .filter(({ name }) => mine(name))
      .map((one) => {
        const [color, dash] = LOOKS[one.name] ?? SPARE[spare++ % SPARE.length];
        return { ...one, color, dash };
      });
  }

  rests({ mine }) {
    if (mine("D loss")) return RESTS[this.frame?.settings.objective] ?? [];
    if (!mine("JS")) return [["", 0.5, "½"]];
    const floor = this.frame?.divergences?.js_floor;
    return [["JS", LOG2, "log 2"], ...(floor ? [["floor", floor, "floor"]] : [])];
  }

  /** The legend has the value where the pointer is, or the last one. */
  say(chart) {
    const row = this.rowAt(chart);
    const series = this.series(chart);
    if (
      chart.legend.children.length !== series.length ||
      chart.named !== String(series.map(({ name }) => name))
    ) {
      chart.named = String(series.map(({ name }) => name));
      chart.legend.replaceChildren(
        ...series.map(({ name, color, dash }) =>
          element(
            "span",
            {},
            sign(color, dash),
            known(name) ? term(name, name) : name,
            " ",
            element("b", {}),
          ),
        ),
      );
    }
    series.forEach(({ column, name }, i) => {
      const value = row?.[column] ?? this.measured(name) ?? this.lastOf(column);
      chart.legend.children[i].lastChild.textContent = number(value, 3);
      chart.said = { ...chart.said, [name]: value };
    });
    const words = series.map(({ name }) => `${name} ${number(chart.said?.[name], 3)}`).join(", ");
    chart.canvas.setAttribute("aria-label", `${chart.title}: ${words || "nothing yet"}`);
  }

  /** KL and JS of this very round, where they are measured more often than the curve has them. */
  measured(name) {
    const found = this.frame.divergences;
    return found?.round === this.frame.round ? found[name.toLowerCase()] : undefined;
  }

  lastOf(column) {
    return this.game.curves.rows.findLast(
      (row) => row[0] <= this.frame.round && row[column] !== null && row[column] !== undefined,
    )?.[column];
  }

  rowAt(chart) {
    if (chart.at === undefined || chart.at === null) return null;
    const { rows } = this.game.curves;
    let best = null;
    for (const row of rows)
      if (best === null || Math.abs(row[0] - chart.at) < Math.abs(best[0] - chart.at)) best = row;
    return best;
  }

  span() {
    const { rows } = this.game.curves;
    return [0, Math.max(20, rows[rows.length - 1]?.[0] ?? 0, this.frame?.newest ?? 0)];
  }

  point(chart, offsetX) {
    const [first, last] = this.span();
    const { left, right } = margins(chart.canvas.clientWidth);
    chart.at =
      offsetX === null
        ? null
        : first + Math.min(1, Math.max(0, (offsetX - left) / (right - left))) * (last - first);
    this.say(chart);
    chart.canvas.redraw();
  }

  go(chart, offsetX) {
    this.point(chart, offsetX);
    if (this.game.hello.where === "watch") return; // nothing is played there
    const round = Math.min(Math.round(chart.at), this.frame.newest);
    this.game.command("go", { round });
  }

  draw(chart, context, width, height) {
    if (!this.frame) return;
    const { rows } = this.game.curves;
    const series = this.series(chart);
    const rests = this.rests(chart);
    const { left, right } = margins(width);
    const [top, bottom] = [8, height - 18];
    const [first, last] = this.span();
    const [low, high] = limits(rows, series, rests, chart);
    const x = (round) => left + ((round - first) / (last - first)) * (right - left);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    ticks(context, low, high, y, left, right);
    context.fillStyle = colors.soft;
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillText(whole(first), left, bottom + 5);
    context.textAlign = "right";
    context.fillText(whole(last), right, bottom + 5);
    this.rest(
      context,
      rests.filter(([, value]) => value >= low && value <= high),
      y,
      left,
      right,
    );
    context.save();
    context.beginPath();
    context.rect(left, top - 4, right - left + 1, bottom - top + 8);
    context.clip();
    for (const one of series) line(context, rows, one, x, y, this.frame.round);
    context.restore();
    const now = Math.round(x(chart.at ?? this.frame.round)) + 0.5;
    context.strokeStyle = faint(
      colors.ink,
      chart.at === null || chart.at === undefined ? 0.45 : 0.9,
    );
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(now, top - 3);
    context.lineTo(now, bottom);
    context.stroke();
    if (chart.at !== null && chart.at !== undefined) {
      context.fillStyle = colors.ink;
      context.textAlign = now > width / 2 ? "right" : "left";
      context.fillText(
        `round ${whole(this.rowAt(chart)?.[0] ?? chart.at)}`,
        now + (now > width / 2 ? -5 : 5),
        bottom + 5,
      );
    }
  }

  /** Lines of rest, with their names at the right, one above the other. */
  rest(context, rests, y, left, right) {
    let above = Infinity;
    context.lineWidth = 1.2;
    context.fillStyle = colors.soft;
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const [name, value, text] of rests.toSorted((a, b) => a[1] - b[1])) {
      context.strokeStyle = colors[LOOKS[name]?.[0] ?? "edge"];
      context.setLineDash([1, 3]);
      context.beginPath();
      context.moveTo(left, y(value));
      context.lineTo(right, y(value));
      context.stroke();
      context.setLineDash([]);
      above = Math.min(y(value), above - 11);
      context.fillText(text, right + 4, above);
    }
  }

  // ------------------------------------------------------------------ how D's answers are spread

  answersCard() {
    const canvas = element("canvas", {
      class: "chart",
      role: "img",
      "aria-label": "How D’s answers are spread",
    });
    const legend = element(
      "div",
      { class: "legend" },
      element("span", {}, sign("ink", []), "data"),
      element("span", {}, sign("orange", []), "generated"),
    );
    const card = element(
      "section",
      { class: "card" },
      element("header", {}, element("h2", {}, term("answers", "D’s answers")), legend),
      canvas,
    );
    sharp(
      canvas,
      (context, width, height) =>
        this.frame?.scores && answers(context, width, height, this.frame.scores),
    );
    return { card, canvas };
  }

  // ------------------------------------------------------------------ V and its bound

  valueCard() {
    const legend = element("div", { class: "legend" });
    const canvas = element("canvas", {
      class: "chart gauge",
      role: "img",
      "aria-label": "V and its bound",
    });
    const sums = element("p", { class: "small sums" }, " ");
    const card = element(
      "section",
      { class: "card" },
      element(
        "header",
        {},
        element("h2", {}, term("value", "V"), ", and ", term("bound", "its bound")),
        legend,
      ),
      canvas,
      sums,
    );
    sharp(canvas, (context, width, height) => this.drawValue(context, width, height));
    return { card, legend, canvas, sums };
  }

  showValue(found) {
    const { legend, canvas, sums } = this.value;
    if (!found) return;
    const parts = [
      ["blue", "V(D, G)", found.value],
      ["green", "−log 4 + 2 JSD", found.bound],
    ];
    legend.replaceChildren(
      ...parts.map(([color, name, value]) =>
        element("span", {}, sign(color, []), name, " ", element("b", {}, fixed(value, 3))),
      ),
    );
    const both = `Σ p = ${fixed(found.sum_p, 4)}, Σ q = ${fixed(found.sum_q, 4)}`;
    const floor = number(found.js_floor, 2);
    const apart = `KL ${number(found.kl)}, JS ${number(found.js)}, its floor ${floor} nats`;
    sums.textContent = `Of ${whole(found.samples)} samples; ${both}; ${apart}.`;
    canvas.setAttribute(
      "aria-label",
      `V is ${fixed(found.value, 3)}; its bound, with the best D, is ${fixed(found.bound, 3)}`,
    );
    this.found = found;
    canvas.redraw();
  }

  drawValue(context, width, height) {
    const [low, high] = [-2.3, 0.15];
    const { left, right } = { left: 14, right: width - 14 };
    const x = (value) =>
      left + ((Math.max(low, Math.min(high, value)) - low) / (high - low)) * (right - left);
    const y = height * 0.46;
    context.font = font(11.5);
    context.fillStyle = colors.sunk;
    context.fillRect(x(-LOG4), y - 9, x(0) - x(-LOG4), 18);
    context.strokeStyle = colors.edge;
    context.lineWidth = 1;
    context.beginPath();
    for (const value of [-LOG4, 0]) {
      context.moveTo(Math.round(x(value)) + 0.5, y - 14);
      context.lineTo(Math.round(x(value)) + 0.5, y + 14);
    }
    context.moveTo(left, y);
    context.lineTo(right, y);
    context.stroke();
    context.fillStyle = colors.soft;
    context.textBaseline = "top";
    context.textAlign = "center";
    context.fillText("−log 4: G has won", x(-LOG4), y + 17);
    context.textAlign = "right";
    context.fillText("0: D is always right", Math.min(right + 12, x(0) + 24), y + 17);
    if (!this.found) return;
    const { value, bound } = this.found;
    if (value === null || bound === null) return; // of scores that are no probabilities
    context.strokeStyle = faint(colors.blue, 0.5);
    context.lineWidth = 5;
    context.beginPath();
    context.moveTo(x(value), y);
    context.lineTo(x(bound), y);
    context.stroke();
    marker(context, x(bound), y, colors.green, true);
    marker(context, x(value), y, colors.blue, false);
    context.textBaseline = "bottom";
    context.textAlign = "center";
    const far = Math.abs(x(bound) - x(value)) > 70;
    context.fillStyle = colors.green;
    context.fillText("D*", x(bound) + (far ? 0 : bound > value ? 12 : -12), y - 12);
    context.fillStyle = colors.blue;
    context.fillText(
      value < low ? `V = ${fixed(value, 2)}` : "this D",
      x(value) + (far ? (value < low ? 24 : 0) : bound > value ? -18 : 18),
      y - 12,
    );
  }
}

/** Two histograms over one axis: the data's in ink, the generator's in orange. */
function answers(context, width, height, { edges, real, fake, kind }) {
  const { left, right } = margins(width);
  const [top, bottom] = [8, height - 18];
  const [low, high] = [edges[0], edges[edges.length - 1]];
  const x = (value) => left + ((value - low) / (high - low)) * (right - left);
  const most = Math.max(1, ...real, ...fake);
  const y = (count) => bottom - (count / most) * (bottom - top);
  for (const [counts, color] of [
    [real, colors.ink],
    [fake, colors.orange],
  ]) {
    context.beginPath();
    context.moveTo(x(edges[0]), bottom);
    counts.forEach((count, i) => {
      context.lineTo(x(edges[i]), y(count));
      context.lineTo(x(edges[i + 1]), y(count));
    });
    context.lineTo(x(high), bottom);
    context.fillStyle = faint(color, 0.16);
    context.fill();
    context.strokeStyle = color;
    context.lineWidth = 1.4;
    context.stroke();
  }
  context.font = font(11.5);
  context.fillStyle = colors.soft;
  context.textBaseline = "top";
  for (const [value, text] of kind === "score"
    ? [
        [low, number(low, 2)],
        [high, number(high, 2)],
      ]
    : [
        [0, "0: generated"],
        [0.5, "½"],
        [1, "1: data"],
      ]) {
    context.textAlign = value === low ? "left" : value === high ? "right" : "center";
    context.fillText(text, x(value), bottom + 5);
  }
}

function marker(context, x, y, color, diamond) {
  context.beginPath();
  if (diamond)
    for (const [dx, dy] of [
      [0, -8],
      [7, 0],
      [0, 8],
      [-7, 0],
    ])
      context.lineTo(x + dx, y + dy);
  else context.arc(x, y, 6, 0, 2 * Math.PI);
  context.closePath();
  context.fillStyle = color;
  context.strokeStyle = colors.card;
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

function sign(color, dash) {
  return svg(
    "svg",
    { viewBox: "0 0 22 8", "aria-hidden": "true" },
    svg("path", {
      d: "M0 4h22",
      stroke: `var(--${color})`,
      "stroke-width": 2.5,
      "stroke-dasharray": dash.join(" ") || "none",
    }),
  );
}

/** The lines of rest have their names at the right. */
const margins = (width) => ({ left: 40, right: width - 38 });

/** Room for all but the few largest values, and for the lines of rest. */
function limits(rows, series, rests, { mine }) {
  const values = [];
  for (const { column } of series)
    for (const row of rows) if (Number.isFinite(row[column])) values.push(row[column]);
  values.sort((a, b) => a - b);
  let low = values[Math.floor(values.length * 0.005)] ?? 0;
  let high = values[Math.ceil(values.length * 0.995) - 1] ?? 1;
  for (const [name, value] of rests)
    if (name !== "floor") [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (mine("JS") || mine("D(x)")) low = 0;
  if (mine("D(x)") && !mine("D loss")) high = 1;
  const more = (high - low) * 0.08 || 0.5;
  return [mine("JS") || low === 0 ? 0 : low - more, high + more];
}

function ticks(context, low, high, y, left, right) {
  const rough = (high - low) / 3.2;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 2.5, 5, 10].map((part) => part * unit).find((size) => size >= rough * 0.98) ?? 10 * unit;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / unit === 2.5 ? 1 : 0));
  context.font = font(11.5);
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.lineWidth = 1;
  context.strokeStyle = colors.rule;
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    const at = Math.round(y(tick)) + 0.5;
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(right, at);
    context.stroke();
    context.fillStyle = colors.soft;
    context.fillText(fixed(Math.abs(tick) < step / 1e6 ? 0 : tick, digits), left - 6, at);
  }
}

/** A curve up to the round that is shown; fainter, what was played beyond it. */
function line(context, rows, { column, color, dash }, x, y, round) {
  context.lineJoin = "round";
  context.setLineDash(dash);
  context.lineWidth = 1.6;
  for (const beyond of [false, true]) {
    context.beginPath();
    let before = null;
    for (const row of rows) {
      if (row[column] === null || row[column] === undefined) continue;
      const [px, py] = [x(row[0]), y(row[column])];
      if (row[0] > round === beyond) {
        if (beyond && before) context.moveTo(...before);
        context.lineTo(px, py);
      }
      before = row[0] > round ? null : [px, py];
    }
    context.strokeStyle = beyond ? faint(colors[color], 0.3) : colors[color];
    context.stroke();
  }
  context.setLineDash([]);
}
