"""Compute the order of batches as a pure function of (seed, epoch), once and outside every engine.

Because the order is data, engines that are fed the same one must walk the same path, and a run can be resumed from any
step.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Order(NamedTuple):
    """The rows of each step of one epoch.

    Attributes:
        batches: (full_steps, batch_size) int32, the full batches.
        rest: (rows % batch_size,) int32, the last, smaller batch; empty where the rows divide evenly.
    """

    batches: NDArray[np.int32]
    rest: NDArray[np.int32]

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        """Yield the rows of each step in turn."""
        yield from self.batches
        if len(self.rest):
            yield self.rest

    def between(self, first: int, last: int) -> "Order":
        """Return the steps in [first, last) as an order."""
        rest = self.rest if first <= len(self.batches) < last else self.rest[:0]
        return Order(self.batches[first:last], rest)

    @property
    def weights(self) -> NDArray[np.int64]:
        """(steps,) rows in each step: the weight of its cost in the epoch's average."""
        return np.array([len(rows) for rows in self])


def epoch_order(kind: str, rows: int, batch_size: int, seed: int, epoch: int) -> Order:
    """Return the order of one epoch.

    Args:
        kind: "permutation" (every row once, uniformly at random), "sequential" (as stored), or "buffer:N"
            (tf.data's `shuffle(N)`: a buffer of N rows, from which each draw takes one at random and which
            the next row refills; rows can only come so early).
        rows: number of training rows, at least 1.
        batch_size: rows in a batch, in [1, rows].
        seed: of the run, at least 0.
        epoch: counted from 0.

    Returns:
        Every row exactly once.

    >>> [list(map(int, step)) for step in epoch_order("sequential", 5, 2, seed=0, epoch=0)]
    [[0, 1], [2, 3], [4]]
    """
    # The seed's upper 32 bits come last: beside the lower ones they would stand where a small seed has its epoch.
    random = np.random.default_rng([seed % 2**32, epoch, seed // 2**32])
    if kind == "sequential":
        flat = np.arange(rows, dtype=np.int64)
    elif kind == "permutation":
        flat = random.permutation(rows)
    else:
        flat = _through_buffer(rows, int(kind.removeprefix("buffer:")), random)
    ordered: NDArray[np.int32] = flat.astype(np.int32)
    full = rows - rows % batch_size
    return Order(ordered[:full].reshape(-1, batch_size), ordered[full:])


def _through_buffer(rows: int, size: int, random: np.random.Generator) -> NDArray[np.int64]:
    size = min(size, rows)
    buffer = list(range(size))
    drawn = []
    for row, slot in enumerate(random.integers(size, size=rows - size).tolist(), start=size):
        drawn.append(buffer[slot])
        buffer[slot] = row
    return np.array(drawn + [buffer[slot] for slot in random.permutation(size)])
