// Playing: the button, single moves, slow motion, the speed, and the line of all rounds so far.

import { colors, sharp } from "./canvas.js";
import { find, fixed, number, whole } from "./elements.js";

const [SLOWEST, FASTEST] = [1, 300]; // rounds a second; the end is "as fast as it goes"
const [FEWEST, MOST] = [0.5, 12]; // lines a second in slow motion

const spread = (part, low, high) => low * (high / low) ** part;

export class Transport {
  constructor(game, slow) {
    Object.assign(this, { game, slow });
    this.places = { rounds: 100, lines: 45 }; // where the slider stands, of 100
    this.marks = sharp(find("marks"), (context, width, height) =>
      this.drawMarks(context, width, height),
    );
    find("play").addEventListener("click", () => this.toggle());
    for (const player of ["D", "G", "both"])
      find(`step-${player}`).addEventListener("click", () => this.step(player));
    find("slow").addEventListener("change", () => this.switchSlow());
    find("speed").addEventListener("input", () => this.saySpeed());
    find("speed").addEventListener("change", () => this.setSpeed());
    find("timeline").addEventListener("input", ({ target }) => this.travel(Number(target.value)));
    document.addEventListener("keydown", (event) => this.key(event));
    this.saySpeed();
  }

  get isSlow() {
    return find("slow").checked;
  }

  get playing() {
    return this.isSlow ? this.slow.running : this.game.frame?.playing;
  }

  /** Rounds a second, or null: as fast as it goes. */
  get speed() {
    const { rounds } = this.places;
    return rounds >= 100 ? null : spread(rounds / 99, SLOWEST, FASTEST);
  }

  linesPerSecond() {
    return spread(this.places.lines / 100, FEWEST, MOST);
  }

  async toggle() {
    if (this.isSlow) {
      if (this.slow.running) this.slow.stop();
      else {
        if (this.game.frame.playing) await this.game.command("play", { playing: false });
        this.slow.play(() => this.sayPlaying());
      }
    } else
      await this.game.command("play", { playing: !this.game.frame.playing, speed: this.speed });
    this.sayPlaying();
  }

  async step(player) {
    if (this.slow.running) this.slow.stop();
    else await this.slow.step(player, { brisk: !this.isSlow });
    this.sayPlaying();
  }

  async switchSlow() {
    find("speed").value = this.isSlow ? this.places.lines : this.places.rounds;
    this.saySpeed();
    const was = this.isSlow ? this.game.frame?.playing : this.slow.running;
    if (!was) return;
    if (this.isSlow) await this.game.command("play", { playing: false });
    else this.slow.stop();
    if (this.isSlow) this.slow.play(() => this.sayPlaying());
    else await this.game.command("play", { playing: true, speed: this.speed });
  }

  saySpeed() {
    this.places[this.isSlow ? "lines" : "rounds"] = Number(find("speed").value);
    find("speed-name").textContent = this.isSlow ? "Lines a second" : "Rounds a second";
    const words = this.isSlow
      ? `${number(this.linesPerSecond(), 2)} lines a second`
      : this.speed === null
        ? "as fast as it goes"
        : `${number(this.speed, this.speed < 10 ? 2 : 3)} rounds a second`;
    find("speed-is").textContent = words;
    find("speed").setAttribute("aria-valuetext", words);
  }

  setSpeed() {
    this.saySpeed();
    if (!this.isSlow && this.game.frame?.playing)
      this.game.command("play", { playing: true, speed: this.speed });
  }

  /** Go to the round of the slider; while one journey is under way, only the last goal counts. */
  async travel(round) {
    this.goal = round;
    if (this.travelling) return;
    this.travelling = true;
    if (this.slow.running) this.slow.stop();
    while (this.goal !== null) {
      const goal = this.goal;
      this.goal = null;
      if (!(await this.game.command("go", { round: goal }))) break;
    }
    this.travelling = false;
    this.show(this.game.frame);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || find("play").disabled) return;
    const { target } = event;
    if (
      target.matches(
        "input:not([type=range], [type=checkbox], [type=radio]), select, [role=application]",
      )
    )
      return;
    const player = { d: "D", g: "G", s: "both" }[event.key.toLowerCase()];
    if (event.key === " " && !target.matches("button, summary, input, a")) this.toggle();
    else if (player && !event.repeat && !find(`step-${player}`).disabled) this.step(player);
    else return;
    event.preventDefault();
  }

  show(frame) {
    const onePiece = this.game.kind === "images"; // its round is
    for (const player of ["D", "G"]) find(`step-${player}`).disabled = onePiece;
    const line = find("timeline");
    line.min = frame.oldest ?? 0;
    line.max = Math.max(frame.newest, line.min + 1);
    if (!this.travelling) line.value = frame.round; // or the hand and the game would pull at it
    find("round").textContent = whole(frame.round);
    line.setAttribute("aria-valuetext", `round ${frame.round} of ${frame.newest}`);
    find("rate").textContent =
      frame.playing && frame.rate
        ? `${frame.rate < 10 ? fixed(frame.rate, 1) : whole(frame.rate)} rounds/s`
        : frame.newest > frame.round
          ? `of ${whole(frame.newest)}`
          : "";
    this.frame = frame;
    this.marks.redraw();
    this.sayPlaying();
  }

  sayPlaying() {
    const button = find("play");
    const playing = Boolean(this.playing);
    if (playing === this.said) return;
    this.said = playing;
    button.toggleAttribute("data-playing", playing);
    button.lastElementChild.textContent = playing ? "Pause" : "Play";
  }

  /** Where on the way something was changed. */
  drawMarks(context, width, height) {
    if (!this.frame) return;
    const { journal, newest, oldest = 0 } = this.frame;
    const [left, right] = [8, width - 8];
    context.fillStyle = colors.purple;
    for (const [round] of journal) {
      const x = left + ((round - oldest) / Math.max(1, newest - oldest)) * (right - left);
      context.fillRect(Math.round(x) - 1, 0, 2, height);
    }
  }

  begin() {
    for (const id of ["play", "step-D", "step-G", "step-both", "timeline"])
      find(id).disabled = false;
  }
}
