// The page: it finds the engine, and shows each frame to all that is on the screen.
//
// connection.js asks the engine, wherever it is; game.js keeps what it answered. Then: stage.js
// (with plane.js, line.js, images.js), model.js, charts.js, gradients.js, eigenvalues.js,
// source.js, transport.js, slow.js, settings.js, link.js, film.js.

import { Charts } from "./charts.js";
import { connect } from "./connection.js";
import { Eigenvalues } from "./eigenvalues.js";
import { element, find, number, whole } from "./elements.js";
import { explain, known, learnWords, listen, term } from "./explain.js";
import { Film, savePicture } from "./film.js";
import { Game } from "./game.js";
import { Gradients } from "./gradients.js";
import * as links from "./link.js";
import { Model } from "./model.js";
import { Settings } from "./settings.js";
import { SlowMotion } from "./slow.js";
import { Source } from "./source.js";
import { Stage } from "./stage.js";
import { Transport } from "./transport.js";

const SELDOM = 280; // milliseconds between two looks at what costs more: divergences, gradients
const WHERE = {
  server: "trains on this machine",
  browser: "trains in this browser",
  watch: "a run, to look at",
};

let message = 0;

/** One line at the bottom for some seconds, and perhaps a button. */
function say(text, action = null) {
  const line = find("message");
  clearTimeout(message);
  line.replaceChildren(
    text,
    ...(action
      ? [
          element(
            "button",
            {
              type: "button",
              onclick: () => {
                line.hidden = true;
                action.then();
              },
            },
            action.text,
          ),
        ]
      : []),
  );
  line.hidden = false;
  message = setTimeout(
    () => {
      line.hidden = true;
    },
    action ? 12_000 : 7000,
  );
}

async function begin() {
  listen();
  const words = learnWords();
  const connection = await connect((text) => {
    find("waiting").textContent = text;
  });
  const game = new Game(connection);
  game.on("error", (error) => {
    find("waiting").textContent = error; // seen if there is no picture yet
    say(error);
  });
  await words;
  if (!(await game.greet())) return;
  const page = new Page(game);
  await page.start();
  await game.watch();
}

class Page {
  constructor(game) {
    this.game = game;
    this.stage = new Stage(game);
    this.model = new Model();
    this.model.curves = () => game.curves;
    this.charts = new Charts(game);
    this.gradients = new Gradients();
    this.eigenvalues = new Eigenvalues(game);
    this.source = new Source();
    find("insides").append(this.source.card);
    find("more").append(
      this.charts.value.card,
      this.charts.answers.card,
      this.gradients.card,
      this.eigenvalues.card,
    );
    this.slow = new SlowMotion(game, {
      stage: this.stage,
      model: this.model,
      source: this.source,
      linesPerSecond: () => this.transport.linesPerSecond(),
    });
    this.transport = new Transport(game, this.slow);
    this.settings = new Settings(game, { change: (name, value) => this.change(name, value) });
    this.film = new Film(find("plot"));
    game.wants = () => this.wants();
    game.on("frame", (frame) => this.show(frame));
    game.on("settings", (frame) => this.settled(frame));
    this.listen();
  }

  wants() {
    const parts = this.stage.wants();
    const now = performance.now();
    if (this.game.frame?.playing && now - (this.lastSeldom ?? 0) < SELDOM) return parts;
    this.lastSeldom = now;
    return [...parts, ...(this.game.kind === "images" ? [] : ["divergences"]), "gradients"];
  }

  async start() {
    const { game } = this;
    const { where } = game.hello;
    const watching = where === "watch";
    find("where").textContent = `${WHERE[where] ?? ""} · minigan ${game.hello.version}`;
    find("game").replaceChildren(
      ...game.hello.games.map(({ name, label }) => element("option", { value: name }, label)),
    );
    find("game").disabled = watching || game.hello.games.length < 2;
    document.body.classList.toggle("watching", watching);
    const first = await game.ask("frame", { wants: [] });
    if (!first) return;
    game.take(first, { whole: false });
    if (!(await this.follow(location.hash))) await game.look();
    if (watching)
      this.source.empty("This is a run of another program: it is looked at here, and not played.");
    else this.transport.begin();
    find("waiting").hidden = true;
  }

  /** Begin the game of a link, and play up to its round; false if there is none in it. */
  async follow(hash) {
    let link = null;
    try {
      link = links.read(hash, (game) => this.game.hello.settings[game] ?? []);
    } catch (error) {
      say(error.message);
    }
    if (!link) return false;
    if (!(await this.begin(link))) return false;
    // From a server, a reload goes on; with the link it would begin the game anew, for all tabs.
    if (this.game.hello.where === "server") history.replaceState(null, "", location.pathname);
    return true;
  }

  async begin({ settings, journal = [], round = 0 }) {
    if (this.slow.running) this.slow.stop();
    const begun = await this.game.command("new", { settings, journal });
    if (begun && round > 0)
      await this.game.command("play", { playing: true, speed: null, until: round });
    return begun;
  }

