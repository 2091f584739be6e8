"""The engine inside a browser: page/worker.js hands it requests as text, and lets it play.

A browser gives the engine one thread, so looking and playing take turns: each time that the page
has been shown something, the game is played for twice as long as that took.
Next: site.py, which writes the page that this belongs to.
"""

from __future__ import annotations

import time

from minigan.errors import UserError
from minigan.live.protocol import read_request, refused, write_answer
from minigan.live.thread import LOOKS, SHARE, Played, answered

LONGEST = 0.25  # seconds of playing before the page is heard again


class Engine:
    """A game for page/worker.js, which knows text and seconds."""

    def __init__(self, game: Played) -> None:
        self.game = game
        self._looking = 0.0  # seconds since the game was last played

    def answer(self, text: str) -> str:
        """The answer to a request, both as JSON."""
        began = time.perf_counter()
        try:
            request = read_request(text)
        except UserError as error:
            return write_answer(refused(None, error)).decode()
        answer = write_answer(answered(self.game, request)).decode()
        if request.get("ask") in LOOKS:
            self._looking += time.perf_counter() - began
        return answer

    def advance(self, seconds: float) -> float:
        """Play for about so many seconds, or longer, and say in how many there is more to do."""
        seconds = max(seconds, min(self._looking * (1 / SHARE - 1), LONGEST))
        self._looking = 0.0
        if self.game.playing and self.game.advance(seconds):
            return 0.0
        return self.game.wait()
