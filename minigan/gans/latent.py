"""A walk through latent space: vectors on the way from one noise to another.

What a generator draws of them shows whether it has learned more than single images.
Next: ../evaluation/divergences.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigan.errors import UserError


def latent_walk(start: Any, end: Any, steps: int, *, spherical: bool = True) -> np.ndarray:
    """`steps` latent vectors from `start` to `end`, both included: (steps, *start.shape).

    Normal vectors of many dimensions all lie near one sphere, and a straight line between two of
    them runs through its empty inside. The great circle stays on the sphere (Shoemake 1985;
    White 2016, "Sampling Generative Networks"):

        z(t) = sin((1-t)·ω) / sin(ω) · start + sin(t·ω) / sin(ω) · end,   t = 0 … 1,

    with ω the angle between the two. For parallel vectors sin(ω) is 0; then, and with
    `spherical=False`, the walk is z(t) = (1-t)·start + t·end. Whole numbers walk as float32.
    """
    start, end = _host(start), _host(end)
    if start.shape != end.shape:
        raise UserError(f"A walk needs two vectors of one shape, not {start.shape} and {end.shape}")
    if not isinstance(steps, int | np.integer) or steps < 2:
        raise UserError(f"A walk from one vector to another has at least 2 steps, not {steps}")
    if start.size == 0 or not (np.isfinite(start).all() and np.isfinite(end).all()):
        raise UserError("A walk needs two vectors of finite numbers, at least one in each")
    t = np.linspace(0, 1, steps).reshape(-1, *[1] * start.ndim)  # (steps, 1, ...)
    angle = _angle(start, end)
    if spherical and math.sin(angle) > 1e-6:
        weights = np.sin((1 - t) * angle), np.sin(t * angle)
        walk = (weights[0] * start + weights[1] * end) / math.sin(angle)
    else:
        walk = (1 - t) * start + t * end
    return walk.astype(start.dtype)


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """The angle between two vectors, accurate for nearly parallel ones too (Kahan 2006)."""
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    a, b = a * np.linalg.norm(b), b * np.linalg.norm(a)  # of one length
    return 2 * math.atan2(float(np.linalg.norm(a - b)), float(np.linalg.norm(a + b)))


def _host(values: Any) -> np.ndarray:
    """A vector of floats: whole numbers could only stand still or jump."""
    array = np.asarray(values.numpy() if hasattr(values, "numpy") else values)
    if array.dtype.kind not in "fiub":
        raise UserError(f"A walk needs vectors of numbers, not of {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(np.float32)
