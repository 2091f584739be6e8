"""Does a script that was written for torch follow torch when it runs on minigan?

    python tests/compat/compare.py gan.py -- --n_epochs 1
    python tests/compat/compare.py notebook.ipynb --losses 20 --set num_epochs=1
    python tests/compat/compare.py main.py --name "their/repository main.py" --out scripts.json

The script runs twice, as it is, in torch, and in minigan with its import lines changed, in copies
of its folder. Equal in both are: the weights that an optimizer is given, NumPy's and torch's random
numbers, the order of the pictures, and MNIST's first --digits images. Dropout is off, `.cuda()`
stays on the processor, and both compute in float64, unless --float32 is given. torchvision is
minigan's own in both runs. What is compared is the value of each tensor whose `backward()` is
called; printed is the largest difference, relative where a value is above 1. After --losses of
them the run ends. Nothing of a script is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import json
import os
import platform
import random
import re
import runpy
import shutil
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import minigan
import minigan.compat.torch as compat
import minigan.functional
from minigan.compat import torchvision
from minigan.data import mnist
from minigan.nn import functional as functional_names
from minigan.nn.module import Buffer, Module, Parameter
from minigan.optim.optimizer import Optimizer
from minigan.random import Random
from minigan.tensor import Tensor

IMPORT = re.compile(
    r"^([ \t]*)(import|from) (torch|torchvision|torchsummary|tensorboardX)\b([\w.]*)(.*)$",
    re.MULTILINE,
)
MADE = ("zeros", "ones", "full", "arange", "empty", "tensor")
DROPOUTS = ("dropout", "dropout2d")
Places = dict[Any, dict[str, Any]]  # what the tool puts in the place of what, while a script runs


class Enough(BaseException):
    """The losses that were asked for are there. No script catches this by accident."""


def ported(text: str) -> str:
    """The text with its import lines changed, as docs/porting.md says."""

    def line(found: re.Match[str]) -> str:
        indent, word, library, rest, after = found.groups()
        bare = word == "import" and not rest and not after.strip()
        alias = f" as {library}" * bare
        return f"{indent}{word} minigan.compat.{library}{rest}{after}{alias}"

    return IMPORT.sub(line, text)


def code(path: Path) -> str:
    """A script's text; of a notebook, that of its cells, one after another, without magic."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = ("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code")
    return re.sub(r"^[%!]", "#", "\n".join(cells), flags=re.MULTILINE)


# ---- what is equal in both runs -----------------------------------------------------------------


class Side:
    """One of the two libraries, and how the tool reaches into it."""

    def __init__(self, ours: bool, double: bool) -> None:
        self.ours, self.double = ours, double
        self.torch: Any = compat if ours else torch
        self.tensor: Any = Tensor if ours else torch.Tensor
        self.parameter: Any = Parameter if ours else torch.nn.Parameter
        self.module: Any = Module if ours else torch.nn.Module
        self.optimizer: Any = Optimizer if ours else torch.optim.Optimizer

    def made(self, values: Any) -> Any:
        """A tensor of these numbers."""
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(np.float64 if self.double else np.float32)
        return Tensor(array) if self.ours else torch.from_numpy(array.copy())


class Record:
    """The losses of a run, and the weights that torch's run began with."""

    def __init__(self, enough: int, weights: list[np.ndarray] | None = None) -> None:
        self.losses: list[float] = []
        self.enough, self.given = enough, weights
        self.weights: list[np.ndarray] = []
        self._seen: list[Any] = []

    def loss(self, x: Any) -> None:
        self.losses.append(float(np.mean(np.asarray(x.detach().tolist()))))

    def start(self, side: Side, parameters: Sequence[Any]) -> None:
        """Note the weights that an optimizer is given or, in the second run, set them."""
        for p in parameters:
            if any(p is other for other in self._seen):
                continue
            self._seen.append(p)
            if self.given is not None:
                p.data.copy_(side.made(self.given[len(self._seen) - 1]))
            else:
                self.weights.append(p.detach().numpy().copy())


