// The settings: a control for each descriptor that the engine sends, and what was changed when.

import { board } from "./drawing.js";
import { element, find, number, svg, whole } from "./elements.js";
import { explain, explained, known } from "./explain.js";

const GROUPS = {
  data: ["Data", ""],
  generator: ["Generator", "g"],
  discriminator: ["Discriminator", "d"],
  game: ["Game", ""],
  run: ["Run", ""],
};

/** Small pictures of the plane's data. */
const SIGNS = {
  line: [
    [-16, 9],
    [-12, 7],
    [-8, 4],
    [-4, 2.6],
    [0, 0],
    [4, -2],
    [8, -5],
    [12, -7],
    [16, -9],
  ],
  "two Gaussians": [
    [-10, -5],
    [-13, -3],
    [-8, -7],
    [-7, -3],
    [-11, -8],
    [-10, -1],
    [10, 5],
    [13, 3],
    [8, 7],
    [7, 3],
    [11, 8],
    [10, 1],
  ],
  "ring of 8": Array.from({ length: 8 }, (_, i) => [
    14 * Math.cos((i * Math.PI) / 4),
    14 * Math.sin((i * Math.PI) / 4),
  ]),
  "three regions": [
    [-12, 8],
    [-8, 8],
    [-12, 12],
    [-8, 12],
    [12, 8],
    [8, 8],
    [12, 12],
    [8, 12],
    [-2, -13],
    [2, -13],
    [-2, -9],
    [2, -9],
  ],
  "grid of 25": Array.from({ length: 25 }, (_, i) => [
    ((i % 5) - 2) * 7,
    (Math.floor(i / 5) - 2) * 7,
  ]),
  drawn: [
    [-12, 6],
    [-9, 0],
    [-5, -5],
    [0, -4],
    [3, 1],
    [6, 6],
    [10, 5],
    [13, 0],
  ],
};

export class Settings {
  constructor(game, { change }) {
    this.game = game;
    this.change = change; // (name, value) => … : what to do with a value that was chosen
    this.inputs = {};
    find("settings").addEventListener("submit", (event) => event.preventDefault());
  }

  /** Controls for another game, or new values in the ones that are there. */
  show(frame) {
    if (frame.game !== this.shown) {
      this.shown = frame.game;
      this.build(this.game.descriptors);
    }
    for (const { name } of this.game.descriptors)
      this.inputs[name]?.(frame.settings[name], frame.settings);
    find("chosen").textContent = this.game.descriptors
      .filter(
        ({ kind, name }) =>
          kind === "choice" && ["data", "objective", "recipe", "system"].includes(name),
      )
      .map(({ name }) => frame.settings[name])
      .join(" · ");
    this.showJournal(frame);
  }

  build(descriptors) {
    this.inputs = {};
    this.journalKey = null;
    const form = find("settings");
    form.replaceChildren();
    for (const [group, [title, kind]] of Object.entries(GROUPS)) {
      const mine = descriptors.filter((one) => one.group === group);
      if (mine.length)
        form.append(
          element(
            "fieldset",
            {},
            element("legend", { class: kind }, title),
            mine.map((one) => this.control(one)),
          ),
        );
    }
    this.journal = element("ol", { class: "journal" });
    this.journalTitle = element("legend", {}, "Changed on the way");
    form.append(element("fieldset", {}, this.journalTitle, this.journal));
  }

  control(one) {
    explain(`setting:${one.name}`, {
      title: one.label,
      note: one.live ? one.help : [one.help, "A change begins the game anew."],
    });
    const make = {
      choice: () => this.choice(one),
      number: () => this.numeric(one),
      integer: () => this.numeric(one),
      points: () => this.points(one),
    }[one.kind];
    return explained(make(), `setting:${one.name}`);
  }

  label(one, target) {
    return element(
      "label",
      { for: target },
      one.label,
      one.live ? "" : element("span", { class: "anew" }, " (anew)"),
    );
  }

  choice(one) {
    if (one.name === "data" && one.choices.every((choice) => choice in SIGNS))
      return this.tiles(one);
    const select = element(
      "select",
      { id: `set-${one.name}`, onchange: () => this.change(one.name, select.value) },
      one.choices.map((choice) => element("option", {}, choice)),
    );
    this.inputs[one.name] = (value) => {
      select.value = value;
    };
    const long = one.choices.some((choice) => choice.length > 16);
    return element(
      "div",
      { class: long ? "setting over" : "setting" },
      this.label(one, select.id),
      select,
    );
  }

