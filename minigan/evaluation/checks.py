"""What may come into a score: arguments are checked, and an error names the function and them.

Next: neighbors.py.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigan.errors import UserError

Array = npt.NDArray[Any]


class Arguments(NamedTuple):
    """The arguments of one function, and what they must be: each method checks some of them, and
    raises UserError."""

    function: str

    def matrix(self, name: str, values: Array) -> Array:
        """`values` as a host array of finite real numbers: (N, D), N and D at least 1."""
        array = self.host(name, values)
        if array.ndim != 2:
            raise UserError(
                f"{self.function}: {name} must have the shape (N, D), one row an image, and it has "
                f"{array.shape}; reshape(len(x), -1) makes rows"
            )
        if array.size == 0:
            raise UserError(f"{self.function}: {name} is empty: its shape is {array.shape}")
        finite = np.isfinite(array)
        if not finite.all():
            bad_rows = np.flatnonzero(~finite.all(axis=1))
            raise UserError(
                f"{self.function}: {name} holds NaN or infinity in {len(bad_rows)} of "
                f"{len(array)} rows, first in row {bad_rows[0]}"
            )
        return array

    def same_width(self, name_a: str, a: Array, name_b: str, b: Array) -> None:
        """Rows of a (N, D) and of b (M, D) must be equally long."""
        if a.shape[1] != b.shape[1]:
            raise UserError(
                f"{self.function}: {name_a} has {a.shape[1]} columns and {name_b} has {b.shape[1]} "
                f"(shapes {a.shape} and {b.shape}); both must come from the same features"
            )

    def host(self, name: str, values: Array) -> Array:
        """`values` as a NumPy array of real numbers."""
        try:
            array = np.asarray(values)
        except (TypeError, ValueError) as error:  # an array on a GPU; rows of unequal length
            raise UserError(
                f"{self.function}: {name} must be a NumPy array, and it is a "
                f"{type(values).__name__} that does not become one; bring it to the host first"
            ) from error
        if array.dtype.kind not in "biuf":
            raise UserError(
                f"{self.function}: {name} must hold real numbers, and it holds {array.dtype}"
            )
        return array

    def pair(self, name_a: str, a: Array, name_b: str, b: Array) -> tuple[Array, Array]:
        """Both as checked matrices (N, D) and (M, D)."""
        a, b = self.matrix(name_a, a), self.matrix(name_b, b)
        self.same_width(name_a, a, name_b, b)
        return a, b

    def enough(self, name: str, array: Array, needed: int, why: str) -> None:
        """`array` must have at least `needed` rows."""
        if len(array) < needed:
            raise UserError(
                f"{self.function} needs at least {needed} samples {why}, and {name} has "
                f"{len(array)}"
            )

    def k(self, k: int) -> None:
        if k < 1:
            raise UserError(
                f"{self.function}: k, the number of neighbors, must be at least 1, not {k}"
            )

    def probabilities(self, values: Array) -> Array:
        """Checked rows of probabilities as float64 (N, classes)."""
        p = self.matrix("probabilities", values).astype(np.float64)
        sums = p.sum(axis=1)
        wrong = np.flatnonzero((p < 0).any(axis=1) | (np.abs(sums - 1) > 1e-3))
        if len(wrong):
            row = wrong[0]
            raise UserError(
                f"{self.function}: each row must be probabilities that sum to 1, and row {row} has "
                f"the sum {sums[row]:.4g} and the least entry {p[row].min():.4g}; apply softmax to "
                f"logits first"
            )
        return p

    def class_counts(self, name: str, values: Array, classes: int) -> Array:
        """How often each class occurs: labels (N,) or probabilities (N, classes) -> (classes,)."""
        array = self.host(name, values)
        if array.ndim == 2:
            array = self.probabilities(array).argmax(axis=1)  # (N, classes) -> (N,)
        if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "iu":
            raise UserError(
                f"{self.function}: {name} must be integers of shape (N,), at least one, or "
                f"probabilities of shape (N, {classes}); got {array.dtype} of shape {array.shape}"
            )
        if array.min() < 0 or array.max() >= classes:
            raise UserError(
                f"{self.function}: {name} must be from 0 to {classes - 1}, and they reach from "
                f"{array.min()} to {array.max()}"
            )
        return np.bincount(array.astype(np.intp), minlength=classes)

    def labels(self, name: str, labels: Array, of: str, images: Array) -> Array:
        """Labels as an array of shape (N,), one for each row of `images`."""
        array = self.host(name, labels)
        if array.shape != (len(images),):
            raise UserError(
                f"{self.function}: {name} has the shape {array.shape}, and {of} has "
                f"{len(images)} rows: give one label for each"
            )
        return array
