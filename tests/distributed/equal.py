"""Play every system on one process and on several ranks, and write down how far apart they end.

    python tests/distributed/equal.py --json docs/results/data/ranks.json

30 rounds in float64, on batches that are cut unevenly and of which the last of an epoch has fewer
rows than there are ranks. The ranks are threads. test_same_result.py asserts what is shown here.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from games import SMALL, farthest, played, seen_of

from minigan.distributed import run_in_threads
from minigan.evaluation.circumstances import circumstances

ROUNDS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare N ranks with one process.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table = {}
    for name in SMALL:
        wanted = played(name, ROUNDS)
        row = {}
        for size in (2, 3, 4):
            first, *others = run_in_threads(size, lambda name=name: played(name, ROUNDS))
            for other in others:
                assert all(np.array_equal(first[key], other[key]) for key in first)
            seen, unseen = seen_of(name, first)
            row[str(size)] = {
                "farthest": farthest(
                    *({key: each[key] for key in seen} for each in (first, wanted))
                ),
                "biases before batch norm": farthest(
                    *({key: each[key] for key in unseen} for each in (first, wanted))
                ),
            }
        table[name] = row
        print(name, row, flush=True)
    if options.json:
        facts = circumstances("python tests/distributed/equal.py", threads=1)
        facts |= {"rounds": ROUNDS, "systems": table}
        options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
