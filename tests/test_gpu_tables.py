"""The tables of docs/results/gpu.md say what was measured, and what was not yet."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))
tables = importlib.import_module("gpu_tables")

MLP, DCGAN = "MLP GAN, batch 64", "DCGAN 64×64×3, batch 128"
COMPILED = 'torch.compile, "reduce-overhead", tuned'
KERNELS = [
    {"name": "a product", "calls": 2, "seconds": 4e-6, "bytes": 4000, "flop": 8_000_000,
     "rounded": False},
    {"name": "a walk", "calls": 1, "seconds": 1e-6, "bytes": 2000, "flop": 0, "rounded": False},
    {"name": "little", "calls": 3, "seconds": 1e-7, "bytes": 10, "flop": 0, "rounded": False},
]  # fmt: skip
SLOW = {"name": "convolution 2×2", "calls": 1, "seconds": 4e-5}
FOUND = {
    "gpu": "abacus", "driver": "1.2", "date": "2030-01-01 00:00", "command": "python gpu_check.py",
    "versions": {"cupy": "14", "CUDA": "13020", "numpy": "2", "BLAS": "beads"},
    "steps": [
        {"name": MLP, "turns": {"minigan, recorded": [0.2, 0.1, 0.4], "torch, eager": [1.6] * 3},
         "failed": {COMPILED: "OSError: a | b"}},
        {"name": DCGAN, "turns": {"minigan, recorded": [20.0], "torch, eager": [18.0]},
         "failed": {}},
    ],
    "peak": {"copy": 4e9, "float32": 8e12, "tf32": 16e12},
    "kernels": [{"name": MLP, "step": 1e-5, "kernels": KERNELS},
                {"name": DCGAN, "failed": "it cannot be recorded"}],
    "losses": {"rounds": 100, "float64": {"farthest": 3.2e-9, "close for": 100},
               "float32": {"farthest": 0.02, "close for": 59}},
    "run": {"command": "examples/mnist_gan.py --epochs 200", "seconds": 59.04,
            "parts": {"pictures": 7.0, "checkpoints": 1.25}},
    "before": {"step": {MLP: 0.25}, "kernels": {MLP: [SLOW | {"seconds": 8e-5}, *KERNELS]}},
}  # fmt: skip
NAMES = [*tables.TABLES, f"gpu-kernels {MLP}"]
NAMES.remove("gpu-kernels")


def rows(name, found=FOUND):
    """Those below the head."""
    return tables.made(name, found).partition("---")[2].splitlines()[1:]


def test_steps_stand_beside_ours():
    assert rows("gpu-steps") == [
        f"| {MLP} | minigan, recorded | 0.200 | 0.100–0.400 | 1.00 |",
        "| | torch, eager | 1.60 | 1.60–1.60 | 8.00 |",
        rf"| | {COMPILED} | fails: OSError: a \| b | | |",
        f"| {DCGAN} | minigan, recorded | 20.0 | 20.0–20.0 | 1.00 |",
        "| | torch, eager | 18.0 | 18.0–18.0 | 0.90 |",
    ]
    assert len(rows(f"gpu-steps {DCGAN}")) == 2
    alone = {"steps": [{"name": MLP, "turns": {"torch, eager": [1.6]}, "failed": {}}]}
    assert rows("gpu-steps", alone) == [f"| {MLP} | torch, eager | 1.60 | 1.60–1.60 | |"]


def test_kernels_that_take_less_than_a_twentieth_are_put_together():
    """And what is in no call is the difference."""
    text = tables.made(f"gpu-kernels {MLP}", FOUND)
    assert "takes the GPU 0.010 ms; its 6 calls " in text and " take 0.009 ms, one by one." in text
    assert rows(f"gpu-kernels {MLP}") == [
        "| a product | 2 | 4.00 | 80% | 1 | 25% | 2.00 | 25% |",
        "| a walk | 1 | 1.00 | 10% | 2 | 50% | | |",
        "| all others of these calls | 3 | | 3% | | | | |",
        "| the difference | | | 7% | | | | |",
    ]
    assert tables.made(f"gpu-kernels {DCGAN}", FOUND) == f"{DCGAN}: it cannot be recorded"


def test_a_product_with_rounded_factors_is_compared_with_such_products():
    product = KERNELS[0] | {"rounded": True}
    found = FOUND | {"kernels": [{"name": MLP, "step": 1e-5, "kernels": [product]}]}
    assert rows(f"gpu-kernels {MLP}", found)[0].endswith("| 2.00 | 12% |")


def test_a_goal_is_met_or_missed_by_a_factor():
    assert [row.split(" | ")[1:] for row in rows("gpu-goals")] == [
        ["8.00 ×", "yes |"],
        ["not yet measured", "|"],
        ["0.200 ms", "yes |"],
        ["0.90 ×", "no, by a factor of 1.11 |"],
        ["not yet measured", "|"],
        ["59 s", "yes |"],
        ["3.2 · 10⁻⁹", "no, by a factor of 3.20 |"],
    ]


def test_a_run_that_was_stopped_would_have_taken_longer():
    def goal(seconds):
        run = {"command": "x.py --epochs 200", "seconds": seconds, "stopped at": 170_880}
        assert rows("gpu-run", {"run": run})[0].startswith(
            "| `x.py --epochs 200`, stopped at iteration 170,880 | "
        )
        return rows("gpu-goals", {"run": run})[5].partition(" | ")[2]

    assert goal(120.0) == "more than 120 s | no, by more than a factor of 2.00 |"
    assert goal(40.0) == "more than 40 s | not known |"


@pytest.mark.parametrize(
    "part",
    [
        {"run": {"command": "mnist_gan.py --max-steps 6", "seconds": 1.0}},
        {"losses": {"rounds": 4, "float64": {"farthest": 0.0}}},
        {"steps": [{"name": "MLP GAN, batch 8", "turns": {}, "failed": {}}]},
    ],
)
def test_a_trial_says_nothing_of_a_goal(part):
    assert tables.made("gpu-goals", part) == tables.made("gpu-goals", {})


def test_a_step_is_shared_out_among_kinds_of_calls():
    assert rows("gpu-kinds") == [
        "| formulas | 9 |", "| the difference | 1 |", "| a replayed step | 10 |"
    ]  # fmt: skip
    product = {"name": "matmul 2×3, 3×4", "calls": 2, "seconds": 2e-6}
    found = FOUND | {"kernels": [{"name": MLP, "step": 1e-5, "kernels": [product]}]}
    assert rows("gpu-kinds", found)[0] == "| matrix products | 4 |"


def test_slow_calls_of_our_own_stand_beside_what_they_took():
    """Those that took part in both measurements, and no formulas."""
    case = {"name": MLP, "step": 1e-5, "kernels": [SLOW, *KERNELS]}
    found = FOUND | {"kernels": [case, {"name": DCGAN, "failed": "so"}]}
    assert rows("gpu-before", found) == [f"| {SLOW['name']} | 80.0 | 40.0 | 0.50 |"]


def test_the_rest():
    (where,) = rows("gpu-where")
    versions = "13.2 | cupy 14, numpy 2"
    assert where == f"| abacus | 1.2 | {versions} | 2030-01-01 00:00 | `python gpu_check.py` |"
    assert rows("gpu-peak") == ["| 4 | 8.0 | 16.0 |"]
    assert rows("gpu-losses") == [
        "| float64 | 3.2 · 10⁻⁹ | 100 rounds |",
        "| float32 | 2.0 · 10⁻² | 59 rounds |",
    ]
    assert "of them: pictures | of them: checkpoints" in tables.made("gpu-run", FOUND)
    assert rows("gpu-run") == ["| `examples/mnist_gan.py --epochs 200` | 59.0 | 7.0 | 1.2 |"]
    whole = {"run": {"command": "mnist_gan.py", "seconds": 59.04}}
    assert rows("gpu-run", whole) == ["| `mnist_gan.py` | 59.0 |"]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_measured_is_said_to_be_missing(name):
    for found in (None, {}, {"kernels": [], "peak": FOUND["peak"]}):
        if not (name == "gpu-peak" and found):
            assert "ot yet measured" in tables.made(name, found)
    assert "(Not yet measured.)" not in tables.made(name, FOUND)


def test_the_page_is_rewritten_once_there_is_a_file(tmp_path):
    pages = importlib.import_module("tables")
    docs = tmp_path / "docs"
    shutil.copytree(DOCS / "results" / "data", docs / "results" / "data")
    page = docs / "results" / "gpu.md"
    shutil.copy(DOCS / "results" / "gpu.md", page)
    path = docs / "results" / "data" / "gpu.json"
    figure = "<!-- figure: gpu run/seconds .0f -->{}<!-- end -->"
    path.unlink(missing_ok=True)
    text = page.read_text(encoding="utf-8") + figure.format("")
    without = pages.rewritten(text, pages.Files(docs))
    assert figure.format("not yet measured") in without and "(Not yet measured.)" in without
    path.write_text(json.dumps(FOUND), encoding="utf-8")
    filled = pages.rewritten(text, pages.Files(docs))
    assert figure.format("59") in filled and "(Not yet measured.)" not in filled
    marked = {name for kind, name, _ in pages.MARKED.findall(text) if kind == "table"}
    assert {name for name in marked if name.startswith("gpu-")} == {
        *NAMES, f"gpu-kernels {DCGAN}"
    }  # fmt: skip
    assert pages.rewritten(filled, pages.Files(docs)) == filled
