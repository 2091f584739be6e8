// A link that holds a game: its settings, its journal, and the round that was on the screen.
//
//     #game=plane&seed=3&data=ring of 8&…&journal=[[120,{"generator_lr":0.01}]]&round=812
//
// The engine plays what it says from the beginning, and comes to the same bits.

/** The part of an address behind #, for what a frame shows. */
export function written({ game, began, settings, journal, round }) {
  const parts = new URLSearchParams();
  parts.set("game", game);
  for (const [name, value] of Object.entries(began ?? settings)) {
    if (name === "game") continue;
    if (name !== "points") parts.set(name, String(value));
    else if ((began ?? settings).data === "drawn")
      parts.set(name, value.map((point) => point.join(",")).join(";"));
  }
  if (journal.length) parts.set("journal", JSON.stringify(journal));
  parts.set("round", String(round));
  return `#${parts}`;
}

/** {settings, journal, round} of the part behind #; null if it holds no game.

    `descriptors(game)` says of what kind each setting is; what it does not know is left to the
    engine, which refuses it by name. */
export function read(hash, descriptors) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const game = parts.get("game");
  if (!game) return null;
  const kinds = Object.fromEntries(descriptors(game).map(({ name, kind }) => [name, kind]));
  const settings = { game };
  let [journal, round] = [[], 0];
  for (const [name, text] of parts) {
    if (name === "game" || name === "token") continue;
    if (name === "round") round = Math.max(0, Math.floor(Number(text)) || 0);
    else if (name === "journal") journal = parsed(text);
    else settings[name] = valueOf(kinds[name], text);
  }
  return { settings, journal, round };
}

function valueOf(kind, text) {
  if (kind === "number" || kind === "integer") return Number(text);
  if (kind === "points")
    return text
      .split(";")
      .filter(Boolean)
      .map((pair) => pair.split(",").map(Number));
  return text;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("the link's journal cannot be read; it was cut off, perhaps");
  }
}
