"""Time travel: copies of the game at some rounds, and a journal of what was done in between.

To come back to a round, the last copy before it plays again, with the same changes at the same
rounds. Since all random numbers are the game's own, it ends in the same bits. Copies are kept at
even distances, and every other one is dropped when they take more memory than they may.

    round      0       16      32      48      64      80   newest
    copies     *       *       *       *       *       *
    journal         ^ rate            ^ loss    ^ a step of D alone

Next: lines.py.
"""

from __future__ import annotations

from typing import Any

from minigan.live.play import Play, Row

FIRST_SPACING = 16  # rounds from one copy to the next, until they become too many
MOST_ENTRIES = 2000  # of a journal
MOST_ROWS = 20_000  # of the curves, even; then every two become one

Entry = tuple[int, dict[str, Any]]  # at which round, and what: settings, or {"step": "D"}


class History:
    """Where the game has been."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.spacing = FIRST_SPACING
        self.copies: dict[int, tuple[Play, int]] = {}  # the game, and how many entries it had seen
        self.journal: list[Entry] = []
        self.rows: list[tuple[int, Row]] = []
        self.newest = 0

    def arrived(self, game: Play, seen: int, row: Row | None) -> None:
        """The game has come to a round: to one that was never played, or once more."""
        here = game.round
        self.newest = max(self.newest, here)
        if row is not None and (not self.rows or self.rows[-1][0] < here):
            self.rows.append((here, row))
            if len(self.rows) >= MOST_ROWS:
                pairs = zip(self.rows[::2], self.rows[1::2], strict=False)
                self.rows = [(at, first | second) for (_, first), (at, second) in pairs]
        if here % self.spacing == 0 and here not in self.copies:
            self.copies[here] = (game.copy(), seen)
            self._thin(game.size())

    def _thin(self, size: int) -> None:
        """Drop every other copy while there is no room; the first one always stays."""
        while len(self.copies) > 2 and len(self.copies) * size > self.memory:
            self.spacing *= 2
            self.copies = {at: kept for at, kept in self.copies.items() if at % self.spacing == 0}

    def before(self, round: int) -> tuple[Play, int]:
        """A copy from which this round can be played, and how many entries it has seen.

        One from earlier than the round, if there is one, so that the losses and the gradients of
        the way there are there, too.
        """
        at = max((at for at in self.copies if at < round), default=0)
        game, seen = self.copies[at]
        return game.copy(), seen

    def due(self, round: int, seen: int) -> list[dict[str, Any]]:
        """What happened up to this round and has not been seen."""
        return [change for at, change in self.journal[seen:] if at <= round]

    def diverge(self, round: int) -> bool:
        """Forget all that came after this round; whether there was anything."""
        kept = [entry for entry in self.journal if entry[0] <= round]
        is_new = round < self.newest or len(kept) < len(self.journal)
        self.journal, self.newest = kept, round
        self.copies = {at: copy for at, copy in self.copies.items() if at <= round}
        while self.rows and self.rows[-1][0] > round:
            self.rows.pop()
        return is_new

    def curve_rows(self, since: int, names: tuple[str, ...], most: int) -> list[list[Any]]:
        """The rows after a round, at most so many: of several that become one, the last word on
        each curve."""
        rows = [(at, row) for at, row in self.rows if at > since]
        stride = max(1, -(-len(rows) // most))
        thinned = []
        for start in range(0, len(rows), stride):
            group = rows[start : start + stride]
            last: Row = {}
            for _, row in group:
                last |= row
            thinned.append([group[-1][0], *(last.get(name) for name in names)])
        return thinned
