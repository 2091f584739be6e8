// Slow motion: a move of the engine, shown line by line after it was made.
//
// The engine plays `step` with its lines traced, and answers with all of them at once; here they
// are read out at the speed that one wants. Nothing is drawn from elsewhere meanwhile.

import { find } from "./elements.js";
import { caption, told } from "./steps.js";

const BRISK = 7; // lines a second of a single step while slow motion is off

export class SlowMotion {
  constructor(game, { stage, model, source, linesPerSecond }) {
    Object.assign(this, { game, stage, model, source, linesPerSecond });
    this.running = false;
  }

  /** One move, line by line. A second call meanwhile lets the first one end at once. */
  async step(player, { brisk = true } = {}) {
    const { game } = this;
    if (game.busy) {
      this.hurry?.();
      return;
    }
    game.busy = true;
    this.hurried = false;
    const answer = await game.ask("step", {
      player,
      trace: true,
      since: game.asking(),
      wants: game.wants(),
    });
    if (answer) await this.read(answer.lines ?? [], brisk);
    game.busy = false;
    this.model.light(null);
    if (!answer) return;
    this.ended = true;
    game.take(answer);
    this.ended = false;
  }

  async read(lines, brisk) {
    const doing = told(lines.map((line) => this.source.textOf(line)));
    let shown = this.game.frame;
    for (const [i, line] of lines.entries()) {
      if (this.hurried) return;
      const { player, what } = doing[i];
      if (what) {
        this.model.light({ player, what });
        find("caption").textContent = caption({ player, what });
        find("caption").dataset.objective = "";
      }
      this.source.at(line, player === "G" ? "orange" : "blue");
      if (line.look) {
        shown = { ...shown, ...line.look };
        this.stage.show(shown, { glide: true });
        this.model.show(shown);
      }
      if (line.event !== "return" || line.names.length)
        await this.pause(1000 / (brisk ? BRISK : this.linesPerSecond()));
    }
  }

  pause(milliseconds) {
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      this.hurry = () => {
        this.hurried = true;
        clearTimeout(timer);
        done();
      };
    });
  }

  /** Round after round, until `stop` is called. */
  async play(told) {
    if (this.running) return;
    this.running = true;
    told();
    while (this.running) await this.step("both", { brisk: false });
    told();
  }

  stop() {
    this.running = false;
    this.hurry?.();
  }
}
