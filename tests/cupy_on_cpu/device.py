"""The pretended GPU: memory, streams, events and captured graphs, all on the host.

Everything runs at once, in the order of the calls, except on a stream that is being captured:
there a call is only noted down, and runs when the graph is launched. `runtime_functions` lists
what is played of CUDA; kernels.py adds the launches, blas.py the matrix products.
"""

from __future__ import annotations

import ctypes
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

POISON = 0xFF  # fresh memory: NaN as a float, -1 as an integer
GUARD = 0xA5  # behind every allocation; a kernel that writes past its end changes it
GUARD_BYTES = 512
STREAM_CAPTURE_UNSUPPORTED = 900  # cudaErrorStreamCaptureUnsupported

# cudaDeviceAttr -> value. Few multiprocessors, so that grid-stride loops take more than one round.
ATTRIBUTES = {
    1: 1024,  # threads per block
    **{2: 1024, 3: 1024, 4: 64},  # block size along x, y, z
    **{5: 2**31 - 1, 6: 65535, 7: 65535},  # grid size along x, y, z
    8: 48 << 10,  # shared memory per block
    10: 32,  # warp size
    12: 65536,  # registers per block
    16: 4,  # multiprocessors
    39: 2048,  # threads per multiprocessor
    75: 9,  # compute capability, major
    76: 0,  # and minor
    97: 227 << 10,  # shared memory per block that a kernel may ask for
}

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.restype = None
libc.free.argtypes = [ctypes.c_void_p]


class Call(NamedTuple):
    """One thing that the GPU was asked for: kind is "launch", "memcpy", "memset", "gemm", "graph",
    "malloc" or "synchronize"; name says which."""

    kind: str
    name: str
    captured: bool


