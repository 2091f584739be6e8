"""Copies at even distances within a memory, and a journal that knows what is due."""

from minigan.live.history import FIRST_SPACING, History


class Counted:
    """A game that is a number."""

    def __init__(self, round=0):
        self.round = round

    def copy(self):
        return Counted(self.round)

    def size(self):
        return 10


def played(rounds, memory=10**9):
    history, game = History(memory), Counted()
    history.arrived(game, 0, None)
    for _ in range(rounds):
        game.round += 1
        history.arrived(game, 0, {"loss": float(game.round)})
    return history


def test_the_copy_before_a_round_is_the_last_one():
    history = played(100)
    assert list(history.copies) == list(range(0, 101, FIRST_SPACING))
    assert history.before(50)[0].round == 48
    assert history.before(48)[0].round == 32  # so that the way to 48 is played as well
    assert history.before(0)[0].round == 0


def test_copies_thin_out_and_stay_even():
    history = played(1000, memory=100)
    assert len(history.copies) <= 10 and list(history.copies)[0] == 0
    assert {at % history.spacing for at in history.copies} == {0}


def test_what_is_due():
    history = played(10)
    history.journal = [(3, {"a": 1}), (5, {"a": 2}), (5, {"b": 3}), (9, {"a": 4})]
    assert history.due(5, 0) == [{"a": 1}, {"a": 2}, {"b": 3}]
    assert history.due(5, 2) == [{"b": 3}]
    assert history.due(4, 1) == []


def test_another_future_forgets_the_one_that_was():
    history = played(100)
    history.journal = [(3, {"a": 1}), (60, {"a": 2})]
    assert history.diverge(50)
    assert history.journal == [(3, {"a": 1})] and history.newest == 50
    assert max(history.copies) == 48 and history.rows[-1][0] == 50
    assert not history.diverge(50)


def test_old_rows_become_fewer(monkeypatch):
    monkeypatch.setattr("minigan.live.history.MOST_ROWS", 10)
    history, game = History(10**9), Counted()
    history.arrived(game, 0, None)
    for round in range(1, 12):
        game.round = round
        history.arrived(game, 0, {"loss": round, **({"JS": round} if round == 5 else {})})
    assert [at for at, _ in history.rows] == [2, 4, 6, 8, 10, 11]
    assert history.rows[2] == (6, {"loss": 6, "JS": 5})


def test_rows_are_thinned_and_keep_what_is_rare():
    history = played(0)
    history.rows = [(n, {"loss": n, **({"JS": n} if n % 50 == 0 else {})}) for n in range(1, 1001)]
    rows = history.curve_rows(0, ("loss", "JS"), 100)
    assert len(rows) == 100 and rows[-1] == [1000, 1000, 1000]
    assert [row[2] for row in rows if row[2] is not None] == list(range(50, 1001, 50))
    assert [row[0] for row in history.curve_rows(990, ("loss",), 100)] == list(range(991, 1001))
