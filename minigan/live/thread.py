"""The thread that plays: it owns the game, and between two moves it answers what was asked.

Nobody else touches the game. Who asks gets a future, and waits for it elsewhere:

    a tab   ask ─────┐
    a tab   ask ───┐ │                    ┌─ a command: carried out at once
    a tab   ask ─┐ │ │                    │
                 mailbox ── the thread ── ┼─ a look: when its turn comes, and once for all who
                                          │    ask the same; looking has a third of the time
                                          └─ nothing asked: play on

So ten tabs that look slow the game down no more than one does, and one that sleeps asks nothing.
Next: connections.py.
"""

from __future__ import annotations

import json
import math
import threading
import time
import traceback
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from minigan.errors import UserError
from minigan.live.protocol import PROTOCOL, Answer, Request, identity, refused, write_answer

LOOKS = ("frame", "look")  # what only shows the game; all else may change it
SHARE = 1 / 3  # of the time, at most, for looking while the game is played
PIECE = 0.02  # seconds of playing between two glances into the mailbox
HELD = 1.0  # seconds that a request for a newer frame waits for one
WAITING = 256  # requests at most


class Played(Protocol):
    """What the thread needs of a game: a session of session.py, or a run that watch.py shows."""

    @property
    def playing(self) -> bool: ...

    @property
    def serial(self) -> int: ...

    def answer(self, request: Request) -> Answer: ...

    def advance(self, seconds: float) -> int: ...

    def wait(self) -> float: ...


@dataclass(eq=False)
class Asked:
    """A request, and where its answer is waited for."""

    request: Request
    answer: Future[bytes] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    @property
    def is_look(self) -> bool:
        return self.request.get("ask") in LOOKS

    def same(self) -> str:
        """What requests have in common that one answer will do for."""
        return json.dumps({name: self.request[name] for name in self.request if name != "id"})


class GameThread(threading.Thread):
    """Plays a game until `end`; `ask` may be called from anywhere."""

    def __init__(self, game: Played) -> None:
        super().__init__(name="minigan-game", daemon=True)
        self.game = game
        self._mailbox: list[Asked] = []
        self._changed = threading.Condition()
        self._ended = False
        self._next_look = 0.0  # looking has had its share until then

    def ask(self, request: Request) -> Future[bytes]:
        """The answer, as JSON, once there is one. Raises UserError if too many wait already."""
        asked = Asked(request)
        with self._changed:
            if self._ended:
                raise UserError("the game has ended")
            if len(self._mailbox) >= WAITING:
                raise UserError(f"{WAITING} requests are waiting already; ask again in a second")
            self._mailbox.append(asked)
            self._changed.notify()
        return asked.answer

    def end(self) -> None:
        """Play no more; whoever still waits is told."""
        with self._changed:
            self._ended = True
            left, self._mailbox = self._mailbox, []
            self._changed.notify()
        for asked in left:
            settle(asked, write_answer(refused(asked.request, "the game has ended")))

    def run(self) -> None:
        while not self._ended:
            if self._answer_next() or self._play():
                continue
            with self._changed:
                if not self._ended and not self._next():
                    self._changed.wait(self._patience())

    def _play(self) -> int:
        """Play for a moment; how many rounds that were."""
        if not self.game.playing:
            return 0
        try:
            return self.game.advance(PIECE)
        except Exception:  # a fault of ours ends the playing, and neither the page nor the thread
            traceback.print_exc()
            answered(self.game, {"protocol": PROTOCOL, "ask": "play", "playing": False})
            return 0

    # ---- whose turn it is ----------------------------------------------------------------------

    def _next(self) -> Asked | None:
        """The request to be answered now: the first command, or else the first look that is due."""
        for asked in self._mailbox:
            if not asked.is_look:
                return asked
        now = time.monotonic()
        if self.game.playing and now < self._next_look:
            return None
        return next((asked for asked in self._mailbox if self._is_due(asked, now)), None)

    def _is_due(self, asked: Asked, now: float) -> bool:
        """A frame newer than what one has is there, or has been waited for long enough."""
        have = asked.request.get("after")
        return have is None or have != self.game.serial or now - asked.since >= HELD

    def _patience(self) -> float | None:
        """Seconds until something is to be done though nobody asks; None: there is nothing."""
        now = time.monotonic()
        held = [HELD - (now - asked.since) for asked in self._mailbox]
        if self.game.playing:
            held += [self.game.wait(), *([self._next_look - now] if self._mailbox else [])]
        soonest = min(held, default=math.inf)
        return None if soonest == math.inf else max(soonest, 0.001)

    # ---- answering -----------------------------------------------------------------------------

    def _answer_next(self) -> bool:
        """Answer one request, and those that ask the same; False if none has its turn."""
        with self._changed:
            first = self._next()
            if first is None:
                return False
            same = first.same()
            group = [first]
            if first.is_look:
                group = [one for one in self._mailbox if one.is_look and one.same() == same]
            self._mailbox = [one for one in self._mailbox if one not in group]
        began = time.monotonic()
        answer = answered(self.game, first.request)
        text = write_answer({name: answer[name] for name in answer if name != "id"})
        for asked in group:
            settle(asked, with_id(text, asked.request))
        if first.is_look:
            now = time.monotonic()
            self._next_look = now + (now - began) * (1 / SHARE - 1)
        return True


def answered(game: Played, request: Request) -> Answer:
    """The game's answer; a fault of ours is told to who asked, and to who reads the log."""
    try:
        return game.answer(request)
    except Exception as error:
        traceback.print_exc()
        return refused(request, f"this is a fault of minigan: {type(error).__name__}: {error}")


def with_id(text: bytes, request: Request) -> bytes:
    """The same answer, as JSON, to another request."""
    return b'{"id":' + json.dumps(identity(request)).encode() + b"," + text[1:]


def settle(asked: Asked, text: bytes) -> None:
    """Give the answer to who waits for it, if anybody still does."""
    if asked.answer.set_running_or_notify_cancel():
        asked.answer.set_result(text)
