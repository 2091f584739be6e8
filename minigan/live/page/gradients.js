// Gradients layer by layer: the norm of each parameter's last gradient, on a logarithmic scale.

import { element, number } from "./elements.js";
import { term } from "./explain.js";

const [LEAST, MOST] = [-6, 2]; // powers of ten at the ends of a bar

export class Gradients {
  constructor() {
    this.rows = element("div", { class: "bars" });
    this.card = element(
      "section",
      { class: "card gradients" },
      element(
        "header",
        {},
        element("h2", {}, term("gradients", "Gradients, layer by layer")),
        element("p", { class: "small" }, "norm: 1e−6 … 100"),
      ),
      this.rows,
    );
  }

  show({ gradients }) {
    if (!gradients) return;
    const key = String(gradients.map(({ player, name, shape }) => [player, name, shape]));
    if (key !== this.key) {
      this.key = key;
      this.rows.replaceChildren(...gradients.flatMap((one) => this.row(one)));
    }
    gradients.forEach(({ gradient }, i) => {
      const [bar, value] = [this.rows.children[3 * i + 1], this.rows.children[3 * i + 2]];
      const part = gradient > 0 ? (Math.log10(gradient) - LEAST) / (MOST - LEAST) : 0;
      bar.firstChild.style.width = `${100 * Math.min(1, Math.max(0, part))}%`;
      value.textContent = number(gradient, 2);
    });
  }

  row({ player, name, shape }) {
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span"));
    bar.style.setProperty("--lamp", player === "G" ? "var(--orange)" : "var(--blue)");
    return [
      element(
        "span",
        { class: `who ${player.toLowerCase()}` },
        `${player} ${name} (${shape.join(", ")})`,
      ),
      bar,
      element("span", { class: "number" }, "–"),
    ];
  }
}
