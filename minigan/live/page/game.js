// What the page knows of the game: it asks the engine, keeps the last frame and all curve rows,
// and tells whoever listens. Every request of the page goes through here.

import { decoded } from "./arrays.js";

const MOST_ROWS = 3000; // of the curves that are kept here

/** Every other row, and all that hold something that is measured seldom. */
function thinned(rows) {
  const usual = rows[rows.length - 1].filter((value) => value !== null).length;
  return rows.filter(
    (row, i) =>
      i % 2 === 0 || i === rows.length - 1 || row.filter((value) => value !== null).length > usual,
  );
}

export class Game {
  /** `connection` is connection.js's: {ask(request) -> Promise of an answer, where}. */
  constructor(connection) {
    this.connection = connection;
    this.hello = null;
    this.frame = null; // the last one, decoded; parts that were not asked for stay from before
    this.curves = { names: [], rows: [] };
    this.era = null;
    this.listeners = { frame: [], error: [], settings: [] };
    this.busy = false; // a step is being shown line by line; nothing else is drawn meanwhile
  }

  on(event, listener) {
    this.listeners[event].push(listener);
  }

  tell(event, ...what) {
    for (const listener of this.listeners[event]) listener(...what);
  }

  /** One request and its answer; an Error if it was refused. */
  async request(ask, fields = {}) {
    const answer = decoded(await this.connection.ask({ ask, ...fields }));
    if (answer.ok === false) throw new Error(answer.error);
    return answer;
  }

  /** The same, but null after whoever listens was told of the error. */
  async ask(ask, fields = {}) {
    try {
      return await this.request(ask, fields);
    } catch (error) {
      this.tell("error", error.message, ask);
      return null;
    }
  }

  async greet() {
    const hello = await this.ask("hello");
    this.hello = hello ?? this.hello;
    return hello;
  }

  get kind() {
    return this.hello.games.find((game) => game.name === this.frame?.game)?.kind;
  }

  get descriptors() {
    return this.hello.settings[this.frame.game] ?? [];
  }

  /** The round of the last curve row that lies here; -1 if the rows are of another past. */
  get since() {
    const { rows } = this.curves;
    return rows.length ? rows[rows.length - 1][0] : -1;
  }

  /** Take in a frame: its rows are joined to those that are here. One of a game that has stopped
      and that lacks what is seldom asked for in play is followed by one that has it, if `whole`. */
  take(frame, { whole = true } = {}) {
    if (this.frame && frame.serial < this.frame.serial && frame.era === this.frame.era) return;
    const other = frame.era !== this.era;
    if (other) {
      this.era = frame.era;
      this.curves = { names: [], rows: [] }; // of another past: asked for anew, whole
      this.stale = true;
    }
    this.join(frame);
    const before = this.frame;
    this.frame = before && before.game === frame.game && !other ? { ...before, ...frame } : frame;
    const settled = JSON.stringify([frame.game, frame.settings, frame.journal]);
    if (settled !== this.settled) {
      this.settled = settled;
      this.tell("settings", this.frame);
    }
    this.tell("frame", this.frame);
    if (whole && !frame.playing && !this.busy && !("gradients" in frame)) this.look();
  }

  join({ curves }) {
    if (!curves) return;
    if (String(curves.names) !== String(this.curves.names))
      this.curves = { names: curves.names, rows: [] };
    const first = curves.rows[0]?.[0];
    const { rows } = this.curves;
    if (first !== undefined) while (rows.length && rows[rows.length - 1][0] >= first) rows.pop();
    rows.push(...curves.rows);
    if (rows.length > MOST_ROWS) this.curves.rows = thinned(rows);
  }

  /** Ask for something that changes the game, then see how it is. */
  async command(ask, fields = {}) {
    const answer = await this.ask(ask, fields);
    if (!answer) return null;
    this.take(answer, { whole: false }); // it may be another game, which has other things to see
    await this.look();
    return answer;
  }

  /** See how the game is at once, without waiting for it to move. */
  async look() {
    const frame = await this.ask("frame", { since: this.asking(), wants: this.wants() });
    if (frame && !this.busy) this.take(frame);
    return frame;
  }

  asking() {
    const since = this.stale ? -1 : this.since;
    this.stale = false;
    return since;
  }

  /** Draw frames for ever, as fast as this tab can; a tab that sleeps asks for nothing. */
  async watch() {
    for (;;) {
      await new Promise(requestAnimationFrame);
      if (this.busy) continue;
      const after = this.stale ? undefined : this.frame?.serial;
      const frame = await this.next({ after, since: this.asking(), wants: this.wants() });
      if (!frame)
        await new Promise((done) => setTimeout(done, 1500)); // the engine is away
      else if (!frame.unchanged && !this.busy) {
        this.take(frame);
      }
    }
  }

  /** The next frame. Another tab may have begun another game, which has not what is wanted here:
      then the frame without it, and the listeners will want other things. */
  async next(fields) {
    try {
      return await this.request("frame", fields);
    } catch {
      return this.ask("frame", { since: -1 });
    }
  }

  /** The parts of a frame that something on the screen shows; main.js replaces it. */
  wants() {
    return [];
  }
}