def chance(side: Side, noise: np.random.Generator) -> Places:
    """Every source of random numbers, from NumPy's. Weights that a layer makes are left alone."""
    by_itself = [False]  # whether a library draws weights within one call of the script's

    def shape(size: tuple[Any, ...]) -> tuple[int, ...]:
        size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
        return tuple(map(int, size))

    def normal(size: Any, mean: float = 0, std: float = 1, generator: Any = None) -> Any:
        return noise.standard_normal(size) * std + mean

    def uniform(size: Any, a: float = 0, b: float = 1, generator: Any = None) -> Any:
        return noise.random(size) * (b - a) + a

    def filled(plain: Callable[..., Any], draw: Callable[..., Any]) -> Callable[..., Any]:
        def fill(x: Any, *a: Any, **k: Any) -> Any:
            if by_itself[0] or isinstance(x, side.parameter):
                return plain(x, *a, **k)
            return x.copy_(side.made(draw(tuple(x.shape), *a, **k)))

        return fill

    def quiet(plain: Callable[..., Any]) -> Callable[..., Any]:
        def fill(*a: Any, **k: Any) -> Any:
            by_itself[0] = True
            try:
                return plain(*a, **k)
            finally:
                by_itself[0] = False

        return fill

    draws = {"normal_": normal, "uniform_": uniform}
    init = side.torch.nn.init
    initial = {name: filled(getattr(init, name), draw) for name, draw in draws.items()}
    scaled = [name for name in vars(init) if re.match("(xavier|kaiming)_.*_$", name)]
    return {
        side.tensor: {n: filled(getattr(side.tensor, n), draw) for n, draw in draws.items()},
        init: {**initial, **{name: quiet(getattr(init, name)) for name in scaled}},
        side.torch: {
            "randn": lambda *size, **k: side.made(noise.standard_normal(shape(size))),
            "rand": lambda *size, **k: side.made(noise.random(shape(size))),
            "randn_like": lambda x, **k: side.made(noise.standard_normal(tuple(x.shape))),
            "rand_like": lambda x, **k: side.made(noise.random(tuple(x.shape))),
            "randint": lambda *a, **k: side.made(noise.integers(*a[:-1], shape((a[-1],)))),
        },
    }


def in_float64(side: Side) -> Places:
    """What makes a library compute in float64 where a script names no type, or float."""
    picture = torchvision.transforms.ToTensor.__call__
    pictures = {"__call__": lambda self, x: picture(self, x).double()}
    if not side.ours:
        torch.save(torch.zeros(1), io.BytesIO())  # torch.save looks up all types at its first call
        names = {"FloatTensor": torch.DoubleTensor, "float": torch.float64,
                 "float32": torch.float64}  # fmt: skip
        wider = {"float": torch.Tensor.double}
        return {torch: names, torch.Tensor: wider, torchvision.transforms.ToTensor: pictures}

    def wide(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*a: Any, **k: Any) -> Any:
            x = make(*a, **k)
            return x.double() if x.dtype == np.float32 else x

        return made

    def weights(kind: Any) -> Callable[..., None]:
        plain = kind.__init__

        def begin(self: Any, data: Any, *a: Any, **k: Any) -> None:
            array = data.array if isinstance(data, Tensor) else np.asarray(data)
            with np.errstate(invalid="ignore"):  # a layer's memory, before its weights are drawn
                kept = array.astype(np.float64) if array.dtype == np.float32 else data
            plain(self, kept, *a, **k)

        return begin

    names = {name: wide(getattr(compat, name)) for name in MADE}
    return {
        compat: {**names, "float": np.float64, "float32": np.float64},
        compat.FloatTensor: {"dtype": np.float64},
        compat.Tensor: {"dtype": np.float64},
        Tensor: {"float": Tensor.double},
        torchvision.transforms.ToTensor: pictures,
        Parameter: {"__init__": weights(Parameter)},
        Buffer: {"__init__": weights(Buffer)},
    }


def followed(side: Side, record: Record) -> Places:
    """The two places where the tool listens: an optimizer is made, and `backward` is called."""
    begin, walk = side.optimizer.__init__, side.tensor.backward

    def made(self: Any, params: Any, *a: Any, **k: Any) -> None:
        params = list(params)
        record.start(side, params)
        begin(self, params, *a, **k)

    def backward(self: Any, *a: Any, **k: Any) -> None:
        if len(record.losses) == record.enough:
            raise Enough
        record.loss(self)
        walk(self, *a, **k)

    return {side.optimizer: {"__init__": made}, side.tensor: {"backward": backward}}


def at_home(side: Side) -> Places:
    """No GPU, no dropout, no workers."""
    same = {name: lambda x, *a, **k: x for name in DROPOUTS}
    stays = {"cuda": lambda self, *a, **k: self}
    places: Places = {
        side.torch.cuda: {"is_available": lambda: False},
        side.tensor: stays,
        side.module: stays,
        side.torch.nn.functional: same,
    }
    if side.ours:
        return {**places, minigan.functional: same, functional_names: same}
    plain = torch.utils.data.DataLoader.__init__

    def alone(self: Any, *a: Any, **k: Any) -> None:
        plain(self, *a, **{**k, "num_workers": 0})

    return {**places, torch.utils.data.DataLoader: {"__init__": alone}}