  async change(name, value) {
    const { game } = this;
    const { frame } = game;
    const live = game.descriptors.find((one) => one.name === name)?.live;
    const before = this.link();
    const done = live
      ? await game.command("change", { change: { [name]: value } })
      : await this.begin({ settings: { game: frame.game, ...frame.settings, [name]: value } });
    if (!done)
      this.settings.show(frame); // as it was
    else if (!live) this.offerUndo(before);
  }

  offerUndo(before) {
    say("The game has begun anew.", {
      text: "Undo",
      then: () => this.begin(links.read(before, () => this.game.descriptors)),
    });
  }

  link() {
    return links.written(this.game.frame);
  }

  /** Settings, journal or game are others than before. */
  settled(frame) {
    const kind = this.game.kind;
    find("game").value = frame.game;
    document.body.dataset.kind = kind;
    this.stage.begin(kind);
    this.eigenvalues.card.hidden = kind !== "plane";
    this.settings.show(frame);
    this.sayObjective(frame.settings.objective);
    this.readSource(frame);
  }

  /** The functions that play: others for another game, or another loss. */
  async readSource({ game, settings }) {
    const key = [game, settings.objective, settings.system, settings.recipe].join();
    if (key === this.sourceOf) return;
    this.sourceOf = key;
    if (await this.game.greet()) this.source.begin(this.game.hello.source);
  }

  /** What the two minimize, under the drawing of the model. */
  sayObjective(objective) {
    const caption = find("caption");
    const what = `${this.game.frame.game} ${objective}`;
    if (caption.dataset.objective === what) return;
    caption.dataset.objective = what;
    const entry = known(`objective:${objective}`);
    caption.replaceChildren(
      ...(entry?.formula
        ? [
            term(`objective:${objective}`, entry.title),
            ...entry.formula.flatMap((formula) => [
              " ",
              element("span", { class: formula[0].toLowerCase() }, formula),
            ]),
          ]
        : [this.game.hello.games.find(({ name }) => name === this.game.frame.game)?.help ?? ""]),
    );
  }

  show(frame) {
    if (frame.note && frame.note !== this.noted) say(frame.note); // why the game has stopped
    this.noted = frame.note;
    this.stage.show(frame, { glide: this.slow.ended });
    if (!this.game.busy && !this.slow.running) this.sayObjective(frame.settings.objective);
    this.model.show(frame);
    this.charts.show(frame);
    this.gradients.show(frame);
    this.eigenvalues.show(frame);
    this.transport.show(frame);
    this.film.show(frame);
    this.tell(frame);
  }

  /** In words: a table once a second, and aloud when the game has stopped. */
  tell(frame) {
    const now = performance.now();
    if (!frame.playing || now - (this.told ?? 0) > 1000) {
      this.told = now;
      const rows = [["round", whole(frame.round)], ...this.numbers(frame), ...this.stage.words()];
      find("summary").replaceChildren(
        ...rows.map(([name, value]) =>
          element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)),
        ),
      );
    }
    if (frame.playing || this.slow.running) this.moved = true;
    else if (frame.round !== this.announced || this.moved) {
      clearTimeout(this.announcing);
      this.announcing = setTimeout(() => {
        this.announced = frame.round;
        this.moved = false;
        find("announcer").textContent = `Round ${frame.round}. ${this.numbers(frame)
          .map(([name, value]) => `${name} ${value}`)
          .join(", ")}.`;
      }, 600);
    }
  }

  numbers(frame) {
    const { names } = this.game.curves;
    const rows = names.map((name, i) => [name, number(this.charts.lastOf(i + 1), 3)]);
    return frame.divergences
      ? [
          ...rows.filter(([name]) => name !== "KL" && name !== "JS"),
          ["KL (nats)", number(frame.divergences.kl)],
          ["JS (nats)", number(frame.divergences.js)],
        ]
      : rows;
  }

  listen() {
    find("game").addEventListener("change", async ({ target }) => {
      const before = this.link();
      if (await this.begin({ settings: { game: target.value } })) this.offerUndo(before);
    });
    find("share").addEventListener("click", () => this.share());
    find("picture").addEventListener("click", () => savePicture(find("plot"), this.game.frame));
    addEventListener("hashchange", () => this.follow(location.hash));
    const narrow = matchMedia("(max-width: 759px)");
    const fold = () => {
      find("controls").open = !narrow.matches;
    };
    narrow.addEventListener("change", fold);
    fold();
  }

  async share() {
    const link = new URL(this.link(), location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      say(
        "The link is copied. Whoever opens it sees the same game, to the last bit, at this round.",
      );
    } catch {
      history.replaceState(null, "", link);
      say("The link stands in the address bar.");
    }
  }
}

begin().catch((error) => {
  find("waiting").textContent = error.message;
  find("waiting").hidden = false;
  console.error(error);
});
