"""One game, and everybody who looks at it: answers requests, and plays in between.

There is no thread, no clock but for the speed, no file and no network here. Whoever owns a session
asks it to `answer`, one request at a time, and to `advance` for a while, in turn; so a request is
met between two moves, never within one. Wrong requests are answered with a line that says what was
wrong, and the game goes on.

Next: watch.py.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from math import inf, isfinite
from typing import Any

from minigan.errors import UserError
from minigan.evaluation.circumstances import versions
from minigan.live import protocol
from minigan.live.choices import described
from minigan.live.games import ALL_PARTS, Data, Games
from minigan.live.history import MOST_ENTRIES, Entry, History
from minigan.live.lines import Lines, sources
from minigan.live.play import PLAYERS, Play, Row
from minigan.live.protocol import Answer, Request, shown
from minigan.live.settings import Settings, checked_values, defaults

MEMORY = {"browser": 64 << 20, "server": 256 << 20}  # bytes for time travel
MOST_PARAMETERS = {"browser": 1100, "server": 2500}  # whose eigenvalues there is time for
MOST_ROWS = 1000  # of curves in one answer
TIMED = 100  # rounds over which the rate is a mean
AT_ONCE = 0.25  # seconds that `go` may play before it answers; the rest is played by `advance`
FASTEST = 1000.0  # rounds per second that can be asked for


class Session:
    """A game with its history, and the requests that can be made of it."""

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        data: Mapping[str, Data] | None = None,
        where: str = "server",
        memory: int | None = None,
    ) -> None:
        """`data`: what the game of images can learn, by name; each is called when it is chosen.

        Raises UserError for settings that are not right.
        """
        self.games = Games(data)
        self.where, self.memory = where, memory or MEMORY[where]
        self.serial = self.era = 0
        self.playing = False
        self.speed: float | None = None
        self.until: int | None = None
        self._begin(settings or {}, [])

    # ---- playing ------------------------------------------------------------------------------

    def advance(self, seconds: float) -> int:
        """Play for about so long, if the game is playing; returns how many rounds it played."""
        end, played = time.perf_counter() + seconds, 0
        while self.playing and self.wait() == 0:
            self._round()
            played += 1
            if time.perf_counter() >= end:
                break
        return played

    def wait(self) -> float:
        """Seconds until there is something to play: 0 for now, infinity while it is paused."""
        if not self.playing:
            return inf
        if self.speed is None or self._is_going:
            return 0.0
        return max(0.0, self._last + 1 / self.speed - time.perf_counter())

    def _round(self) -> None:
        """One round, to a new one or once more."""
        self._last = time.perf_counter()
        try:
            self._arrive(self._played())
        except (ValueError, ArithmeticError) as error:
            self._pause(f"the game cannot go on: {error}")
        self._times.append(time.perf_counter())

    def _played(self, lines: Lines | None = None) -> Row:
        """A round, and what it left behind; perhaps watched line by line."""
        with lines.watching() if lines else nullcontext():
            row = self.game.move("both")
        return row | self.game.after_round()

    def _arrive(self, row: Row) -> None:
        self.history.arrived(self.game, self.seen, row)
        self._catch_up()
        self._changed()
        lost = [name for name, value in row.items() if value is not None and not isfinite(value)]
        if lost and self.playing:
            self._pause(f"{lost[0]} is no longer a finite number; go back, and play more gently")
        elif self.until is not None and self.game.round >= self.until:
            self._pause()

    def _catch_up(self) -> None:
        """Do what the journal has for this round."""
        for change in self.history.due(self.game.round, self.seen):
            self.seen += 1
            self._apply(change)

    def _apply(self, change: Mapping[str, Any]) -> None:
        if "step" in change:
            self.game.move(change["step"])
        else:
            self.game.change({**self.game.values, **change})

    def _pause(self, note: str | None = None) -> None:
        self.playing, self.until, self._is_going = False, None, False
        self.note = note

    @property
    def rate(self) -> float:
        """Rounds per second, of the last ones."""
        if not self.playing or len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-9)

    def _changed(self) -> None:
        self.serial += 1
        self._parts.clear()

    # ---- requests -----------------------------------------------------------------------------

    def answer(self, request: Any) -> Answer:
        """The answer to any request, whatever it is; it never raises."""
        try:
            checked = protocol.checked(request)
            ask = protocol.word(checked, "ask", REQUESTS)
            return protocol.accepted(checked, REQUESTS[ask](self, checked))
        except UserError as error:
            return protocol.refused(request, error)
        except Exception as error:  # whatever it was, the game of all others goes on
            return protocol.refused(request, f"this failed with {type(error).__name__}: {error}")

    def hello(self, request: Request) -> Answer:
        """What there is: games, their settings, the source that plays, limits."""
        return {
            "version": versions()["minigan"],
            "where": self.where,
            "games": self.games.described(),
            "settings": {name: described(self.games.settings(name)) for name in self.games.names},
            "source": sources(self.game.acts()),
            "limits": {
                "bytes": protocol.MOST_BYTES,
                "speed": FASTEST,
                "memory": self.memory,
                "parameters": MOST_PARAMETERS[self.where],
                "rows": MOST_ROWS,
            },
        }

    def new(self, request: Request) -> Answer:
        """Begin anew, perhaps with a journal of what is to happen at which round."""
        given = request.get("settings", {})
        if not isinstance(given, Mapping):
            raise UserError(f"settings is an object of names and values, not {shown(given)}")
        self._begin(given, request.get("journal") or [])
        return self.frame({})

    def _begin(self, given: Mapping[str, Any], journal: Any) -> None:
        game, settings, values = self._made(given)
        entries = self._entries(journal, settings, game)
        self.game, self.settings, self.began = game, settings, values
        self.history, self.seen = History(self.memory), 0
        self.history.arrived(game, 0, None)
        self.history.journal = entries
        self._parts: dict[str, Any] = {}
        self._times: deque[float] = deque(maxlen=TIMED)
        self._last = 0.0
        self._pause()
        self._catch_up()
        self.era += 1
        self._changed()

    def _made(self, given: Mapping[str, Any]) -> tuple[Play, list[Any], Settings]:
        own = dict(given)
        name = protocol.word(own, "game", self.games.names, self.games.names[0])
        own.pop("game", None)
        settings = self.games.settings(name)
        values = {**defaults(settings), **checked_values(settings, own)}
        return self.games.make(name, values), settings, values

    def _entries(self, journal: Any, settings: list[Any], game: Play) -> list[Entry]:
        """A journal from elsewhere: [[round, {name: value}], …] in the order of rounds."""
        if not isinstance(journal, list | tuple) or len(journal) > MOST_ENTRIES:
            raise UserError(f"a journal is a list of at most {MOST_ENTRIES} entries")
        entries: list[Entry] = []
        for entry in journal:
            if not isinstance(entry, list | tuple) or len(entry) != 2:
                raise UserError(f"an entry of a journal is [round, change], not {shown(entry)}")
            at = protocol.whole({"round": entry[0]}, "round")
            if entries and at < entries[-1][0]:
                raise UserError(f"the rounds of a journal rise, and {at} comes too late")
            change = protocol.entries({"change": entry[1]}, "change")
            if set(change) == {"step"}:
                step = {"step": protocol.word(change, "step", ("D", "G"))}
                game.can_move(step["step"])
                entries.append((at, step))
            else:
                entries.append((at, self._changes(change, settings)))
        return entries

    def _changes(self, change: Mapping[str, Any], settings: list[Any]) -> Settings:
        """Changes of a game that is under way. Raises UserError."""
        values = checked_values(settings, change)
        fixed = {setting.name for setting in settings if not setting.live}
        if refused := sorted(fixed & set(values)):
            raise UserError(f"{refused[0]} stays as it is in this game; begin a new one with it")
        return values

    def change(self, request: Request) -> Answer:
        """Go on with other settings, from now on."""
        given = protocol.entries(request, "change")
        changes = self._changes(given, self.settings)
        before = self.game.values
        changes = {name: value for name, value in changes.items() if before[name] != value}
        if changes:
            self._room()
            self.game.change({**before, **changes})  # may refuse: then nothing has happened
            self._noted(changes)
        return self.frame(request)

    def _room(self) -> None:
        if len(self.history.journal) >= MOST_ENTRIES:
            raise UserError(f"the journal is full: {MOST_ENTRIES} changes; begin a new game")

    def _noted(self, change: dict[str, Any]) -> None:
        """Something was done that was not to come: whatever came after this is gone."""
        if self.history.diverge(self.game.round):
            self.era += 1
        self.history.journal.append((self.game.round, change))
        self.seen = len(self.history.journal)
        self._changed()

    def play(self, request: Request) -> Answer:
        """Play or pause, at a speed, until a round."""
        playing = protocol.truth(request, "playing")
        speed, until = request.get("speed"), request.get("until")
        if speed is not None:
            speed = protocol.number(request, "speed")
            if not 0 < speed <= FASTEST:
                raise UserError(f"speed is null, or above 0 and at most {FASTEST:g} a second")
        if until is not None:
            until = protocol.whole(request, "until")
        self._pause()
        self.playing = playing and (until is None or until > self.game.round)
        self.speed, self.until = speed, until if self.playing else None
        self._times.clear()
        self._changed()
        return self.frame(request)

    def step(self, request: Request) -> Answer:
        """One move, paused; with `trace`, also the lines of the source that played it."""
        player = protocol.word(request, "player", PLAYERS, "both")
        trace, wants = protocol.truth(request, "trace", False), self._wanted(request)
        self.game.can_move(player)
        if player != "both":
            self._room()
        self._pause()
        lines = Lines(self.game.acts(), self._moves, lambda: self._seen(wants))
        if player == "both":
            self._arrive(self._played(lines if trace else None))
        else:
            with lines.watching() if trace else nullcontext():
                self.game.move(player)
            self._noted({"step": player})
        return {**self.frame(request), "lines": lines.noted}

    def _moves(self) -> list[int]:
        """How often the optimizers have moved: it tells when a network is another one."""
        return [
            count
            for _, optimizer in self.game.players().values()
            for count in optimizer.memory.counts
        ]

    def go(self, request: Request) -> Answer:
        """Travel to a round that was played: the last copy before it, and then once more."""
        to = protocol.whole(request, "round")
        if to > self.history.newest:
            raise UserError(
                f"round {to} has not been played; the newest is {self.history.newest}. Play on"
            )
        self._pause()
        if to != self.game.round:
            self.game, self.seen = self.history.before(to)
            self._catch_up()
            self._changed()
        if to > self.game.round:
            self.playing, self.until, self._is_going = True, to, True
            self.advance(AT_ONCE)
        return self.frame(request)

    def look(self, request: Request) -> Answer:
        """Look at something on demand; the game does not notice."""
        what = protocol.word(request, "what", self.game.sights)
        most, count = MOST_PARAMETERS[self.where], self.game.count()
        if what == "eigenvalues" and count > most:
            raise UserError(
                f"the eigenvalues of {count:,} parameters take too long; choose narrower networks, "
                f"with at most {most:,} in all"
            )
        look: Callable[[Request], dict[str, Any]] = getattr(self.game, f"look_{what}")
        return {"what": what, **look(request)}

    # ---- a frame ------------------------------------------------------------------------------

    def frame(self, request: Request) -> Answer:
        """What there is to see now."""
        after = request.get("after")
        if after is not None and protocol.whole(request, "after") == self.serial:
            return {"unchanged": True, "serial": self.serial}
        wants = self._wanted(request)
        since = protocol.whole(request, "since", -1, low=-1)
        history, game = self.history, self.game
        names = game.curves
        return {
            "round": game.round,
            "newest": history.newest,
            "oldest": 0,
            "serial": self.serial,
            "era": self.era,
            "playing": self.playing,
            "speed": self.speed,
            "until": self.until,
            "rate": self.rate,
            "note": self.note,
            "game": game.name,
            "settings": game.values,
            "began": self.began,
            "journal": [[at, change] for at, change in history.journal],
            "curves": {"names": names, "rows": history.curve_rows(since, names, MOST_ROWS)},
            **self._parts_of(wants),
        }

    def _wanted(self, request: Request) -> list[str]:
        wants = request.get("wants", [])
        if not isinstance(wants, list | tuple) or len(wants) > 20:
            raise UserError(f"wants is a list of parts, not {shown(wants)}")
        return list(dict.fromkeys(protocol.word({"wants": w}, "wants", ALL_PARTS) for w in wants))

    def _seen(self, wants: list[str]) -> dict[str, Any]:
        """Parts as they are this moment, also in the middle of a move."""
        return {name: self.game.part(name, hurried=self.playing) for name in wants}

    def _parts_of(self, wants: list[str]) -> dict[str, Any]:
        """The same between moves: of two who look at one round, the second finds them made."""
        self._parts |= self._seen([name for name in wants if name not in self._parts])
        return {name: self._parts[name] for name in wants}


REQUESTS: dict[str, Callable[[Session, Request], Answer]] = {
    name: getattr(Session, name)
    for name in ("hello", "new", "change", "play", "step", "go", "frame", "look")
}
