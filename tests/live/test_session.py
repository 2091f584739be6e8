"""A whole session by its requests: every answer conforms to schema.json, and nothing stops it."""

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema import conforms
from test_protocol import JSON

from minigan.live.games import ALL_PARTS
from minigan.live.protocol import write_answer
from minigan.live.session import REQUESTS, Session

SMALL = {"generator_width": 4, "discriminator_width": 4, "batch_size": 8, "measure_every": 0}


def ask(session, ask, **fields):
    """The content of an answer that must be right."""
    answer = session.answer({"protocol": 1, "id": 1, "ask": ask, **fields})
    assert answer["ok"], answer
    return conforms(answer, ask)


def refusal(session, ask, **fields):
    answer = conforms(session.answer({"protocol": 1, "id": 1, "ask": ask, **fields}), ask)
    assert not answer["ok"]
    return answer["error"]


def play_to(session, round):
    ask(session, "play", playing=True, until=round)
    while session.playing:
        session.advance(1)
    assert session.game.round == round


def bits(session):
    """All that the next round depends on."""
    game = session.game.game
    return (
        [p.array.tobytes() for _, _, p in session.game.parameters()]
        + [
            line.tobytes()
            for optimizer in (game.generator_optimizer, game.discriminator_optimizer)
            for line in optimizer.memory.flat.values()
        ]
        + [repr(session.game.random.state_dict())]
    )


@pytest.mark.parametrize("game", ["plane", "line"])
def test_hello_and_every_part_of_a_frame(game):
    session = Session({"game": game, **SMALL, "measure_every": 2})
    hello = ask(session, "hello")
    assert [each["name"] for each in hello["games"]] == ["plane", "line", "images"]
    assert "def discriminator_step" in "".join(each["text"] for each in hello["source"])
    play_to(session, 5)
    wants = list(session.game.parts)
    frame = ask(session, "frame", wants=wants)
    assert set(wants) <= set(frame)
    assert frame["curves"]["names"] == ["D loss", "G loss", "KL", "JS"]
    assert [row[0] for row in frame["curves"]["rows"]] == [1, 2, 3, 4, 5]
    assert [row[4] is None for row in frame["curves"]["rows"]] == [True, False, True, False, True]
    for what in session.game.sights:
        ask(session, "look", what=what, x=[0.5, 0.1] if what == "point" else 0.5, y=-1)


def test_looking_changes_nothing():
    looked, alone = Session(SMALL), Session(SMALL)
    for session in (looked, alone):
        for _ in range(3):
            ask(session, "step")
            if session is looked:
                ask(session, "frame", wants=list(session.game.parts))
                ask(session, "look", what="eigenvalues")
                ask(session, "look", what="point", x=[0, 0])
    assert bits(looked) == bits(alone)


def test_a_trace_changes_nothing_and_shows_the_lines_that_are_there():
    traced, alone = Session(SMALL), Session(SMALL)
    lines = ask(traced, "step", trace=True, wants=["samples"])["lines"]
    ask(alone, "step")
    assert bits(traced) == bits(alone)
    shown = [line for line in lines if "look" in line]
    assert len(shown) == 2  # D has moved, and then G
    assert shown[0]["look"]["samples"] != shown[1]["look"]["samples"]
    texts = {each["function"]: each for each in ask(alone, "hello")["source"]}
    for line in lines:
        source = texts[line["function"].replace("<locals>.", "")]
        assert 0 <= line["line"] - source["first"] < len(source["text"].splitlines())
    assert "minimize" in texts[shown[0]["function"]]["text"]


# ---- time --------------------------------------------------------------------------------------


def test_going_back_and_on_ends_in_the_same_bits():
    whole, travelled = Session(SMALL), Session(SMALL)
    for session in (whole, travelled):
        play_to(session, 20)
        ask(session, "change", change={"generator_lr": 0.01, "objective": "least squares"})
        play_to(session, 30)
        ask(session, "step", player="D")
        play_to(session, 37)
        ask(session, "change", change={"discriminator_width": 6, "data": "line"})
        play_to(session, 50)
    for round in (20, 5, 33, 0, 30, 49, 50):
        frame = ask(travelled, "go", round=round, wants=["gradients"])
        assert frame["round"] == round and frame["newest"] == 50
    assert bits(travelled) == bits(whole)
    assert ask(travelled, "frame")["journal"] == ask(whole, "frame")["journal"]
    play_to(travelled, 60)
    play_to(whole, 60)
    assert bits(travelled) == bits(whole)


def test_what_is_seen_after_a_journey_is_what_was_seen():
    session = Session(SMALL)
    play_to(session, 20)
    wants = list(session.game.parts)
    before = ask(session, "frame", wants=wants)
    play_to(session, 40)
    after = ask(session, "go", round=20, wants=wants)
    assert {name: after[name] for name in wants} == {name: before[name] for name in wants}


def test_a_change_in_the_past_is_another_future():
    session = Session(SMALL)
    play_to(session, 40)
    era = ask(session, "frame")["era"]
    assert ask(session, "go", round=10)["era"] == era
    frame = ask(session, "change", change={"generator_lr": 0.1})
    assert frame["era"] > era and frame["newest"] == 10
    assert frame["curves"]["rows"][-1][0] == 10
    assert "newest is 10" in refusal(session, "go", round=11)


def test_a_link_plays_the_same_game_again():
    session = Session({**SMALL, "seed": 3})
    play_to(session, 7)
    ask(session, "change", change={"beta1": 0.0})
    ask(session, "step", player="G")
    play_to(session, 12)
    frame = ask(session, "frame")
    again = Session(SMALL)
    ask(again, "new", settings={"game": "plane", **frame["began"]}, journal=frame["journal"])
    play_to(again, frame["round"])
    assert bits(again) == bits(session)


def test_copies_stay_within_their_memory():
    session = Session(SMALL, memory=200_000)
    play_to(session, 300)
    history = session.history
    assert len(history.copies) * session.game.size() <= 200_000
    assert 0 in history.copies and history.spacing > 16
    there = bits(session)
    ask(session, "go", round=150)
    while session.playing:
        session.advance(1)
    play_to(session, 300)
    assert bits(session) == there


def test_speed_is_kept():
    session = Session(SMALL)
    ask(session, "play", playing=True, speed=5)
    assert session.advance(0.01) == 1 and 0.1 < session.wait() <= 0.2
    assert session.advance(0.01) == 0
    ask(session, "play", playing=False)
    assert session.wait() == math.inf


# ---- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"ask": "fly"}, "ask is one of hello"),
        ({"ask": "change", "change": {"seed": 3}}, "seed stays as it is in this game"),
        ({"ask": "change", "change": 3}, "change is an object"),
        ({"ask": "change", "change": {"generator_width": 1e9}}, "from 1 to 256"),
        ({"ask": "new", "settings": {"game": "chess"}}, "game is one of plane, line, images"),
        ({"ask": "new", "settings": []}, "settings is an object"),
        ({"ask": "new", "journal": [[5, {"beta1": 0}], [4, {"beta1": 0}]]}, "comes too late"),
        ({"ask": "new", "journal": [[5]]}, "an entry of a journal is"),
        ({"ask": "new", "journal": [[5, {"step": "both"}]]}, "step is one of D, G"),
        ({"ask": "new", "journal": [[5, {"seed": 1}]]}, "seed stays"),
        ({"ask": "play"}, "playing is true or false, not null"),
        ({"ask": "play", "playing": True, "speed": 0}, "speed is null, or above 0"),
        ({"ask": "play", "playing": True, "speed": float("nan")}, "speed is a number"),
        ({"ask": "go", "round": 1}, "has not been played"),
        ({"ask": "go", "round": -1}, "a whole number from 0 up"),
        ({"ask": "frame", "wants": ["everything"]}, "wants is one of"),
        ({"ask": "frame", "wants": ["map"]}, "the game plane shows samples"),
        ({"ask": "frame", "wants": "samples"}, "wants is a list"),
        ({"ask": "look", "what": "stars"}, "what is one of point, latent, eigenvalues"),
        ({"ask": "look", "what": "point", "x": [0, 99]}, "between -3 and 3"),
        ({"ask": "step", "player": "E"}, "player is one of D, G, both"),
    ],
)
def test_a_wrong_request_is_refused_and_changes_nothing(request_, says):
    session = Session(SMALL)
    before, serial = bits(session), session.serial
    error = refusal(session, **request_)
    assert says in error
    assert bits(session) == before and session.serial == serial


def test_eigenvalues_of_wide_networks_are_refused():
    session = Session({"generator_width": 64})
    assert "take too long; choose narrower" in refusal(session, "look", what="eigenvalues")


def test_a_game_that_leaves_the_numbers_stops_and_can_go_back():
    session = Session({**SMALL, "discriminator_optimizer": "SGD", "generator_optimizer": "SGD"})
    play_to(session, 3)
    wild = {"objective": "Wasserstein", "generator_lr": 1.0, "discriminator_lr": 1.0}
    ask(session, "change", change={**wild, "activation": "ReLU"})
    with np.errstate(all="ignore"):
        ask(session, "play", playing=True, until=3000)
        while session.playing:
            session.advance(1)
        frame = ask(session, "frame", wants=list(session.game.parts))
    assert "no longer a finite number" in frame["note"]
    assert ask(session, "go", round=2)["round"] == 2
    assert ask(session, "step")["note"] is None


REASONABLE = st.fixed_dictionaries(
    {"ask": st.sampled_from(sorted(REQUESTS))},
    optional={
        "settings": JSON,
        "change": st.dictionaries(st.sampled_from(sorted(SMALL)), JSON, max_size=2) | JSON,
        "journal": st.lists(st.tuples(st.integers(0, 9), JSON).map(list), max_size=3) | JSON,
        "playing": st.booleans() | JSON,
        "speed": st.floats() | JSON,
        "until": st.integers(0, 30) | JSON,
        "player": st.sampled_from(["D", "G", "both"]) | JSON,
        "trace": st.booleans() | JSON,
        "round": st.integers(-1, 30) | JSON,
        "after": st.integers(0, 50) | JSON,
        "since": st.integers(-1, 30) | JSON,
        "wants": st.lists(st.sampled_from(ALL_PARTS), max_size=3) | JSON,
        "what": st.sampled_from(["point", "latent", "nearest"]) | JSON,
        "x": st.floats() | st.lists(st.floats(-4, 4), max_size=3) | JSON,
        "y": st.floats() | JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=15)
@given(st.lists(REASONABLE, max_size=8))
def test_whatever_is_asked_in_whatever_order_is_answered(requests):
    session = Session(SMALL)
    for request in requests:
        answer = session.answer({"protocol": 1, "id": 5, **request})
        received = conforms(answer, request["ask"])
        assert received["id"] == 5
        assert "this failed with" not in received.get("error", ""), received
        session.advance(0.001)
    ask(session, "step")


@given(JSON)
def test_what_is_no_request_at_all_is_answered_too(request_):
    session = Session(SMALL)
    assert json.loads(write_answer(session.answer(request_)))["ok"] is False
