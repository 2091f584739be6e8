"""save and load: torch's names, without its pickles.

torch's files are programs: whoever opens one runs what its author wrote. Here a file is what
safetensors writes, named arrays and nothing else; how they lie in dicts and lists, and the plain
values between them, stands beside them as JSON. Next: nn/__init__.py.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

import numpy as np

from minigan.backend import backend_of
from minigan.errors import UserError
from minigan.files import atomic_write, refuse_special_file
from minigan.nn.module import Module
from minigan.tensor import Tensor

KEY = "minigan.compat"
PLAIN = (str, int, float, bool, type(None))
_DICTS = {"dict": dict, "OrderedDict": OrderedDict}


class ModuleState(OrderedDict[str, Any]):
    """What a file keeps of a whole module: the state dict. Its class is code, and is yours."""

    class_name = "Module"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this is no module with a {name}: {self._advice()}")

    def __call__(self, *inputs: Any, **named_inputs: Any) -> Any:
        raise TypeError(f"this is no module that can be called: {self._advice()}")

    def _advice(self) -> str:
        made = self.class_name
        return f"a file keeps the weights of a {made}. Make one and give it load_state_dict(this)"


def save(obj: Any, f: Any) -> None:
    """Write tensors, in dicts, lists and tuples of any depth, and plain values, to a path or file.

    State dicts of modules and optimizers are such things. A module is saved as its state dict.
    Raises UserError for anything else.
    """
    from safetensors.numpy import save as bytes_of  # only here, where a file is written

    arrays: dict[str, np.ndarray] = {}
    outline = json.dumps(_outline(obj, "", arrays))
    contents = bytes_of(arrays, metadata={KEY: outline})
    if hasattr(f, "write"):
        f.write(contents)
        return
    with atomic_write(f) as temporary:
        temporary.write_bytes(contents)


def load(f: Any, map_location: Any = None, **torchs: Any) -> Any:
    """What `save` wrote. Tensors lie on the CPU, or where `map_location` says.

    A file that only safetensors wrote, by torch for instance, comes as a dict of tensors. `torchs`
    are torch's other arguments, such as weights_only, which is always so. Raises UserError for
    a pickle, as torch itself writes, and for anything that is no such file.
    """
    from safetensors import SafetensorError  # only here, where a file is read
    from safetensors.numpy import load as arrays_of

    name = getattr(f, "name", "the file") if hasattr(f, "read") else str(f)
    contents = f.read() if hasattr(f, "read") else _contents(f)
    if contents[:2] in (b"PK", b"\x80\x02"):
        raise UserError(
            f"{name} is a pickle, as torch.save writes: opening it would run what is in it. Let "
            "torch write it again, safetensors.torch.save_file(model.state_dict(), path), and "
            "load that here"
        )
    try:
        arrays = arrays_of(contents)
        size = int.from_bytes(contents[:8], "little")
        metadata = json.loads(contents[8 : 8 + size]).get("__metadata__") or {}
        place = map_location if isinstance(map_location, str) else "cpu"
        if KEY not in metadata:
            return {key: Tensor.of(array).to(place) for key, array in arrays.items()}
        return _restored(json.loads(metadata[KEY]), arrays, place)
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(f"{name} is no file of tensors, or only a part of one: {error}") from error


def _contents(path: Any) -> bytes:
    try:
        refuse_special_file(path)
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise  # scripts look for it: a first run finds nothing to go on from
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _outline(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """What JSON keeps of a value, [kind, content]; its arrays go to `arrays`, under their paths."""
    if isinstance(value, PLAIN):
        return ["plain", value]
    if isinstance(value, Module):
        state = _outline(OrderedDict(value.state_dict()), path, arrays)
        return ["module", type(value).__name__, state]
    if isinstance(value, dict):
        kind = "OrderedDict" if isinstance(value, OrderedDict) else "dict"
        return [kind, [[_key(k, path), _outline(v, f"{path}.{k}", arrays)]
                       for k, v in value.items()]]  # fmt: skip
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return [kind, [_outline(v, f"{path}.{i}", arrays) for i, v in enumerate(value)]]
    if isinstance(value, np.generic):
        return ["number", _kept(np.asarray(value), path, arrays)]
    if isinstance(value, Tensor):
        return ["tensor", _kept(value.array, path, arrays), value.requires_grad and value.is_leaf]
    try:
        return ["array", _kept(value, path, arrays)]
    except TypeError:
        raise UserError(
            f"save keeps tensors, numbers, strings, and dicts and lists of these; "
            f"{path.lstrip('.') or 'this'} is a {type(value).__name__}, which is code. Save what "
            "is in it, such as its state_dict()"
        ) from None


def _key(key: Any, path: str) -> Any:
    if not isinstance(key, PLAIN):
        raise UserError(f"{path or 'a dict'} has the key {key!r}; save takes strings and numbers")
    return key


def _kept(array: Any, path: str, arrays: dict[str, np.ndarray]) -> str:
    """Keep an array, in C order, since safetensors writes memory as it lies; its name."""
    host = np.asarray(backend_of(array).to_numpy(array), order="C")
    name = f"{len(arrays)}{path}"  # the number tells apart what two keys, 1 and "1", would join
    arrays[name] = host.astype(host.dtype.newbyteorder("<"), copy=False)
    return name


def _restored(outline: Any, arrays: dict[str, np.ndarray], place: str) -> Any:
    kind, content = outline[:2]
    if kind == "plain":
        return content
    if kind in _DICTS:
        return _DICTS[kind]((k, _restored(v, arrays, place)) for k, v in content)
    if kind == "list":
        return [_restored(v, arrays, place) for v in content]
    if kind == "tuple":
        return tuple(_restored(v, arrays, place) for v in content)
    if kind == "module":
        state = ModuleState(_restored(outline[2], arrays, place))
        vars(state)["class_name"] = content
        return state
    array = arrays[content]
    if kind == "tensor":
        return Tensor.of(array).to(place).requires_grad_(outline[2])
    return array[()] if kind == "number" else array
