"""torch.utils.data: data sets of single items, and a loader that puts them together in batches.

minigan's own loader, data/loader.py, keeps all images as bytes and gathers a batch at once, which
is many times faster. This one asks the data set for one item after another, as torch's does; it has
no workers. Next: tensorboard.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minigan.compat.forward import forward
from minigan.random import Random, default_generator
from minigan.tensor import Tensor, stack


class Dataset:
    """What a DataLoader takes: `__getitem__` and `__len__`."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __class_getitem__(cls, item: Any) -> Any:
        return cls  # Dataset[Tensor], for readers


class TensorDataset(Dataset):
    """Item i is (a[i], b[i], …) of tensors of one length."""

    def __init__(self, *tensors: Tensor) -> None:
        if len({len(t) for t in tensors}) > 1:
            raise ValueError(f"tensors of one length are needed, not {[len(t) for t in tensors]}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """Some items of a data set, by their numbers."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int], generator: Random | None = None
) -> list[Subset]:
    """Parts of these lengths, at random."""
    if sum(lengths) != len(dataset):
        raise ValueError(f"lengths {list(lengths)} do not add up to the {len(dataset)} items")
    order = (generator or default_generator()).permutation(len(dataset)).tolist()
    ends = np.cumsum(lengths).tolist()
    return [Subset(dataset, order[end - n : end]) for n, end in zip(lengths, ends, strict=True)]


class DataLoader:
    """Batches of a data set; each `for` loop is a whole epoch, shuffled anew.

    sampler: the items' numbers, in the order in which they are dealt.
    collate_fn: makes a batch of a list of items; see `default_collate`.
    Whatever else torch takes to load faster (num_workers, pin_memory, …) changes no batch, and is
    ignored.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        *,
        generator: Random | None = None,
        **faster: Any,
    ) -> None:
        if batch_sampler is not None:
            raise ValueError("batch_sampler is not supported: give sampler and batch_size")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        if shuffle and sampler is not None:
            raise ValueError("a sampler says the order: give either it or shuffle=True")
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.collate_fn = sampler, collate_fn or default_collate
        self.num_workers = num_workers
        self._shuffle, self._generator = bool(shuffle), generator

    def __len__(self) -> int:
        items = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return items // self.batch_size if self.drop_last else math.ceil(items / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        batch = []
        for number in self._order():
            batch.append(self.dataset[int(number)])
            if len(batch) == self.batch_size:
                yield self.collate_fn(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.collate_fn(batch)

    def _order(self) -> Iterable[int]:
        if self.sampler is not None:
            return self.sampler
        if not self._shuffle:
            return range(len(self.dataset))
        return (self._generator or default_generator()).permutation(len(self.dataset)).tolist()


def default_collate(batch: Sequence[Any]) -> Any:
    """Items put together: tensors are stacked, numbers become a tensor, tuples and dicts of these
    a list and a dict of batches, and strings stay in a list. float becomes float64, as in torch."""
    first = batch[0]
    if isinstance(first, Tensor):
        return stack([as_item.detach() for as_item in batch])
    if isinstance(first, np.ndarray | np.generic):
        return Tensor(np.stack(batch))
    if isinstance(first, bool | int | float):
        kind = {bool: np.bool_, int: np.int64, float: np.float64}[type(first)]
        return Tensor(np.array(batch, kind))
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([item[key] for item in batch]) for key in first}
    if isinstance(first, Sequence):
        if any(len(item) != len(first) for item in batch):
            raise RuntimeError("the items of a batch must be equally long")
        return [default_collate(column) for column in zip(*batch, strict=True)]
    raise TypeError(
        f"a batch is made of tensors, arrays, numbers, strings, and dicts and lists of these; a "
        f"{type(first).__name__} was found. A picture needs transforms.ToTensor()"
    )


_INSTEAD = {
    "IterableDataset": "write a Dataset with __len__ and __getitem__",
    "WeightedRandomSampler": "give DataLoader's sampler a list of numbers, numpy.random.choice(…)",
}
__getattr__ = forward("torch.utils.data", instead=_INSTEAD)