def digits(count: int) -> Places:
    """A short MNIST, in an order that each epoch of both runs has."""
    orders: dict[int, np.ndarray] = {}

    def order(n: int) -> np.ndarray:
        return orders.setdefault(n, np.random.default_rng(1).permutation(n))

    return {
        torchvision.datasets.MNIST: {"source": lambda self, split: mnist(split).first(count)},
        torch: {"randperm": lambda n, **k: torch.from_numpy(order(n))},
        Random: {"permutation": lambda self, n: order(n)},
    }


# ---- torchvision for torch ----------------------------------------------------------------------


def as_torchs(x: Any) -> Any:
    return torch.from_numpy(x.numpy().copy()) if isinstance(x, Tensor) else x


def as_ours(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return Tensor(x.detach().numpy())
    return [as_ours(item) for item in x] if isinstance(x, list | tuple) else x


def for_torch() -> dict[str, types.ModuleType]:
    """A torchvision whose data and pictures are minigan's, and whose tensors are torch's."""

    def kept(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, *a, **k: as_torchs(function(as_ours(x), *a, **k))

    def item(base: Any) -> Any:
        def both(self: Any, *pair: Any) -> Any:
            return tuple(map(as_torchs, base.item(self, *pair)))

        names = ("data", "targets", "train_data", "train_labels", "test_data", "test_labels")
        own = {name: property(lambda self, name=name: as_torchs(getattr(base, name).fget(self)))
               for name in names if isinstance(getattr(base, name, None), property)}  # fmt: skip
        return type(base.__name__, (base,), {"item": both, **own})

    kinds = ("MNIST", "FashionMNIST", "CIFAR10", "ImageFolder")
    parts = {
        "datasets": {name: item(getattr(torchvision.datasets, name)) for name in kinds},
        "transforms": vars(torchvision.transforms),
        "utils": {
            name: kept(getattr(torchvision.utils, name)) for name in ("make_grid", "save_image")
        },  # fmt: skip
    }
    found = {"torchvision": types.ModuleType("torchvision")}
    found["torchvision"].__path__ = []
    for name, content in parts.items():
        part = found[f"torchvision.{name}"] = types.ModuleType(f"torchvision.{name}")
        vars(part).update({key: content[key] for key in content if not key.startswith("__")})
        setattr(found["torchvision"], name, part)
    found["torchsummary"] = types.ModuleType("torchsummary")
    vars(found["torchsummary"])["summary"] = lambda *a, **k: None
    return found


# ---- a run --------------------------------------------------------------------------------------


@dataclass
class Run:
    """What came of one run of a script."""

    losses: list[float]
    weights: list[np.ndarray]
    error: str | None


@dataclass
class Comparison:
    """What came of both."""

    torch: Run
    minigan: Run

    @property
    def difference(self) -> float:
        """The largest difference of the losses that both have, relative where one is above 1."""
        count = min(len(self.torch.losses), len(self.minigan.losses))
        theirs, ours = (np.array(run.losses[:count]) for run in (self.torch, self.minigan))
        return float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs)), initial=0))

    @property
    def follows(self) -> bool:
        """Whether minigan went as far as torch, to 1e-6."""
        same = 0 < len(self.torch.losses) == len(self.minigan.losses)
        stopped = (self.torch.error is None) == (self.minigan.error is None)
        return same and stopped and self.difference <= 1e-6


@contextlib.contextmanager
def replaced(*places: Places) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for owner, names in (entry for place in places for entry in place.items()):
            for name, value in names.items():
                stack.enter_context(mock.patch.object(owner, name, value, create=True))
        yield


@contextlib.contextmanager
def imported(modules: dict[str, types.ModuleType]) -> Iterator[None]:
    """These modules are found under these names; what else is imported meanwhile stays."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


@contextlib.contextmanager
def standing_in(folder: Path, arguments: Sequence[str]) -> Iterator[None]:
    """The folder is where Python runs, and none of its modules is left when it has run."""
    before, modules = os.getcwd(), dict(sys.modules)
    own = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    with mock.patch.object(sys, "argv", list(arguments)), mock.patch.object(
        sys, "path", [str(folder), *sys.path]
    ):  # fmt: skip
        os.chdir(folder)
        try:
            for name in [name for name in sys.modules if name.split(".")[0] in own]:
                del sys.modules[name]
            yield
        finally:
            os.chdir(before)
            for name in [name for name in sys.modules if name.split(".")[0] in own]:
                del sys.modules[name]
            sys.modules.update({name: modules[name] for name in modules
                                if name.split(".")[0] in own})  # fmt: skip


def copied(script: Path, to: Path, change: Callable[[str], str], settings: Sequence[str]) -> Path:
    """A copy of the script's folder, its programs changed; the script in it is script.py."""
    shutil.copytree(script.parent, to, ignore=shutil.ignore_patterns("__pycache__", ".git"))
    for path in to.rglob("*.py"):
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    text = code(script)
    for setting in settings:
        name = setting.split("=")[0].strip()
        line = rf"^([ \t]*){name}\s*=(?!=).*$"
        text, found = re.subn(line, rf"\1{setting}", text, count=1, flags=re.MULTILINE)
        if not found:
            raise SystemExit(f"{script} has no line {name} = …, which --set could change")
    chosen = to / (script.stem + ".py")
    chosen.write_text(change(text), encoding="utf-8")
    return chosen


