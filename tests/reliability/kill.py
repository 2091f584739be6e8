"""Kill training at random instants, go on with it, and see whether the same bytes come out.

    python tests/reliability/kill.py --kills 100 --json docs/results/data/kill.json

A run is killed (SIGKILL: it cannot clean up) and resumed until it is done; then every file in its
folder must equal that of a run that nobody disturbed. Then the next run begins, until there were
so many kills. Every other kill waits until a checkpoint is being written. After every fourth, the
checkpoint is also cut short or one of its bits is flipped. --json writes what was seen to a file,
of which docs/tables.py makes the table of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

# A process is copied (fork) for each life, which is possible while it has one thread only.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from small_run import contents, small_run  # noqa: E402

from minigan.evaluation.circumstances import circumstances  # noqa: E402
from minigan.files import leftovers_of  # noqa: E402
from minigan.training.checkpoint import previous_of  # noqa: E402

STEPS = 400
LONGEST_SAVE = 0.005  # seconds
CHECKPOINT = "checkpoint.safetensors"


def start(folder: Path) -> int:
    """Begin the run in a process of its own, or go on with it; the number of the process."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
        code = small_run(folder, "--max-steps", str(STEPS), "--resume")
    finally:
        os._exit(code)


def wait_for_a_save(folder: Path, process: int) -> None:
    """Return in the midst of the next writing of a checkpoint, or when the process has ended."""
    began = time.time()
    unfinished, _ = leftovers_of(folder / CHECKPOINT)
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        with suppress(OSError):
            if unfinished.stat().st_mtime > began:  # and not what the last kill left behind
                return


def where_it_died(folder: Path) -> str:
    """What a process was doing, as far as the files tell that it left behind."""
    checkpoint = folder / CHECKPOINT
    if any(path.exists() for path in leftovers_of(checkpoint)):
        return "as a checkpoint was being written"
    if any(folder.rglob(".*.tmp")):
        return "as another file was being written"
    return "between two writes" if checkpoint.exists() else "before the first checkpoint"


def damage(checkpoint: Path, chance: random.Random) -> str | None:
    """Cut the file short or flip one of its bits, if there is another one to go back to."""
    if not (checkpoint.exists() and previous_of(checkpoint).exists()):
        return None
    whole = bytearray(checkpoint.read_bytes())
    position = chance.randrange(len(whole))
    if chance.random() < 0.5:
        checkpoint.write_bytes(whole[:position])
        return "and the checkpoint was cut short"
    whole[position] ^= 1 << chance.randrange(8)
    checkpoint.write_bytes(whole)
    return "and a bit of the checkpoint was flipped"


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill training at random instants.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write what was seen to this file")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    seen: Counter[str] = Counter()
    kills = runs = 0
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        assert os.waitpid(start(Path(scratch, "undisturbed")), 0)[1] == 0
        longest_life = (time.monotonic() - began) / 10
        expected = contents(Path(scratch, "undisturbed"))
        while kills < options.kills:
            folder, done = Path(scratch, f"run {runs}"), False
            while not done:
                process = start(folder)
                if kills < options.kills:
                    time.sleep(chance.uniform(0, longest_life))
                    if kills % 2:
                        wait_for_a_save(folder, process)
                        time.sleep(chance.uniform(0, LONGEST_SAVE))
                    os.kill(process, signal.SIGKILL)
                status = os.waitpid(process, 0)[1]
                if os.WIFSIGNALED(status):
                    kills += 1
                    seen[where_it_died(folder)] += 1
                    if kills % 4 == 0 and (how := damage(folder / CHECKPOINT, chance)):
                        seen[how] += 1
                else:
                    assert status == 0, f"the run in {folder} gave up after {kills} kills"
                    done = True
            runs += 1
            found = contents(folder)
            different = [n for n in {**expected, **found} if expected.get(n) != found.get(n)]
            assert not different, f"after {kills} kills, run {runs} differs in {different}"
    print(f"{kills} kills, {runs} runs of {STEPS} iterations: {len(expected)} files equal in each")
    for what, times in sorted(seen.items(), key=lambda item: -item[1]):
        print(f"{times:6} {what}")
    if options.json:
        command = f"python tests/reliability/kill.py --kills {options.kills} --seed {options.seed}"
        facts = {
            **circumstances(command, threads=1),
            "seed": options.seed,
            "kills": kills,
            "runs": runs,
            "steps": STEPS,
            "files": len(expected),
            "different": 0,  # or an assertion would have failed above
            "seen": dict(sorted(seen.items())),
        }
        options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
