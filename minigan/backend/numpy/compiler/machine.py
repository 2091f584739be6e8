"""From a loop's text to machine code, and to a function that NumPy calls like one of its own.

LLVM does the hard part: it chooses registers and instructions, and takes 8 or 16 numbers at once.
What comes out is the address of a function with the arguments of a ufunc's loop, and NumPy makes a
ufunc of any such address. So a compiled formula broadcasts, keeps the order of memory, takes
`out=` and lets go of the interpreter while it runs, as np.add does, and costs as little to call.

Next: ../adam.py.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

import llvmlite.binding as llvm
import numpy as np

FROM_FUNCTION, FROM_FUNCTION_AND_SIGNATURE = 1, 31  # places in the table of NumPy's C functions
NO_IDENTITY = -1


_kept: list[Any] = []  # code, and the memory that ufuncs point to: whoever holds one may call it


class Machine:
    """This processor's compiler. What it has made is never freed."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.processor = llvm.get_host_cpu_name()
        self._features = llvm.get_host_cpu_features().flatten()
        tuning = llvm.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_vectorization = tuning.slp_vectorization = True
        self._tuning = tuning

    def _target(self) -> Any:
        target = llvm.Target.from_default_triple()
        return target.create_target_machine(self.processor, self._features, opt=3)

    def _optimized(self, text: str) -> Any:
        module = llvm.parse_assembly(text)
        module.verify()
        passes = llvm.create_pass_builder(self._target(), self._tuning).getModulePassManager()
        passes.run(module, llvm.create_pass_builder(self._target(), self._tuning))
        return module

    def assembly(self, text: str) -> str:
        """The instructions that a loop becomes, to be read."""
        return str(self._target().emit_assembly(self._optimized(text)))

    def ufunc(
        self, text: str, types: list[np.dtype[Any]], results: int, name: str, signature: str = ""
    ) -> Any:
        """A ufunc whose loop is this one, of these types of inputs and results."""
        engine = llvm.create_mcjit_compiler(self._optimized(text), self._target())
        engine.finalize_object()
        loops = (ctypes.c_void_p * 1)(engine.get_function_address("loop"))
        data = (ctypes.c_void_p * 1)(None)
        numbers = ctypes.create_string_buffer(bytes([dtype.num for dtype in types]))
        title = ctypes.create_string_buffer(name.encode())
        _kept.append((engine, loops, data, numbers, title))
        counts = 1, len(types) - results, results, NO_IDENTITY
        given: tuple[Any, ...] = (loops, data, numbers, *counts, title, None, 0)
        if signature:
            text_of = ctypes.create_string_buffer(signature.encode())
            _kept.append(text_of)
            return _numpy_function(FROM_FUNCTION_AND_SIGNATURE)(*given, text_of)
        return _numpy_function(FROM_FUNCTION)(*given)


def _numpy_function(place: int) -> Any:
    """One of NumPy's own C functions that make ufuncs (its C API, "UFunc API")."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = pointer(import_module("numpy._core._multiarray_umath")._UFUNC_API, None)
    address = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[place]
    pointers, numbers = [ctypes.c_void_p] * 3, [ctypes.c_int] * 4
    more = [ctypes.c_void_p] if place == FROM_FUNCTION_AND_SIGNATURE else []
    kinds = [*pointers, *numbers, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, *more]
    return ctypes.PYFUNCTYPE(ctypes.py_object, *kinds)(address)