def run(script: Path, side: Side, record: Record, options: Options) -> Run:
    """Run a copy of the script in one of the libraries."""
    places = [chance(side, np.random.default_rng(2)), followed(side, record), at_home(side),
              digits(options.digits)]  # fmt: skip
    change: Callable[[str], str] = ported if side.ours else str
    np.random.seed(0)
    random.seed(0)
    torch.manual_seed(0)
    kept, error, said = torch.get_default_dtype(), None, io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        chosen = copied(script, Path(folder, "a", "b"), change, options.settings)
        if not side.ours:
            stack.enter_context(imported(for_torch()))
        for place in (*places, *([in_float64(side)] if side.double else [])):
            stack.enter_context(replaced(place))
        if side.double and not side.ours:
            stack.callback(torch.set_default_dtype, kept)
            torch.set_default_dtype(torch.float64)
        stack.enter_context(standing_in(chosen.parent, [chosen.name, *options.arguments]))
        stack.enter_context(contextlib.redirect_stdout(said))
        try:
            runpy.run_path(str(chosen), run_name="__main__")
        except Enough:
            pass
        except Exception as found:
            error = f"{type(found).__name__}: {found}".replace(folder, "…")
            if options.traceback:
                traceback.print_exc()
    return Run(record.losses, record.weights, error)


@dataclass
class Options:
    """How a script is run."""

    arguments: Sequence[str] = ()
    settings: Sequence[str] = ()
    losses: int = 20
    digits: int = 128
    double: bool = True
    traceback: bool = False


def compare(script: Path, options: Options) -> Comparison:
    """Run the script in torch, then in minigan from the same weights."""
    theirs = run(script, Side(False, options.double), Record(options.losses), options)
    given = Record(options.losses, theirs.weights)
    return Comparison(theirs, run(script, Side(True, options.double), given, options))


# ---- the program --------------------------------------------------------------------------------


def written(result: Comparison, options: Options, name: str, path: Path) -> None:
    """Put a script's row into the file, in the place of an older one."""
    rows = json.loads(path.read_text(encoding="utf-8"))["scripts"] if path.exists() else {}
    rows[name] = {
        "arguments": list(options.arguments),
        "set": list(options.settings),
        "precision": "float64" if options.double else "float32",
        "losses": len(result.minigan.losses),
        "difference": result.difference,
        "follows": result.follows,
        "torch stops": result.torch.error,
        "minigan stops": result.minigan.error,
        "date": datetime.date.today().isoformat(),
        "versions": {
            "minigan": minigan.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    contents = json.dumps({"scripts": rows}, indent=1, ensure_ascii=False) + "\n"
    path.write_text(contents, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("script", type=Path, help="a .py file or a notebook")
    parser.add_argument("arguments", nargs="*", help="after --: the script's own arguments")
    parser.add_argument("--losses", type=int, default=20, help="stop after so many (20)")
    parser.add_argument("--digits", type=int, default=128, help="images in MNIST (128)")
    parser.add_argument("--float32", action="store_true", help="leave the numbers' types alone")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="change a constant of the script, such as its epochs")  # fmt: skip
    parser.add_argument("--traceback", action="store_true", help="show where a run stops")
    parser.add_argument("--name", help="what --out calls the script (its file's name)")
    parser.add_argument("--out", type=Path, help="a file of results, to write this one into")
    given = parser.parse_args(arguments)
    options = Options(given.arguments, given.set, given.losses, given.digits, not given.float32,
                      given.traceback)  # fmt: skip
    result = compare(given.script.resolve(), options)
    name = given.name or given.script.name
    if given.out:
        written(result, options, name, given.out)
    print(f"{name}: {len(result.minigan.losses)} losses, of torch {len(result.torch.losses)}; "
          f"largest difference {result.difference:.1e}")  # fmt: skip
    for library, one in (("torch", result.torch), ("minigan", result.minigan)):
        if one.error:
            print(f"  {library} stops: {one.error}")
    return 0 if result.follows else 1


if __name__ == "__main__":
    sys.exit(main())
