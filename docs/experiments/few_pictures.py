"""Few pictures, plain and augmented: python docs/experiments/few_pictures.py PICTURES RUNS

A small DCGAN learns from 250 pictures. PICTURES are those of emoji.py. Each run lies in RUNS/NAME,
and one that is there is not made again. Its scores go into docs/results/data/few_pictures.json, and
its pictures into docs/results/emoji/.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kept import DATA, ROOT, Kept
from PIL import Image

from minigan.files import make_folder
from minigan.training.checkpoint import load_checkpoint
from minigan.training.command import path, run_command

SMALL = "--image-size 32 --ngf 32 --ndf 32 --batch-size 32 --train-count 250"
LONG = "--loss logits --average 0.99 --epochs 400 --sample-every 400 --threads 1 --seed 0"
KINDS = {"plain": "", "augmented": "--flip --augment color,translation,cutout"}
LAST = 1_000  # iterations, at the beginning and at the end, whose losses are compared
SHOWN = {
    "evaluation_generator.png": "grid.png",
    "evaluation_generator_nearest.png": "nearest.png",
}


def made(name: str, pictures: Path, run: Path) -> dict[str, Any]:
    """The scores of a run, which is trained first if it is not there."""
    given = shlex.split(f"{SMALL} {LONG} {KINDS[name]}")
    train = ["examples/dcgan.py", "--data", str(pictures), *given, "--out", str(run)]
    if not (run / "checkpoint.safetensors").exists():
        subprocess.run([sys.executable, str(ROOT / train[0]), *train[1:]], check=True)
    score = ["examples/evaluate.py", str(run), "--threads", "1"]
    subprocess.run([sys.executable, str(ROOT / score[0]), *score[1:]], check=True)
    evaluation = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    iteration = load_checkpoint(run / "checkpoint.safetensors").metadata["iteration"]
    shown = ROOT / "docs" / "results" / "emoji" / name
    make_folder(shown)
    for own, there in SHOWN.items():
        shutil.copy(run / own, shown / there)
    with Image.open(run / "losses.png") as curves:  # a third of the bytes, and no worse to see
        curves.convert("RGB").quantize(64).save(shown / "losses.png")
    return {
        "training": shlex.join(["python", *train]),
        "iterations": iteration,
        "losses": {
            "first": medians(run, 0, LAST),
            "last": medians(run, iteration - LAST, iteration),
        },
        "protocol": evaluation["protocol"],
        "columns": {title: column["scores"] for title, column in evaluation["columns"].items()},
    }


def medians(run: Path, after: int, up_to: int) -> dict[str, float]:
    """The median of each loss over these iterations."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if after < int(row["iteration"]) <= up_to]
    names = [name for name in rows[0] if name not in ("iteration", "epoch")]
    return {name: statistics.median(float(row[name]) for row in rows) for name in names}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train on few pictures, plain and augmented.")
    parser.add_argument("pictures", type=path, help="a folder of pictures")
    parser.add_argument("runs", type=path, help="where the runs go")
    options = parser.parse_args(arguments)
    kept = Kept(DATA / "few_pictures.json")
    for name in KINDS:
        settings = {"pictures": options.pictures.name, "run": name, "seed": 0}
        run = options.runs / name
        kept.add(settings, lambda name=name, run=run: made(name, options.pictures, run))
    print(f"saved {kept.path}")


if __name__ == "__main__":
    run_command(main)
