"""The losses as modules, with torch's names and arguments: functional/losses.py says what each is.

Next: functional.py.
"""

from __future__ import annotations

from typing import Any

from minigan import functional as F  # noqa: N812
from minigan.nn.module import Buffer, Module
from minigan.tensor import Tensor


class _Loss(Module):
    """What they share: whether "mean" or "sum" makes one number of many, or "none" leaves them."""

    def __init__(self, *, reduction: str = "mean", **lacking: Any) -> None:
        super().__init__(**lacking)
        self.reduction = reduction


class BCELoss(_Loss):
    """Binary cross entropy of probabilities: functional.binary_cross_entropy.

    The weight is kept, moved and saved as a buffer, as in torch; so are those below.
    """

    weight: Buffer | None

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "mean", **lacking: Any
    ) -> None:
        super().__init__(reduction=reduction, **lacking)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of logits: functional.binary_cross_entropy_with_logits."""

    weight: Buffer | None
    pos_weight: Buffer | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
        **lacking: Any,
    ) -> None:
        super().__init__(reduction=reduction, **lacking)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class MSELoss(_Loss):
    """Mean squared error: functional.mse_loss."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """Mean absolute error: functional.l1_loss."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class CrossEntropyLoss(_Loss):
    """Cross entropy of a softmax over scores: functional.cross_entropy."""

    weight: Buffer | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        **lacking: Any,
    ) -> None:
        super().__init__(reduction=reduction, **lacking)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
