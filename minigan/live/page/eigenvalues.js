// The eigenvalues of the game where it stands, in the complex plane. Asked for by a button, because
// they take the engine some seconds.

import { colors, faint, font, sharp } from "./canvas.js";
import { element, fixed, number, whole } from "./elements.js";
import { term } from "./explain.js";

export class Eigenvalues {
  constructor(game) {
    this.game = game;
    this.button = element("button", { type: "button", onclick: () => this.compute() }, "Compute");
    this.words = element(
      "p",
      { class: "small", role: "status" },
      "Twice as many parameters take about three times as long; the training waits meanwhile.",
    );
    this.canvas = element("canvas", {
      role: "img",
      "aria-label": "Eigenvalues in the complex plane: none yet",
    });
    this.card = element(
      "section",
      { class: "card eigen" },
      element("header", {}, element("h2", {}, term("eigenvalues", "Eigenvalues of the game"))),
      element("div", { class: "row" }, this.button),
      this.words,
      this.canvas,
    );
    sharp(this.canvas, (context, width, height) => this.draw(context, width, height));
  }

  show(frame) {
    this.round = frame.round;
    const count = parameters(frame.gradients);
    if (count && count !== this.count) {
      this.count = count;
      const most = this.game.hello.limits.parameters ?? Infinity;
      this.button.disabled = count > most;
      this.button.textContent =
        count > most
          ? `Too large: ${whole(count)} parameters, and at most ${whole(most)}`
          : `Compute (${whole(count)} parameters, about ${number(secondsFor(count), 1)} s)`;
    }
  }

  async compute() {
    this.button.disabled = true;
    const size = this.count ? `${whole(this.count)} × ${whole(this.count)} ` : "";
    this.words.textContent = `Computing the ${size}Jacobian by second derivatives …`;
    const found = await this.game.ask("look", { what: "eigenvalues" });
    this.button.disabled = false;
    if (!found) {
      this.words.textContent = "Not computed: see the message.";
      return;
    }
    this.found = found;
    const turn = Math.max(
      ...Array.from(found.values)
        .filter((_, i) => i % 2)
        .map(Math.abs),
    );
    const count = `${whole(found.parameters)} eigenvalues in ${number(found.seconds, 2)} s`;
    const largest = `${number(found.largest_real)}, imaginary part: ${number(turn)}`;
    const round = whole(found.round);
    this.words.textContent = `Round ${round}: ${count}. Largest real part: ${largest}.`;
    this.canvas.setAttribute(
      "aria-label",
      `Eigenvalues in the complex plane. ${this.words.textContent}`,
    );
    this.canvas.redraw();
  }

  draw(context, width, height) {
    const values = this.found?.values ?? [];
    let most = 1e-9;
    for (const value of values) most = Math.max(most, Math.abs(value));
    // A logarithm on both sides of 0, because a few large ones would hide all others.
    const small = most * 1e-3;
    const part = (value) =>
      (Math.sign(value) * Math.log10(1 + Math.abs(value) / small)) / Math.log10(1 + most / small);
    const x = (value) => width / 2 + part(value) * (width / 2 - 34);
    const y = (value) => height / 2 - part(value) * (height / 2 - 20);
    context.fillStyle = faint(colors.sand, 0.13);
    context.fillRect(width / 2, 0, width / 2, height);
    context.strokeStyle = colors.edge;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, Math.round(height / 2) + 0.5);
    context.lineTo(width, Math.round(height / 2) + 0.5);
    context.moveTo(Math.round(width / 2) + 0.5, 0);
    context.lineTo(Math.round(width / 2) + 0.5, height);
    context.stroke();
    context.font = font(11.5);
    context.fillStyle = colors.soft;
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillText("pulled in", 6, 5);
    context.textAlign = "right";
    context.fillText("pushed away", width - 6, 5);
    context.textBaseline = "bottom";
    context.fillText("real", width - 6, height / 2 - 3);
    if (values.length)
      context.fillText(`the ends: ±${number(most, 2)}; logarithmic`, width - 6, height - 4);
    context.textAlign = "left";
    context.fillText("imaginary", width / 2 + 5, height - 4);
    context.fillStyle = faint(colors.purple, 0.6);
    for (let i = 0; i < values.length; i += 2) {
      context.beginPath();
      context.arc(x(values[i]), y(values[i + 1]), 2.6, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** As it was measured on one core: 1.8 s for 1,023 parameters, 6 s for 2,403. */
const secondsFor = (count) => Math.max(0.1, 6 * (count / 2400) ** 1.5);

export function parameters(gradients) {
  return gradients?.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
