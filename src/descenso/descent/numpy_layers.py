"""Layers in NumPy, which `descenso export --to numpy-script` copies into its scripts."""

import math
from typing import Any

import numpy as np

Array = Any  # np.ndarray in the scripts; NumPy's types are lost in these operations


def softmax(logits: Array) -> Array:
    """Compute probabilities; the largest logit of each row is subtracted first, against overflow."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in a form that does not overflow."""
    return (np.tanh(x / 2) + 1) / 2


def gelu(x: Array) -> Array:
    """x times the cumulative distribution function of the standard normal distribution."""
    erf = np.vectorize(math.erf, otypes=[x.dtype])
    return x * (1 + erf(x / math.sqrt(2))) / 2


def convolution(x: Array, kernel: Array, strides: tuple[int, int], same: bool) -> Array:
    """Convolve (rows, height, width, channels) with (kernel height, kernel width, channels, filters)."""
    views = windows(x, (kernel.shape[0], kernel.shape[1]), strides, same, 0.0)
    return np.tensordot(views, kernel, axes=((4, 5, 3), (0, 1, 2)))  # (rows, height', width', filters)


def max_pooling(x: Array, size: tuple[int, int], strides: tuple[int, int], same: bool) -> Array:
    """Take the largest value in each window, per channel."""
    return windows(x, size, strides, same, -np.inf).max(axis=(4, 5))  # (rows, height', width', channels)


def windows(x: Array, size: tuple[int, int], strides: tuple[int, int], same: bool, around: float) -> Array:
    """View the windows of (rows, height, width, channels).

    With `same` there are height / strides windows, rounded up, and images are padded with `around`.
    """
    if same:
        border = [(0, 0), (0, 0), (0, 0), (0, 0)]
        for axis in (0, 1):
            length = x.shape[axis + 1]
            missing = max((-(-length // strides[axis]) - 1) * strides[axis] + size[axis] - length, 0)
            border[axis + 1] = (missing // 2, missing - missing // 2)
        x = np.pad(x, border, constant_values=around)
    views = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))
    return views[:, :: strides[0], :: strides[1]]  # (rows, height', width', channels, *size)


def batch_normalization(
    x: Array, mean: Array, variance: Array, epsilon: float, gamma: Array | float = 1, beta: Array | float = 0
) -> Array:
    """Normalise each channel by the mean and variance of training, then scale by `gamma` and shift by `beta`."""
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta
