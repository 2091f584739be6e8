"""The ring's snapshots: when they are taken, and what they count."""

import numpy as np
import pytest

from minigan.optim import Adam
from minigan.theory import ring
from minigan.theory.ring import OBJECTIVES, RING, SAMPLES


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_short_run(name):
    snapshots = ring.snapshots(OBJECTIVES[name], steps=50)
    assert [snapshot.step for snapshot in snapshots] == [3, 8, 15, 30, 50]
    assert all(snapshot.points.shape == (SAMPLES, 2) for snapshot in snapshots)
    again = ring.snapshots(OBJECTIVES[name], steps=50)
    np.testing.assert_array_equal(again[-1].points, snapshots[-1].points)


def test_a_snapshot_counts_modes_and_good_samples():
    class Planted:
        """A 'generator' that draws three modes well, one hardly ever, and half of it badly."""

        def generator(self, z):
            share = np.array([0.3, 0.1, 0.095, 0.005])
            rows = np.repeat(RING.centers()[:4], (share * SAMPLES).round().astype(int), axis=0)
            return Points(np.concatenate([rows, np.zeros((SAMPLES - len(rows), 2))]))

    class Points:
        def __init__(self, array):
            self.array = array

        def numpy(self):
            return self.array

    snapshot = ring.look(Planted(), 7)
    assert (snapshot.step, snapshot.modes) == (7, 3)
    assert snapshot.good == pytest.approx(0.5)


def test_all_objectives_have_equal_optimizers(monkeypatch):
    """What differs between two rows shall not come from Adam."""
    asked = []
    monkeypatch.setattr(
        ring, "Adam", lambda parameters, lr, betas: asked.append((lr, betas)) or Adam(parameters)
    )
    for objective in OBJECTIVES.values():
        ring.snapshots(objective, steps=1)
    assert set(asked) == {(1e-3, (0.5, 0.999))}
    asked.clear()
    ring.snapshots(OBJECTIVES["saturating"], steps=1, betas=(0.0, 0.9), discriminator_lr=1e-4)
    assert asked == [(1e-3, (0.0, 0.9)), (1e-4, (0.0, 0.9))]
