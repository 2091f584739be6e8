// What a line of a training step does: whose move it belongs to, and which part of the game is at
// work. The lines are those of gans/ and of theory/game.py, and their words tell.

/** Words of a line, and what is at work. The first that fits counts. */
const STEPS = [
  [/minimize\(|\.backward\(/, "back"],
  [/optimizer\.step\(/, "move"],
  [/\bloss\b.*=|_loss\b.*=|penalty|norms|between|share/, "loss"],
  [/discriminator\(|critic\(|scores? =/, "score"],
  [/generator\(|noise\(/, "draw"],
  [/real\b.*=/, "data"],
];
const CAPTIONS = {
  D: {
    data: "D’s move: data are drawn.",
    draw: "D’s move: G draws. What the discriminator learns is not the generator’s business.",
    score: "D’s move: D looks at data and fakes, and gives each a score.",
    loss: "D’s move: how far is D from telling them apart?",
    back: "D’s move: gradients flow back through D, and its weights move.",
    move: "D’s move: its weights move.",
  },
  G: {
    data: "G’s move.",
    draw: "G’s move: G draws from fresh noise.",
    score:
      "G’s move: D scores the fakes. D is frozen: gradients pass through it, and it gets none.",
    loss: "G’s move: how far are the fakes from being taken for data?",
    back: "G’s move: gradients flow back through D into G, and G’s weights move.",
    move: "G’s move: its weights move.",
  },
};

/** Whose move a line belongs to, by its words or its function's; null if neither tells. */
function playerOf(text, enclosing) {
  const code = text.split("#")[0];
  if (
    /discriminator_optimizer|d_loss|real_(loss|score)|detach\(|self\.discriminator_step\(/.test(
      code,
    )
  )
    return "D";
  if (/generator_optimizer|g_loss|frozen\(|self\.generator_step\(/.test(code)) return "G";
  if (
    /discriminator_(step|loss)|critic_step|(cross_entropy|critic|least_squares)_loss$/.test(
      enclosing,
    )
  )
    return "D";
  if (/generator_step|generator_loss|saturating_loss/.test(enclosing)) return "G";
  return null;
}

/** What of the drawing a line is at work on; null if on nothing of it. */
function workOf(text) {
  const code = text.split("#")[0].trim();
  const step = STEPS.find(([words]) => words.test(code))?.[1] ?? null;
  const telling =
    code.startsWith('"') || (code.startsWith("return") && !["draw", "score"].includes(step));
  return telling ? null : step;
}

/** The same as a sentence. */
export const caption = ({ player, what }) => CAPTIONS[player][what];

/** What each of the lines {text, function} that have run did, and for whom: {player, what}. A line
    that does not tell belongs to the move of the next one that does. */
export function told(lines) {
  let player = "D";
  return lines
    .toReversed()
    .map(({ text, function: enclosing }) => {
      player = playerOf(text, enclosing) ?? player;
      return { player, what: workOf(text) };
    })
    .toReversed();
}
