"""Fuzz one reader, guided by the lines of code that each input reaches.

    pip install atheris
    python tests/fuzz/fuzz.py idx --minutes 30

What is fuzzed stands in targets.py. An input that finds a fault is written to the working folder
as crash-…, and belongs into test_targets.py.
"""

import argparse
import sys
import tempfile
import tracemalloc
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("error: this needs atheris: pip install atheris")

with atheris.instrument_imports(include=["minigan", "PIL", "zipfile", "targets"]):
    from targets import TARGETS, name_of, remove_scratch


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz one reader of files.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    target = TARGETS[options.target]
    with tempfile.TemporaryDirectory() as corpus:
        for seed in target.seeds():
            Path(corpus, name_of(seed)).write_bytes(seed)
        limits = {
            "max_total_time": round(60 * options.minutes),
            "seed": options.seed,
            "max_len": 4096,
            "timeout": 120,  # seconds for one input: more is a hang
            "rss_limit_mb": 1500,  # also of memory that Python does not count
            "print_final_stats": 1,
        }
        flags = [f"-{name}={value}" for name, value in limits.items()]

        def one_input(content: bytes) -> None:
            target.read(content)

        tracemalloc.start()
        atheris.Setup([sys.argv[0], *flags, corpus], one_input)
        try:
            atheris.Fuzz()
        finally:
            remove_scratch()


if __name__ == "__main__":
    main()
