"""How long a training step takes on N processes, what they send each other, and torch's DDP beside.

    python tests/benchmarks/scaling.py --turns 5 --json docs/results/data/scaling.json

Every turn starts each contender once, in processes of its own, one after another, and takes the
least of its repetitions, because other programs disturb the rest; the figures are medians over the
turns. A process has one thread, but for the lines that say two. torch's DDP averages gradients over
gloo, on networks and batches of the same sizes; it normalizes each part of a batch by itself, so it
does less, and trains something else. `docs/tables.py` makes the tables of docs/scaling.md of the
file.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from minigan.backend import prepare_process, set_num_threads
from minigan.data.loader import DataLoader, ImageDataset
from minigan.data.parts import my_part
from minigan.distributed import join, ranks
from minigan.evaluation.circumstances import circumstances
from minigan.gans import dcgan, gan
from minigan.gans.base import GAN
from minigan.training.loop import over_ranks

MPIEXEC = Path(sys.executable).with_name("mpiexec")
BATCH = 64
STEPS = {"mlp": 20, "dcgan": 4}
WARM = 2
SIDE = {"mlp": 28, "dcgan": 32}
SIZES = [1, 128, 1024, 16_384, 262_144, 2_097_152]  # float32 numbers in a message
RANKS = [1, 2, 4]


# ---- what runs in the processes that are measured ------------------------------------------------


def game_of(system: str) -> GAN:
    if system == "mlp":
        return gan.MLPGAN(gan.RECIPES["corrected"])
    return dcgan.DCGAN(dcgan.Recipe(image_size=SIDE["dcgan"], channels=1))


def measure_minigan(system: str, batch: int) -> dict[str, Any]:
    """Milliseconds a step; and of that, per step: messages, their bytes, their milliseconds."""
    us = join()
    game, seen = game_of(system), count_messages(us)
    side = SIDE[system]
    images = np.random.default_rng(0).integers(0, 256, (batch, 1, side, side), np.uint8)
    (chosen,) = (loader := DataLoader(ImageDataset(images), batch)).deal()
    game.train()

    def step() -> None:
        with my_part(chosen) as mine:
            over_ranks(game.play_round(*loader.batch(mine)))

    times = timed(step, STEPS[system], lambda: seen.update(messages=0, bytes=0, seconds=0.0))
    return {
        "ms": 1e3 * min(times),
        "messages": seen["messages"] / len(times),
        "bytes": seen["bytes"] / len(times),
        "message ms": 1e3 * seen["seconds"] / len(times),
    }


def count_messages(us: Any) -> dict[str, Any]:
    """Let this rank count what it adds up with the others; to wait for them is part of the time."""
    seen: dict[str, Any] = {"messages": 0, "bytes": 0, "seconds": 0.0}
    add_up = us.add_up

    def counted(array: Any) -> Any:
        began = time.perf_counter()
        total = add_up(array)
        seen["seconds"] += time.perf_counter() - began
        seen["messages"] += 1
        seen["bytes"] += array.nbytes
        return total

    if us.size > 1:
        us.add_up = counted
    return seen


def measure_messages() -> dict[str, Any]:
    """Milliseconds that it takes all ranks to add up so many numbers."""
    us = join()
    found = {}
    for size in SIZES:
        array = np.ones(size, np.float32)
        times = timed(partial(us.add_up, array), 50 if size < 100_000 else 10)
        found[str(size)] = 1e3 * min(times)
    return found


def measure_torch(system: str, batch: int) -> dict[str, Any]:
    """The same step in torch, the networks wrapped in DDP where there is more than one process."""
    import torch

    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    torch.manual_seed(0)
    networks: list[Any] = list(torch_networks(torch.nn, system))
    if size > 1:
        torch.distributed.init_process_group("gloo", rank=rank, world_size=size)
        wrap = torch.nn.parallel.DistributedDataParallel
        networks = [wrap(network, broadcast_buffers=False) for network in networks]
    generator, discriminator = networks
    adams = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in networks]
    part, side = batch // size, SIDE[system]
    real = torch.rand(part, 1, side, side) * 2 - 1
    yes, no = torch.ones(part, 1), torch.zeros(part, 1)
    loss = torch.nn.BCELoss()

    def step() -> None:
        noise = torch.randn(part, 100) if system == "mlp" else torch.randn(part, 100, 1, 1)
        fake = generator(noise)
        adams[0].zero_grad()
        for p in discriminator.parameters():
            p.requires_grad_(False)
        loss(discriminator(fake).view(-1, 1), yes).backward()
        for p in discriminator.parameters():
            p.requires_grad_(True)
        adams[0].step()
        adams[1].zero_grad()
        both = discriminator(real).view(-1, 1), discriminator(fake.detach()).view(-1, 1)
        ((loss(both[0], yes) + loss(both[1], no)) / 2).backward()
        adams[1].step()

    return {"ms": 1e3 * min(timed(step, STEPS[system]))}


def torch_networks(nn: Any, system: str) -> tuple[Any, Any]:
    """The networks of MLPGAN's recipe `corrected`, and of DCGAN at 32 × 32."""
    if system == "mlp":
        layers, width = [], 100
        for i, wider in enumerate((128, 256, 512, 1024)):
            norm = [nn.BatchNorm1d(wider)] if i else []
            layers += [nn.Linear(width, wider), *norm, nn.LeakyReLU(0.2, True)]
            width = wider
        last = [nn.Linear(width, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))]
        judge = [nn.Flatten(), nn.Linear(784, 512), nn.LeakyReLU(0.2, True), nn.Linear(512, 256)]
        judge += [nn.LeakyReLU(0.2, True), nn.Linear(256, 1), nn.Sigmoid()]
        return nn.Sequential(*layers, *last), nn.Sequential(*judge)

    def up(a: int, b: int, *how: int) -> list[Any]:
        return [nn.ConvTranspose2d(a, b, 4, *how, bias=False), nn.BatchNorm2d(b), nn.ReLU(True)]

    def down(a: int, b: int) -> list[Any]:
        return [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, True)]

    draws = [*up(100, 256, 1, 0), *up(256, 128, 2, 1), *up(128, 64, 2, 1)]
    draws += [nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh()]
    first = [nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    last = [nn.Conv2d(256, 1, 4, 1, 0, bias=False), nn.Sigmoid()]
    return nn.Sequential(*draws), nn.Sequential(*first, *down(64, 128), *down(128, 256), *last)


def timed(
    work: Callable[[], Any], times: int, after_warming: Callable[[], Any] | None = None
) -> list[float]:
    """Seconds of each repetition, the first few left out."""
    for _ in range(WARM):
        work()
    if after_warming:
        after_warming()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def worker(options: argparse.Namespace) -> None:
    """One process of a contender: rank 0 prints what was measured."""
    prepare_process()
    if options.worker == "torch":
        import torch

        torch.set_num_threads(options.threads)
        found = measure_torch(options.system, options.batch)
        if os.environ.get("RANK", "0") == "0":
            print(json.dumps(found))
        return
    join()
    set_num_threads(options.threads)
    found = (
        measure_messages()
        if options.worker == "messages"
        else measure_minigan(options.system, options.batch)
    )
    if ranks().rank == 0:
        print(json.dumps(found))


# ---- what starts them ----------------------------------------------------------------------------


def contenders(system: str) -> dict[str, tuple[list[str], int, bool]]:
    """Name: the worker's flags, the processes, and whether torch brings them together."""
    own = ["--system", system, "--worker"]
    found: dict[str, tuple[list[str], int, bool]] = {
        "minigan, one process, two threads": ([*own, "minigan", "--threads", "2"], 0, False),
        "torch, one process, two threads": ([*own, "torch", "--threads", "2"], 0, False),
    }
    for n in RANKS:
        found[f"minigan, {n}"] = ([*own, "minigan"], n, False)
        found[f"torch, {n}"] = ([*own, "torch"], n, True)
    for batch in (BATCH // 2, BATCH // 4):  # what a step costs that does not depend on the batch
        found[f"minigan, 1, batch {batch}"] = ([*own, "minigan", "--batch", str(batch)], 0, False)
    return found


def run(flags: list[str], processes: int, by_torch: bool) -> dict[str, Any]:
    program = [sys.executable, __file__, *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "2" if "2" in flags else "1"}
    if not by_torch:
        start = [str(MPIEXEC), "-n", str(processes)] if processes > 1 else []
        done = subprocess.run([*start, *program], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    all_of_them = [
        subprocess.Popen(
            program,
            env={**environment, **meeting, "RANK": str(rank)},
            stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(processes)
    ]
    said, _ = all_of_them[0].communicate()
    assert [each.wait() for each in all_of_them] == [0] * processes
    return json.loads(said.splitlines()[-1])


def median_of(turns: list[dict[str, Any]]) -> dict[str, float]:
    return {key: round(statistics.median(turn[key] for turn in turns), 4) for key in turns[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure steps on N processes.")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", choices=["minigan", "torch", "messages"])
    parser.add_argument("--system", choices=list(STEPS), default="mlp")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.worker:
        worker(options)
        return
    load = [os.getloadavg()[0]]
    steps: dict[str, dict[str, list[Any]]] = {system: {} for system in STEPS}
    messages: dict[str, list[Any]] = {}
    for turn in range(1, options.turns + 1):
        for system in STEPS:
            for name, (flags, processes, by_torch) in contenders(system).items():
                found = run(flags, processes, by_torch)
                steps[system].setdefault(name, []).append(found)
                print(f"turn {turn} {system:6} {name:36} {found['ms']:9.2f} ms", flush=True)
        for n in RANKS[1:]:
            messages.setdefault(str(n), []).append(run(["--worker", "messages"], n, False))
        load.append(os.getloadavg()[0])
        facts = {
            **circumstances(f"python tests/benchmarks/scaling.py --turns {turn}", threads=1),
            "torch": version("torch"),
            "turns": turn,
            "batch": BATCH,
            "load": [round(each, 1) for each in load],  # of the machine, before and after each turn
            "steps": {s: {n: median_of(t) for n, t in found.items()} for s, found in steps.items()},
            "messages": {n: median_of(found) for n, found in messages.items()},
        }
        if options.json:  # after each turn: on a busy machine the next may take long
            options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
