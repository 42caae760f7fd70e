"""Rows as TensorFlow sees them, without a second copy where none is needed."""

from typing import Any

import tensorflow as tf

from descenso.descent.problem import Tensor

ALIGNMENT = 64  # bytes; TensorFlow's kernels on the processor assume it, and abort without


def as_tensor(array: Any) -> Tensor:
    """The NumPy `array` as a tensor: its own memory where it is aligned and may be shared, else a copy.

    Where it is shared, the array must not change while the tensor lives.
    """
    shareable = array.flags.c_contiguous and array.flags.writeable and array.ctypes.data % ALIGNMENT == 0
    if array.size and shareable and not tf.config.list_logical_devices("GPU"):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
