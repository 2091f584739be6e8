"""Two threads of one process, each with a model of its own, do not disturb each other."""

import threading

import numpy as np
import pytest
from small_run import contents, small_gan, small_loader, small_run

import minigan as mg
from minigan import nn
from minigan.tensor import Tensor


def together(*functions):
    """What each of the functions returns when all run at once, in threads of their own."""
    results, errors = [None] * len(functions), []
    gate = threading.Barrier(len(functions), timeout=60)

    def guarded(place, function):
        try:
            gate.wait()
            results[place] = function()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    if errors:
        raise errors[0]
    return results


def test_two_runs_at_once_give_the_bytes_that_each_gives_alone(tmp_path):
    """The whole command: training, samples under no_grad, frozen networks, files."""

    def a_run(folder, seed):
        assert small_run(tmp_path / folder, "--max-steps", "120", seed=seed) == 0
        return contents(tmp_path / folder)

    alone = [a_run(f"alone {seed}", seed) for seed in (0, 1)]
    both = together(lambda: a_run("both 0", 0), lambda: a_run("both 1", 1))
    assert alone[0]["metrics.csv"] != alone[1]["metrics.csv"]
    assert both == alone


@pytest.mark.parametrize("times", range(3))
def test_one_samples_while_the_other_trains(times):
    def trained():
        gan = small_gan()
        losses = [gan.play_round(*batch) for _ in range(8) for batch in small_loader()]
        return [float(value) for loss in losses for value in loss.values()]

    def sampled():
        gan = small_gan(7)
        noise = gan.sample_noise(4)
        return [gan.sample(noise).numpy().tobytes() for _ in range(80)]

    alone = [trained(), sampled()]
    assert together(trained, sampled) == alone


def test_a_seed_belongs_to_its_thread():
    def draw(seed):
        mg.manual_seed(seed)
        return [float(mg.randn(1)) for _ in range(300)]

    alone = [draw(0), draw(1)]
    assert together(lambda: draw(0), lambda: draw(1)) == alone


def test_frozen_and_detect_anomaly_belong_to_one_network_and_one_thread():
    meet = threading.Barrier(2, timeout=60)

    def freezes():
        network = nn.Linear(2, 2)
        with nn.frozen(network), mg.detect_anomaly():
            meet.wait()
            meet.wait()
            return network(mg.ones(1, 2)).requires_grad

    def trains():
        network = nn.Linear(2, 2)
        meet.wait()
        with np.errstate(divide="ignore"):
            Tensor(np.zeros(1)).log()  # an infinity, which nobody looks for in this thread
        recorded = network(mg.ones(1, 2)).requires_grad
        meet.wait()
        return recorded

    assert together(freezes, trains) == [False, True]