class Device:
    """One GPU that is none."""

    def __init__(self) -> None:
        self.calls: list[Call] | None = None  # noted while `recording`
        self.live: dict[int, int] = {}  # address -> bytes
        self.pinned: set[int] = set()  # of these, the host's memory that CUDA knows
        self.capturing: dict[int, list[Callable[[], None]]] = {}  # stream -> the work noted so far
        self._graphs: dict[int, list[Callable[[], None]]] = {}
        self._events: dict[int, float] = {}
        self._event_captures: dict[int, list[Callable[[], None]]] = {}
        self._handles = itertools.count(1000)
        self.runtime: Any = None  # CuPy's module, for its exceptions; install() sets it

    # ---- bookkeeping -------------------------------------------------------------------------

    def handle(self, *_: Any) -> int:
        """A fresh name for a stream, an event, a graph, a module, ..."""
        return next(self._handles)

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """Inside, each call is appended to the list that `with` gives."""
        outer, self.calls = self.calls, []
        try:
            yield self.calls
        finally:
            self.calls = outer

    def note(self, kind: str, name: str, stream: int = 0) -> None:
        if self.calls is not None:
            self.calls.append(Call(kind, name, stream in self.capturing))

    def do(self, kind: str, name: str, stream: int, work: Callable[[], None]) -> None:
        """Run `work` now or, if `stream` is being captured, whenever the graph is launched."""
        self.note(kind, name, stream)
        if stream in self.capturing:
            self.capturing[stream].append(work)
        else:
            work()

    def _wait(self, what: str, refused: bool) -> None:
        """The host waits for the GPU; what is being captured cannot be waited for."""
        self.note("synchronize", what)
        if refused:
            raise self.runtime.CUDARuntimeError(STREAM_CAPTURE_UNSUPPORTED)

    # ---- memory ------------------------------------------------------------------------------

    def malloc(self, size: int) -> int:
        self.note("malloc", f"{size} bytes")
        address: int | None = libc.malloc(size + GUARD_BYTES)
        if address is None:
            raise MemoryError(f"no {size} bytes left")
        ctypes.memset(address, POISON, size)
        ctypes.memset(address + size, GUARD, GUARD_BYTES)
        self.live[address] = size
        return address

    def free(self, address: int) -> None:
        if address in self.live:  # not 0, and not from before a reload
            self._check_guard(address, self.live.pop(address))
            self.pinned.discard(address)
            libc.free(address)

    def host_alloc(self, size: int, flags: int) -> int:
        address = self.malloc(size)
        self.pinned.add(address)
        return address

    def check_guards(self) -> None:
        """Raise if a kernel wrote past the end of an allocation.

        CuPy's memory pool hands out pieces of large allocations. To see single arrays here, make
        them under `cupy.cuda.using_allocator(None)`, which asks `malloc` for each.
        """
        for address, size in self._allocations():
            self._check_guard(address, size)

    def _allocations(self) -> Iterable[tuple[int, int]]:
        """Each address and its bytes, as of now.

        Going through `live` itself would not do: other threads may allocate meanwhile, and even
        this one, for making a pair may start Python's garbage collection, which frees arrays.
        """
        return self.live.copy().items()

    def _check_guard(self, address: int, size: int) -> None:
        behind = ctypes.string_at(address + size, GUARD_BYTES)
        if behind != bytes([GUARD]) * GUARD_BYTES:
            first = next(i for i, byte in enumerate(behind) if byte != GUARD)
            raise RuntimeError(f"byte {first} behind an allocation of {size} bytes was written to")

    def memcpy(self, to: int, source: int, size: int, kind: int) -> None:
        self._wait("memcpy", refused=bool(self.capturing))
        ctypes.memmove(to, source, size)

    def memcpy_async(self, to: int, source: int, size: int, kind: int, stream: int) -> None:
        # CuPy often leaves it to CUDA to see by the addresses where they are.
        direction = f"{self._place(source)} to {self._place(to)}"
        self.do("memcpy", direction, stream, lambda: _nothing(ctypes.memmove(to, source, size)))

    def _place(self, address: int) -> str:
        for start, size in self._allocations():
            if start <= address < start + size:
                return "host" if start in self.pinned else "device"
        return "host"

    def memset(self, to: int, value: int, size: int) -> None:
        self._wait("memset", refused=bool(self.capturing))
        ctypes.memset(to, value, size)

    def memset_async(self, to: int, value: int, size: int, stream: int) -> None:
        self.do("memset", "memset", stream, lambda: _nothing(ctypes.memset(to, value, size)))

    # ---- streams and events ------------------------------------------------------------------

    def stream_destroy(self, stream: int) -> None:
        self.capturing.pop(stream, None)

    def stream_synchronize(self, stream: int) -> None:
        self._wait("stream", refused=stream in self.capturing)

    def device_synchronize(self) -> None:
        self._wait("device", refused=bool(self.capturing))

    def event_record(self, event: int, stream: int) -> None:
        self._events[event] = time.perf_counter()
        self._event_captures.pop(event, None)
        if stream in self.capturing:
            self._event_captures[event] = self.capturing[stream]

    def event_synchronize(self, event: int) -> None:
        self._wait("event", refused=event in self._event_captures)

    def event_elapsed_time(self, start: int, end: int) -> float:
        return (self._events[end] - self._events[start]) * 1e3  # milliseconds of this processor

    def stream_wait_event(self, stream: int, event: int, flags: int = 0) -> None:
        """A stream that waits for an event of a capture becomes part of that capture."""
        if event in self._event_captures:
            self.capturing[stream] = self._event_captures[event]

    # ---- graphs ------------------------------------------------------------------------------

    def stream_begin_capture(self, stream: int, mode: int = 2) -> None:
        if stream in (0, 1, 2) or stream in self.capturing:  # the default streams cannot
            raise self.runtime.CUDARuntimeError(STREAM_CAPTURE_UNSUPPORTED)
        self.capturing[stream] = []

    def stream_end_capture(self, stream: int) -> int:
        work = self.capturing[stream]
        for joined in [s for s, noted in self.capturing.copy().items() if noted is work]:
            del self.capturing[joined]
        self._event_captures.clear()
        graph = self.handle()
        self._graphs[graph] = work
        return graph

    def graph_instantiate(self, graph: int) -> int:
        executable = self.handle()
        self._graphs[executable] = self._graphs[graph]
        return executable

    def graph_launch(self, executable: int, stream: int) -> None:
        nodes = self._graphs[executable]

        def run() -> None:
            for node in nodes:
                node()

        self.do("graph", f"{len(nodes)} nodes", stream, run)

    def graph_destroy(self, graph: int) -> None:
        self._graphs.pop(graph, None)

    # ---- facts -------------------------------------------------------------------------------

    def device_get_attribute(self, attribute: int, device: int) -> int:
        return ATTRIBUTES.get(attribute, 0)

    def get_device_properties(self, device: int) -> dict[str, Any]:
        return {
            "name": b"CuPy on a CPU",
            "totalGlobalMem": 16 << 30,
            "major": ATTRIBUTES[75],
            "minor": ATTRIBUTES[76],
            "multiProcessorCount": ATTRIBUTES[16],
            "warpSize": ATTRIBUTES[10],
            "sharedMemPerBlock": ATTRIBUTES[8],
            "maxThreadsPerBlock": ATTRIBUTES[1],
        }

    def runtime_functions(self) -> dict[str, Callable[..., Any]]:
        """CUDA's runtime functions, by the names of `cupy.cuda.runtime`."""
        return {
            "_ensure_context": _nothing,
            "deviceGetAttribute": self.device_get_attribute,
            "deviceGetPCIBusId": lambda device: "0000:00:00.0",
            "deviceSynchronize": self.device_synchronize,
            "driverGetVersion": lambda: 13000,
            "eventCreate": self.handle,
            "eventCreateWithFlags": self.handle,
            "eventDestroy": _nothing,
            "eventElapsedTime": self.event_elapsed_time,
            "eventQuery": _nothing,
            "eventRecord": self.event_record,
            "eventSynchronize": self.event_synchronize,
            "free": self.free,
            "freeHost": self.free,
            "getDevice": lambda: 0,
            "getDeviceCount": lambda: 1,
            "getDeviceProperties": self.get_device_properties,
            "graphDestroy": self.graph_destroy,
            "graphExecDestroy": self.graph_destroy,
            "graphInstantiate": self.graph_instantiate,
            "graphLaunch": self.graph_launch,
            "graphUpload": _nothing,
            "hostAlloc": self.host_alloc,
            "malloc": self.malloc,
            "memGetInfo": lambda: (8 << 30, 16 << 30),
            "memcpy": self.memcpy,
            "memcpyAsync": self.memcpy_async,
            "memset": self.memset,
            "memsetAsync": self.memset_async,
            "pointerGetAttributes": lambda p: self.runtime.PointerAttributes(0, p, p, 2),
            "pointerGetMemoryType": lambda p: 2,  # device memory
            "runtimeGetVersion": lambda: 13020,
            "setDevice": _nothing,
            "streamBeginCapture": self.stream_begin_capture,
            "streamCreate": self.handle,
            "streamCreateWithFlags": self.handle,
            "streamCreateWithPriority": self.handle,
            "streamDestroy": self.stream_destroy,
            "streamEndCapture": self.stream_end_capture,
            "streamGetFlags": lambda stream: 1,  # non-blocking
            "streamGetPriority": lambda stream: 0,
            "streamIsCapturing": lambda stream: int(stream in self.capturing),
            "streamQuery": _nothing,
            "streamSynchronize": self.stream_synchronize,
            "streamWaitEvent": self.stream_wait_event,
        }


def _nothing(*_: Any) -> None:
    """Done already: the device is never behind."""


device = Device()