  /** The data of the plane, each with its picture. */
  tiles(one) {
    const buttons = one.choices.map((choice) => {
      const picture = svg(
        "svg",
        { viewBox: "-23 -19 46 38", "aria-hidden": "true" },
        SIGNS[choice].map(([cx, cy]) => svg("circle", { cx, cy, r: 1.9 })),
      );
      return element(
        "label",
        {},
        element("input", {
          type: "radio",
          name: "data",
          value: choice,
          onchange: () => this.change("data", choice),
        }),
        picture,
        choice,
      );
    });
    this.inputs[one.name] = (value) => {
      for (const button of buttons) button.firstChild.checked = button.firstChild.value === value;
    };
    return element(
      "div",
      { class: "choices", role: "radiogroup", "aria-label": one.label },
      buttons,
    );
  }

  numeric(one) {
    const log = one.scale === "log" && one.low > 0;
    const forth = log ? Math.log : (value) => value;
    const back = log ? Math.exp : (value) => value;
    const round = one.kind === "integer" ? Math.round : (value) => Number(value.toPrecision(2));
    const steps = one.kind === "integer" && !log ? one.high - one.low : 100;
    const toSlider = (value) =>
      ((forth(value) - forth(one.low)) / (forth(one.high) - forth(one.low))) * steps;
    const box = element("input", {
      type: "number",
      id: `set-${one.name}`,
      min: one.low,
      max: one.high,
      step: one.kind === "integer" ? 1 : "any",
      onchange: () => send(Number(box.value)),
    });
    const send = (value) => {
      if (box.checkValidity() && Number.isFinite(value)) this.change(one.name, value);
      else box.reportValidity();
    };
    if (one.name === "seed") {
      this.inputs[one.name] = (value) => {
        box.value = value;
      };
      const dice = element(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": "+1: another seed, anew",
          title: "Another seed",
          onclick: () => this.change("seed", (Number(box.value) + 1) % (one.high + 1)),
        },
        "+1",
      );
      return element(
        "div",
        { class: "setting seed" },
        this.label(one, box.id),
        element("span", { class: "number" }, dice, box),
      );
    }
    const slider = element("input", {
      type: "range",
      min: 0,
      max: steps,
      step: steps === 100 ? "any" : 1,
      "aria-label": one.label,
    });
    const value = () =>
      round(
        back(forth(one.low) + (Number(slider.value) / steps) * (forth(one.high) - forth(one.low))),
      );
    slider.addEventListener("input", () => {
      box.value = value();
    });
    slider.addEventListener("change", () => this.change(one.name, value()));
    this.inputs[one.name] = (now) => {
      if (document.activeElement !== box) box.value = now;
      if (!slider.matches(":active")) slider.value = toSlider(now);
    };
    return element(
      "div",
      { class: "setting" },
      this.label(one, box.id),
      slider,
      element("span", { class: "number" }, box),
    );
  }

  points(one) {
    const room = element("div", { class: "wide" });
    let drawn = null;
    this.inputs[one.name] = (value, settings) => {
      room.hidden = settings.data !== "drawn";
      const text = JSON.stringify(value);
      if (text === drawn || room.hidden) return;
      drawn = text;
      room.replaceChildren(board(one, value, (points) => this.change("points", points)));
    };
    return room;
  }

  showJournal({ journal, round }) {
    const key = JSON.stringify(journal);
    if (key === this.journalKey) return;
    this.journalKey = key;
    this.journalTitle.parentNode.hidden = !journal.length;
    this.journal.replaceChildren(
      ...journal
        .slice(-60)
        .reverse()
        .map(([at, change]) =>
          element(
            "li",
            {},
            element(
              "button",
              {
                type: "button",
                onclick: () => this.game.command("go", { round: at }),
                "aria-label": `${whole(at)}: go to this round`,
              },
              whole(at),
            ),
            " ",
            said(change),
          ),
        ),
    );
  }
}

function said(change) {
  return Object.entries(change)
    .map(([name, value]) => {
      if (name === "step") return `a step of ${value} alone`;
      const label = known(`setting:${name}`)?.title ?? name;
      const whose = { generator: " of G", discriminator: " of D" }[name.split("_")[0]] ?? "";
      if (Array.isArray(value)) return `${label}: ${value.length} points`;
      return `${label}${whose}: ${typeof value === "number" ? number(value, 2) : value}`;
    })
    .join(", ");
}
