"""Settings: what is in their limits passes, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.live.choices import LINE, PLANE, images
from minigan.live.settings import checked_values, defaults

ALL = {
    "plane": PLANE,
    "line": LINE,
    "images": images(["mnist"], ["small", "large"]),
}


@pytest.mark.parametrize("game", ALL)
def test_defaults_are_right_and_names_are_single(game):
    settings = ALL[game]
    values = defaults(settings)
    assert len(values) == len(settings)
    assert checked_values(settings, values) == values
    assert all(setting.help.endswith(".") for setting in settings)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("widht", 3, "there is no setting .widht"),
        ("data", "rnig of 8", "did you mean ring of 8"),
        ("generator_width", 0, "a whole number from 1 to 256, not 0"),
        ("generator_width", 2.5, "not 2.5"),
        ("generator_width", True, "not true"),
        ("generator_lr", float("nan"), "a number from 1e-05 to 1"),
        ("generator_lr", "1", "a number"),
        ("points", [], "1 to 200 points"),
        ("points", [[0, 0]] * 201, "1 to 200 points"),
        ("points", [[0, 9]], "two numbers from -2.5 to 2.5"),
        ("points", [[0, float("nan")]], "two numbers"),
        ("points", [[0]], "two numbers"),
    ],
)
def test_a_wrong_value_is_refused(name, value, says):
    with pytest.raises(UserError, match=says):
        checked_values(PLANE, {name: value})


def test_javascripts_whole_numbers_are_whole():
    assert checked_values(PLANE, {"generator_width": 8.0}) == {"generator_width": 8}


@given(st.sampled_from(PLANE), st.floats() | st.integers() | st.text() | st.none())
def test_any_value_is_taken_as_it_is_or_refused_in_one_line(setting, value):
    try:
        assert setting.checked(value) == value
    except UserError as error:
        assert str(error).startswith(setting.name) and "\n" not in str(error)
