"""A command line that helps: groups, examples, and a mistake in one line with what was meant."""

import pytest

from minigan.errors import did_you_mean
from minigan.training.parser import Parser, positive


@pytest.fixture
def parser():
    parser = Parser(
        "/somewhere/examples/bake.py",
        "Bake.",
        takes="flour",
        examples=["rye.txt", "rye.txt --form round"],
        leaves={"bread": "a loaf"},
    )
    add = parser.group("what").add_argument
    add("flour", help="a file")
    add("--form", choices=["round", "long"], default="long", help="of the loaf")
    parser.group("oven").add_argument("--baking-minutes", type=positive, help="as it says")
    parser.group("what").add_argument("--salted", action="store_true", help="with salt")
    return parser


def test_help_has_groups_defaults_files_and_examples(parser, capsys):
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: python examples/bake.py flour [flags]\n\nBake.\n\nwhat:\n")
    order = ["what:", "a file", "--form {round,long}", "of the loaf (default: long)", "--salted",
             "oven:", "--baking-minutes N", "what it leaves:\n  bread  a loaf\n",
             "examples:\n  python examples/bake.py rye.txt\n",
             "  python examples/bake.py rye.txt --form round\n"]  # fmt: skip
    places = [said.index(words) for words in order]
    assert places == sorted(places)
    assert "(default: False)" not in said and "(default: None)" not in said


def test_rows_say_what_help_says(parser):
    what, oven = parser.rows()
    assert what == ("what", "", [
        ("flour", "a file"),
        ("--form {round,long}", "of the loaf (default: long)"),
        ("--salted", "with salt"),
    ])  # fmt: skip
    assert oven == ("oven", "", [("--baking-minutes N", "as it says")])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rye --from round", "there is no flag --from; did you mean --form?"),
        ("--bakingminutes 3", "there is no flag --bakingminutes; did you mean --baking-minutes?"),
        ("rye --bakingminutes=3", "flag --bakingminutes; did you mean --baking-minutes?"),
        ("rye --xylophone", "there is no flag --xylophone (--help lists all flags)"),
        ("rye wheat", "there is no place for wheat"),
        ("rye --form rond", "--form: rond is none of round, long; did you mean round?"),
        ("rye --form 7", "--form: 7 is none of round, long\n"),
        ("rye --baking-minutes x", "--baking-minutes: must be a whole number of at least 1"),
        ("rye --baking-minutes 9999999999", "must be at most 2147483647, not 9999999999"),
        ("rye --baking-minutes", "--baking-minutes: expected one argument"),
        ("", "the following arguments are required: flour"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(parser, capsys, line, says):
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(line.split())
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and says in said


def test_without_a_script_it_is_the_program_that_runs(monkeypatch):
    monkeypatch.setattr("sys.argv", ["-c"])
    assert Parser("", "Nothing.").prog == "python -c"


def test_did_you_mean():
    assert did_you_mean("tutorail", ["fixed", "tutorial"]) == "; did you mean tutorial?"
    assert did_you_mean("x", ["fixed", "tutorial"]) == ""
    assert did_you_mean("x", []) == ""
