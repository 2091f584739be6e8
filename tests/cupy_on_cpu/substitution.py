"""Replaces functions of a compiled Cython module by Python functions.

A Cython module offers its C functions to other Cython modules in a dictionary, `__pyx_capi__`: name
-> capsule, which holds the function's address and, as its name, the signature. The others look them
up once, when they are imported. Whoever exchanges the capsules before that decides what they call.

For each function a small C++ body is generated that hands its arguments to a Python function and
its result back. Exceptions travel as Cython expects: the body returns the value that means "look
for an exception".
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from cupy_on_cpu.builder import build, load

# C type -> how PyObject_CallFunction is told of such an argument
ARGUMENT_FORMAT = {
    "int": "i",
    "CUdevice": "i",
    "unsigned int": "I",
    "intptr_t": "n",
    "size_t": "n",
    "PyObject *": "O",
}
# C type -> the expression for a result, and the value that reports an exception
RESULT = {
    "int": ("(int)PyLong_AsLong(result)", "-1"),
    "unsigned int": ("(unsigned)PyLong_AsLong(result)", "0"),
    "intptr_t": ("PyLong_AsSsize_t(result)", "0"),
    "size_t": ("PyLong_AsSsize_t(result)", "0"),
    "float": ("(float)PyFloat_AsDouble(result)", "0"),
}
PRELUDE = """
#include <cstddef>
#include <cstdint>
struct PyObject;
extern "C" {
PyObject* PyObject_CallFunction(PyObject*, const char*, ...);
long PyLong_AsLong(PyObject*);
intptr_t PyLong_AsSsize_t(PyObject*);
double PyFloat_AsDouble(PyObject*);
void Py_IncRef(PyObject*);
void Py_DecRef(PyObject*);
int Py_IsInitialized();
int PyGILState_Ensure();
void PyGILState_Release(int);
extern PyObject _Py_NoneStruct;
}
typedef int CUdevice;
#define EXPORT extern "C" __attribute__((visibility("default")))
struct Lock {
    int state = PyGILState_Ensure();
    ~Lock() { PyGILState_Release(state); }
};
"""


class Signature(NamedTuple):
    """The type of a C function, as Cython writes it down beside the function."""

    result: str
    arguments: list[str]  # C types
    visible: int  # how many of them the Python function is given; Cython adds its own behind them

    @classmethod
    def parse(cls, text: str) -> Signature:
        match = re.fullmatch(r"(.*?) ?\((.*)\)", text)
        assert match, text
        listed = [] if match[2] == "void" else [part.strip() for part in match[2].split(",")]
        visible = [part for part in listed if "__pyx_skip" not in part and "optional" not in part]
        types = [
            "void *" if "optional" in part else part.removesuffix("__pyx_skip_dispatch").strip()
            for part in listed
        ]
        return cls(match[1].strip(), types, len(visible))

    def can_be_replaced(self) -> bool:
        known = self.result in RESULT or self.result.endswith("*")
        return known and all(t in ARGUMENT_FORMAT for t in self.arguments[: self.visible])


def substitute(
    module: ModuleType,
    functions: Mapping[str, Callable[..., Any]],
    *,
    keep: Collection[str],
    missing: Callable[[str], Callable[..., Any]],
) -> None:
    """Put `functions` in the place of the module's own, for C and for Python callers.

    Every other function becomes `missing(name)`, unless it is named in `keep` or its signature has
    types that only C knows.
    """
    capsules: dict[str, Any] = module.__pyx_capi__
    bodies: dict[str, Signature] = {}
    for name, capsule in capsules.items():
        text = ctypes.string_at(_capsule_name(capsule)).decode()
        if "(" in text and name not in keep:  # else a variable, or one to leave alone
            signature = Signature.parse(text)
            if signature.can_be_replaced():
                bodies[name] = signature
    unknown = set(functions) - set(bodies)
    if unknown:
        raise LookupError(f"{module.__name__} has no replaceable functions {sorted(unknown)}")
    source = PRELUDE + "".join(_body(name, signature) for name, signature in bodies.items())
    library = load(build(source))
    for name in bodies:
        function = functions.get(name) or missing(name)
        connect = getattr(library, f"connect_{name}")
        connect.argtypes = [ctypes.py_object]
        connect.restype = None
        connect(function)
        address = ctypes.cast(getattr(library, f"body_{name}"), ctypes.c_void_p).value
        capsules[name] = _new_capsule(address, _capsule_name(capsules[name]), None)
        if hasattr(module, name):
            setattr(module, name, function)
    _libraries.append(library)


def _body(name: str, signature: Signature) -> str:
    result, types, visible = signature
    parameters = ", ".join(f"{ctype} a{i}" for i, ctype in enumerate(types))
    given = "".join(f", a{i}" for i in range(visible))
    pattern = "".join(ARGUMENT_FORMAT[ctype] for ctype in types[:visible])
    if result in RESULT:
        value, error = RESULT[result]
        finish = f"{result} value = {value}; Py_DecRef(result); return value;"
        at_exit = "return 0;"
    else:
        result, error, finish = "PyObject *", "nullptr", "return result;"
        at_exit = "Py_IncRef(&_Py_NoneStruct); return &_Py_NoneStruct;"
    # While Python shuts down CuPy still frees what it holds; by then the system will do that.
    return f"""
static PyObject* python_{name};
EXPORT void connect_{name}(PyObject* function) {{ Py_IncRef(function); python_{name} = function; }}
EXPORT {result} body_{name}({parameters}) {{
    if (!Py_IsInitialized()) {{ {at_exit} }}
    Lock lock;
    PyObject* result = PyObject_CallFunction(python_{name}, "({pattern})"{given});
    if (!result) return {error};
    {finish}
}}
"""


_libraries: list[ctypes.PyDLL] = []  # their code must stay loaded as long as CuPy is

_capsule_name = ctypes.pythonapi.PyCapsule_GetName
_capsule_name.restype = ctypes.c_void_p  # as an address: the name must outlive the new capsule
_capsule_name.argtypes = [ctypes.py_object]
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
