"""What a documented command means: the settings of each row of the tables, and all their flags.

rows.json holds the settings in full, as they were when the row was first made. A row's command may
become shorter, because a default has become what it had to name; what it trains may not change.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from minigan.errors import UserError
from minigan.training.command import with_flags

Example = Callable[[str], ModuleType]
ROOT = Path(__file__).parents[2]
ROWS = json.loads(Path(__file__).with_name("rows.json").read_text(encoding="utf-8"))
RECORDS = [
    json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "docs" / "results" / "data" / "runs").glob("*.json"))
]
EARLIER = json.loads((ROOT / "docs/results/data/earlier.json").read_text(encoding="utf-8"))
OF_DATA = {"image_shape", "image_size", "channels", "updates_per_epoch"}
# Of these 512 one batch of each system can be made.
FEW = ["--max-steps", "1", "--train-count", "512", "--threads", "1"]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The commands of docs/measure.py, which is in no package."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import measure

    return dict(measure.RUNS)


def meaning(example: Example, command: str) -> dict[str, Any]:
    """What `python examples/NAME.py …` trains, but for what depends on the images."""
    script, *flags = shlex.split(command)
    module = example(Path(script).stem)
    options = module.parser().parse_args(flags)
    settings = vars(with_flags(module.RECIPES[options.recipe], options))
    known = {name: value for name, value in settings.items() if name not in OF_DATA}
    return json.loads(json.dumps({**known, "images": options.train_count}))


def expected(row: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in row["settings"].items() if name not in OF_DATA}
    return {**known, "images": row["images"]}


def test_every_row_still_means_what_it_meant(example: Example, rows: dict[str, str]) -> None:
    for name, row in ROWS.items():
        assert meaning(example, rows[name]) == expected(row), name
        if name in EARLIER["systems"]:
            assert meaning(example, EARLIER["systems"][name]["command"]) == expected(row), name


def test_every_record_is_of_its_row(example: Example, rows: dict[str, str]) -> None:
    for record in RECORDS:
        command = record["training"]["command"].removeprefix("python ")
        assert command.endswith(f" --seed {record['seed']} --threads 1")
        known = meaning(example, command)
        assert known == meaning(example, rows[record["name"]]), command
        if "settings" in record:
            images = {"images": known["images"]}
            assert known == expected({"settings": record["settings"], **images}), command


@pytest.mark.parametrize(
    "name", ["gan", "lsgan-fixed", "dcgan-64", "conditional-30", "original", "wgan_gp"]
)
def test_the_default_is_the_row_that_is_shown(
    example: Example, rows: dict[str, str], name: str, tmp_path: Path
) -> None:
    """Really run, one step each: most of the seconds are the checkpoint's, of full networks."""
    script, *flags = shlex.split(rows[name])
    assert flags == []
    assert example(Path(script).stem).main([*FEW, "--out", str(tmp_path)]) == 0
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    row = ROWS[name]["settings"]
    if "updates_per_epoch" in row:
        row = {**row, "updates_per_epoch": 512 // row["batch_size"]}
    assert config["settings"] == row and config["epochs"] == row["epochs"]
    assert config.get("average") == row["average"]


PUBLISHED = {
    "mnist_gan": "tutorial",
    "lsgan": "tutorial",
    "dcgan": "tutorial",
    "conditional_gan": "tutorial",
    "original_gan": "paper",
}


@pytest.mark.parametrize(("name", "recipe"), PUBLISHED.items())
def test_a_published_recipe_is_the_published_one(example: Example, name: str, recipe: str) -> None:
    """The defaults of the class Recipe, which the tests of minigan/gans/ compare with torch."""
    published = vars(type(example(name).RECIPES[recipe])())
    row = {"settings": json.loads(json.dumps(published))}
    script = f"examples/{name}.py"
    images = {"images": meaning(example, script)["images"]}
    assert meaning(example, f"{script} --recipe {recipe}") == expected({**row, **images})
    assert published["average"] is None


def test_a_run_of_an_older_default_goes_on_as_the_recipe_that_it_was(
    example: Example, pictures: Path, tiny: list[str], tmp_path: Path
) -> None:
    """The DCGAN's default was the tutorial's recipe, which keeps no average."""
    main, flags = example("dcgan").main, ["--data", str(pictures), *tiny, "--out", str(tmp_path)]
    main([*flags, "--recipe", "tutorial", "--max-steps", "1"])
    with pytest.raises(UserError, match=r"average was None and is now 0\.999"):
        main([*flags, "--resume"])
    assert main([*flags, "--recipe", "tutorial", "--resume", "--max-steps", "2"]) == 0
    assert main([*flags, "--average", "none", "--resume", "--max-steps", "3"]) == 0


COMMAND = re.compile(r"examples/(\w+)\.py([^`|#&]*)")


def documented() -> list[tuple[str, str, str]]:
    """Page, example and flags of each command of README.md and docs/ that is written out."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        spans = re.findall(r"`(?:python )?(examples/\w+\.py[^`]*)`", text)
        spans += re.findall(r"^ *(?:.*&& )?\S*python (examples/.*)$", text, re.MULTILINE)
        for span in spans:
            name, flags = COMMAND.match(span).groups()  # type: ignore[union-attr]
            if flags.strip() and "…" not in flags:  # without flags it may be a name alone
                found.append((page.name, name, " ".join(flags.split())))
    return found


def test_every_documented_command_can_be_given(example: Example) -> None:
    commands = documented()
    assert len(commands) > 30
    for page, name, flags in commands:
        module = example(name)
        try:
            module.parser().parse_args(shlex.split(flags))
        except SystemExit:
            pytest.fail(f"{page}: examples/{name}.py {flags}")
