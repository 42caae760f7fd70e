"""Training rows as an engine reads them: on the device where they fit, or gathered from a memory-mapped file."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split, aligned, is_mapped
from descenso.descent.problem import Batch, Tensor

ALIGNMENT = 64  # bytes; TensorFlow's kernels on the processor assume it, and abort without


class Rows:
    """The one way from a split to batches.

    Arrays in memory become tensors, without a copy where possible, from which TensorFlow gathers. A memory-mapped
    array is never brought into memory whole: NumPy takes the rows of each batch from the file.

    Args:
        split: rows; its arrays must not change while this lives.

    Attributes:
        in_memory: whether they are; else they are mapped.
    """

    def __init__(self, split: Split) -> None:
        self._split, self.in_memory = split, not is_mapped(split.inputs)

    @cached_property
    def tensors(self) -> Batch:
        """All rows, in memory, as tensors."""
        return Batch(*self._split).map(as_tensor)

    def batch(self, numbers: NDArray[np.int32]) -> Batch:
        """Gather rows by number: (…, batch) int32 -> inputs (…, batch, *input_shape), and so on."""
        if self.in_memory:
            return gathered(self.tensors, numbers)
        return Batch(*self._split).map(lambda array: _taken(array, numbers))

    def arrays(self, numbers: NDArray[np.int32]) -> Batch:
        """Gather rows by number as NumPy arrays, for what is fed by hand."""
        return Batch(*self._split).map(lambda array: np.take(array, numbers, axis=0))


def _taken(array: NDArray[Any], numbers: NDArray[np.int32]) -> Tensor:
    """Take rows of `array` into memory that becomes the tensor's own."""
    rows = aligned((*numbers.shape, *array.shape[1:]), array.dtype)
    return as_tensor(np.take(array, numbers, axis=0, out=rows, mode="clip"))  # "raise" would take a second buffer


def gathered(rows: Batch, numbers: Tensor) -> Batch:
    """Gather rows by number from tensors."""
    return rows.map(lambda tensor: tf.gather(tensor, numbers))


def unread(split: Split, *leading: int) -> Batch:
    """Make batches of `split`, (*leading, *row), for a call that reads none of them: their memory is not written to."""
    return Batch(*split).map(lambda array: as_tensor(aligned((*leading, *array.shape[1:]), array.dtype)))


def specs(split: Split, leading: tuple[int | None, ...]) -> Batch:
    """Describe batches of `split` whose shapes begin with `leading`."""
    spec: Callable[[Any], tf.TensorSpec] = lambda array: tf.TensorSpec([*leading, *array.shape[1:]], array.dtype)  # noqa: E731
    return Batch(*split).map(spec)


def as_tensor(array: Any) -> Tensor:
    """Make a tensor of the NumPy `array`: its own memory where it is aligned and may be shared, else a copy.

    Where it is shared, the array must not change while the tensor lives.
    """
    shareable = array.flags.c_contiguous and array.flags.writeable and array.ctypes.data % ALIGNMENT == 0
    if array.size and shareable and not tf.config.list_logical_devices("GPU"):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
