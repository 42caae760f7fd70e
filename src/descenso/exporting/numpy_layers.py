"""Layers in NumPy alone; `descenso export --to numpy-script` writes those that a model needs out into its script."""

import math
from typing import Any

import numpy as np

Array = Any  # np.ndarray, as the scripts say; NumPy's own types lose track of it


def softmax(logits: Array) -> Array:
    """Probabilities; the largest logit of each row is taken away first, so that none overflows."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def relu(x: Array) -> Array:
    """What is above 0."""
    return np.maximum(x, 0)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in a form that does not overflow."""
    return (np.tanh(x / 2) + 1) / 2


def gelu(x: Array) -> Array:
    """x times the share of the standard normal distribution that lies below x."""
    erf = np.vectorize(math.erf, otypes=[x.dtype])
    return x * (1 + erf(x / math.sqrt(2))) / 2


def convolution(x: Array, kernel: Array, strides: tuple[int, int], same: bool) -> Array:
    """(rows, height, width, channels) by (kernel height, kernel width, channels, filters)."""
    seen = windows(x, (kernel.shape[0], kernel.shape[1]), strides, same, 0.0)
    return np.tensordot(seen, kernel, axes=((4, 5, 3), (0, 1, 2)))  # (rows, height', width', filters)


def max_pooling(x: Array, size: tuple[int, int], strides: tuple[int, int], same: bool) -> Array:
    """The largest value in each window, channel by channel."""
    return windows(x, size, strides, same, -np.inf).max(axis=(4, 5))  # (rows, height', width', channels)


def windows(x: Array, size: tuple[int, int], strides: tuple[int, int], same: bool, around: float) -> Array:
    """What a window sees as it moves over (rows, height, width, channels).

    With `same`, it stops at height / strides places, rounded up, for which the images get a border of `around`.
    """
    if same:
        border = [(0, 0), (0, 0), (0, 0), (0, 0)]
        for axis in (0, 1):
            length = x.shape[axis + 1]
            missing = max((-(-length // strides[axis]) - 1) * strides[axis] + size[axis] - length, 0)
            border[axis + 1] = (missing // 2, missing - missing // 2)
        x = np.pad(x, border, constant_values=around)
    seen = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))
    return seen[:, :: strides[0], :: strides[1]]  # (rows, height', width', channels, *size)


def batch_normalization(
    x: Array, mean: Array, variance: Array, epsilon: float, gamma: Array | float = 1, beta: Array | float = 0
) -> Array:
    """Each channel brought to mean `beta` and deviation `gamma`, by the mean and variance that training measured."""
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta
