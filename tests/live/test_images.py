"""The game of images: every system, exact journeys, and the nearest image is the nearest."""

import base64

import numpy as np
import pytest
from test_session import ask, play_to, refusal

from minigan.data.loader import ImageDataset
from minigan.data.mnist import mnist
from minigan.live.images import recipes
from minigan.live.session import Session


@pytest.fixture(scope="module")
def digits():
    return mnist("test").first(300)


def numbers(sent):
    values = np.frombuffer(base64.b64decode(sent["data"]), sent["dtype"])
    return values.reshape(sent["shape"])


def begin(digits, recipe, **settings):
    chosen = {"game": "images", "recipe": recipe, "batch_size": 8, **settings}
    return Session(chosen, data={"digits": lambda: digits})


def weights(session):
    return [p.array.tobytes() for _, _, p in session.game.parameters()]


@pytest.mark.parametrize(
    "recipe", ["small, any digit", "small, a digit of your choice", "lsgan: fixed"]
)
def test_it_plays_is_seen_and_travels(digits, recipe):
    session = begin(digits, recipe)
    play_to(session, 2)
    wants = list(session.game.parts)
    before = ask(session, "frame", wants=wants)
    assert numbers(before["samples"]["pixels"]).shape == (50, 1, 28, 28)
    assert np.ptp(numbers(before["samples"]["pixels"])) > 0
    counts = before["scores"]
    assert numbers(counts["real"]).sum() == numbers(counts["fake"]).sum() == 200
    play_to(session, 40)  # beyond an epoch
    last = weights(session)
    after = ask(session, "go", round=2, wants=wants)
    while session.playing:
        session.advance(1)
    after = ask(session, "frame", wants=wants)
    assert {name: after[name] for name in wants} == {name: before[name] for name in wants}
    play_to(session, 40)
    assert weights(session) == last


@pytest.mark.parametrize("recipe", list(recipes()))
def test_every_recipe_begins(digits, recipe):
    session = begin(digits, recipe)
    assert ask(session, "hello")["source"][0]["function"].endswith(".step")
    assert "is one piece" in refusal(session, "step", player="D")


def test_the_nearest_image_is_the_nearest(digits):
    session = begin(digits, "small, any digit")
    found = ask(session, "look", what="nearest", index=3)
    shown = numbers(found["shown"]).astype(float) / 255
    away = np.sqrt(((digits.images / 255 - shown) ** 2).sum((1, 2, 3)))
    assert found["index"] == away.argmin()
    assert found["distance"] == pytest.approx(away.min())
    np.testing.assert_array_equal(numbers(found["image"]), digits.images[found["index"]])
    assert "index is one of the samples, 0 to 49" in refusal(
        session, "look", what="nearest", index=50
    )


def test_a_digit_of_ones_choice(digits):
    session = begin(digits, "small, a digit of your choice")
    images = [
        ask(session, "look", what="latent", x=1, y=0, label=label)["image"] for label in (3, 4)
    ]
    assert images[0] != images[1]
    assert "a class from 0 to 9, not 10" in refusal(session, "look", what="latent", label=10)


def test_what_does_not_fit_is_refused(digits):
    gray = ImageDataset(np.zeros((20, 1, 28, 28), np.uint8), name="gray")
    session = begin(gray, "small, any digit")
    error = refusal(
        session, "new", settings={"game": "images", "recipe": "small, a digit of your choice"}
    )
    assert "gray has no classes" in error
    assert "a round takes 1 × 500 images" in refusal(session, "change", change={"batch_size": 500})
    assert "at least two images" in refusal(session, "change", change={"batch_size": 1})
    assert session.game.batch_size == 8


def test_rates_are_multiples_of_the_recipes(digits):
    session = begin(digits, "small, any digit")
    ask(session, "change", change={"generator_rate": 2})
    assert session.game.gan.generator_optimizer.lr == 2e-3
    assert session.game.gan.discriminator_optimizer.lr == 1e-3
