"""Compute the order of batches as a pure function of (seed, epoch), once and outside every engine.

Because the order is data, engines that are fed the same one must walk the same path, and a run can be resumed from any
step.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCKS = "blocks:"
WINDOW = 2  # sets the random numbers of a window apart from those of an epoch and of drawn test rows


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
            the next row refills; rows can only come so early), or "blocks:BxW" (blocks of B rows that are stored
            one behind the other are shuffled, and then the rows in each window of W blocks: for rows that stay on
            the disk, where reading W blocks is faster than reading B·W rows from anywhere).
        rows: number of training rows, at least 1.
        batch_size: rows in a batch, in [1, rows].
        seed: of the run, at least 0.
        epoch: counted from 0.

    Returns:
        Every row exactly once.

    >>> [list(map(int, step)) for step in epoch_order("sequential", 5, 2, seed=0, epoch=0)]
    [[0, 1], [2, 3], [4]]
    """
    if kind.startswith(BLOCKS):
        return _in_blocks(kind, rows, batch_size, seed, epoch, 0, -(-rows // batch_size))
    random = _random(seed, epoch)
    if kind == "sequential":
        flat = np.arange(rows, dtype=np.int64)
    elif kind == "permutation":
        flat = random.permutation(rows)
    else:
        flat = _through_buffer(rows, int(kind.removeprefix("buffer:")), random)
    ordered: NDArray[np.int32] = flat.astype(np.int32)
    full = rows - rows % batch_size
    return Order(ordered[:full].reshape(-1, batch_size), ordered[full:])


def steps_between(kind: str, rows: int, batch_size: int, seed: int, epoch: int) -> Callable[[int, int], Order]:
    """Return the function from (first, last) to the steps in [first, last) of the order of one epoch.

    Args:
        kind, rows, batch_size, seed, epoch: as of `epoch_order`. Of "blocks:BxW", only the windows of these steps are
            computed, in a time that does not depend on how far into the epoch they are.
    """
    if kind.startswith(BLOCKS):
        return partial(_in_blocks, kind, rows, batch_size, seed, epoch)
    return epoch_order(kind, rows, batch_size, seed, epoch).between


def _random(seed: int, epoch: int, *more: int) -> np.random.Generator:
    # The seed's upper 32 bits come last: beside the lower ones they would stand where a small seed has its epoch.
    return np.random.default_rng([seed % 2**32, epoch, seed // 2**32, *more])


def _in_blocks(kind: str, rows: int, batch_size: int, seed: int, epoch: int, first: int, last: int) -> Order:
    """Return the steps in [first, last) of an epoch whose blocks are shuffled, and then the rows in each window."""
    block, window = map(int, kind.removeprefix(BLOCKS).split("x"))
    block = min(block, rows)
    blocks = _random(seed, epoch).permutation(-(-rows // block))
    starts, sizes = blocks * block, np.minimum(block, rows - blocks * block)
    ends = np.cumsum(sizes)  # in the order, of each block; the last stored one may be smaller
    begin, end = first * batch_size, min(last * batch_size, rows)
    drawn, offset = [np.arange(0)], 0
    for number in range(int(np.searchsorted(ends, begin, side="right")) // window, -(-len(blocks) // window)):
        part = slice(number * window, (number + 1) * window)
        before = int(ends[part][0] - sizes[part][0])
        if before >= end:
            break
        offset = before if len(drawn) == 1 else offset
        within = np.arange(block)[np.newaxis] + starts[part, np.newaxis]
        stored = within[np.arange(block) < sizes[part, np.newaxis]]
        drawn.append(_random(seed, epoch, WINDOW, number).permutation(stored))
    flat = np.concatenate(drawn)[begin - offset : end - offset].astype(np.int32)
    full = len(flat) - len(flat) % batch_size
    return Order(flat[:full].reshape(-1, batch_size), flat[full:])


def class_distance(classes: NDArray[np.generic], kind: str, window: int) -> float:
    """Measure how evenly an order mixes the classes.

    Args:
        classes: (rows,) label of each training row, as stored.
        kind: of the order; see `epoch_order`.
        window: number of consecutive rows, at most all.

    Returns:
        The mean distance between the classes of `window` consecutive rows and those of all rows, in [0, 1]: the total
        variation distance, half the sum of |share in a window − share of all|.
    """
    codes = np.unique(classes, return_inverse=True)[1]
    ordered = codes[epoch_order(kind, len(codes), len(codes), seed=0, epoch=0).batches[0]]
    windows = ordered[: len(ordered) // window * window].reshape(-1, window)
    counts: NDArray[np.float64] = np.zeros((len(windows), codes.max() + 1))
    np.add.at(counts, (np.arange(len(windows))[:, None], windows), 1)
    shares = np.bincount(codes) / len(codes)
    return float(np.abs(counts / window - shares).sum(axis=1).mean() / 2)


def _through_buffer(rows: int, size: int, random: np.random.Generator) -> NDArray[np.int64]:
    size = min(size, rows)
    buffer = list(range(size))
    drawn = []
    for row, slot in enumerate(random.integers(size, size=rows - size).tolist(), start=size):
        drawn.append(buffer[slot])
        buffer[slot] = row
    return np.array(drawn + [buffer[slot] for slot in random.permutation(size)])
