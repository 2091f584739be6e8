"""Tests in a real kernel: the notebooks of docs/ run from top to bottom, and what a notebook shows.

They take seconds, because a kernel is a Python of its own. Without the packages of the extra
`notebook` they are skipped.
"""

from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def execute(notebook, folder, monkeypatch, **options):
    """Run all cells in a kernel of this environment, in which minigan is this one."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    where = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=where, **options
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def kinds(outputs):
    """In which forms the results of a cell can be shown."""
    return {kind for output in outputs for kind in output.get("data", ())}


def printed(outputs):
    """What a cell has printed: a kernel sends it in pieces, as they come."""
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    outputs = execute(nbformat.read(path, as_version=4), tmp_path, monkeypatch)
    shown = [kinds(cell) for cell in outputs]
    pictures = {"engine": (1, 3), "first_gan": (5, 1)}[path.stem]  # cells with a PNG, with an SVG
    found = tuple(sum(kind in cell for cell in shown) for kind in ("image/png", "image/svg+xml"))
    assert found == pictures
    assert not [output for cell in outputs for output in cell if output.get("name") == "stderr"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_results(path):
    """They would say what an earlier version printed, and every run would be a difference."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


INTERRUPTED = """
from minigan.data import DataLoader
from minigan.gans import LSGAN
from minigan.training import train

if "gan" not in globals():
    gan, loader = LSGAN(seed=0), DataLoader(mnist("test"), 64)
for report in train(gan, loader, epochs=1, max_steps=5):
    print(report.iteration, loader.position)
    if report.iteration == 2:
        {}
"""


def test_what_a_notebook_shows(tmp_path, monkeypatch):
    sources = [
        "import minigan as mg\nfrom minigan.data import mnist\nmnist('test')",
        "from minigan.plots import image_grid\nimage_grid(mnist('test').images[:4])",
        "x = mg.ones(2, requires_grad=True)\nmg.graph.draw(x * 2)",
        "mnist('valid')",
        "from minigan.data import image_folder\nimage_folder('nowhere')",
        "1 / 0",
        "x * mg.ones(3)",
        INTERRUPTED.format("raise KeyboardInterrupt"),
        INTERRUPTED.format("pass"),
    ]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))
    outputs = execute(notebook, tmp_path, monkeypatch, allow_errors=True)
    assert kinds(outputs[0]) == {"text/plain", "image/png"} == kinds(outputs[1])
    assert outputs[0][0].data["text/plain"].startswith("ImageDataset(10,000 images of 1×28×28")
    assert kinds(outputs[2]) == {"text/plain", "image/svg+xml"}
    for cell in outputs[3:5]:  # errors for a person: a sentence
        (error,) = cell
        assert error.traceback == [f"UserError: {error.evalue}"] and len(error.evalue) > 10
    for cell in outputs[5:7]:  # errors of a program: where it was
        assert len("\n".join(cell[0].traceback).splitlines()) > 5
    stopped, again = outputs[7:]  # a loop that was interrupted goes on with the next batch
    assert printed(stopped) == "1 64\n2 128\n" and stopped[-1].ename == "KeyboardInterrupt"
    assert printed(again) == "3 192\n4 256\n5 320\n"
