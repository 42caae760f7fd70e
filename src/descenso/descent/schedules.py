"""Learning-rate schedules: pure functions from the step t, counted from 0, to a share of the rate, in float64.

Names, options and defaults stand in `descenso.registry`.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.descent.problem import Schedule, Tensor, constant
from descenso.registry import SCHEDULES as MEMBERS
from descenso.registry import parse


@lru_cache
def build(spec: str, steps: int) -> Schedule:
    """Build a schedule; equal arguments give the same function again.

    Args:
        spec: such as "cosine" or "step:factor=0.5,every=0.2" (see `descenso.registry.parse`).
        steps: T, number of steps of the whole training, at least 1; beyond it the share stays what it was at T.

    Returns:
        A function from int32 steps of any shape to float64 shares of the learning rate, of that shape.
    """
    name, options = parse(spec, MEMBERS)

    def schedule(step: Tensor) -> Tensor:
        done = tf.minimum(tf.cast(step, tf.float64), steps) / steps  # t / T, in [0, 1]
        return SCHEDULES[name](done, steps, **options)

    return schedule if name != "constant" else constant


def shares(spec: str, steps: int = 1000) -> NDArray[np.float64]:
    """Compute the share of the learning rate at each step and at the end: (steps + 1,) float64."""
    return np.asarray(build(spec, steps)(tf.range(steps + 1)))


def _step(done: Tensor, steps: int, factor: float, every: float) -> Tensor:
    """factor ^ ⌊done / every⌋. Source: He et al., Deep Residual Learning (2016), section 3.4."""
    return tf.pow(tf.constant(factor, tf.float64), tf.floor(done / every + 1e-12))  # ends of spans fall on the next one


def _exponential(done: Tensor, steps: int, final: float) -> Tensor:
    """final ^ done."""
    return tf.pow(tf.constant(final, tf.float64), done)


def _cosine(done: Tensor, steps: int, final: float) -> Tensor:
    """From 1 to final along half a cosine. Source: Loshchilov and Hutter, SGDR (2017), equation 5, without restarts."""
    return _along(done, 1.0, final)


def _one_cycle(done: Tensor, steps: int, rise: float, start: float, final: float) -> Tensor:
    """Up from start over a share `rise` of all steps, then down to final.

    The form is that of PyTorch's OneCycleLR, which counts T − 1 steps and moves the momentum, too.

    Source: Smith and Topin, Super-Convergence (2018), section 4.
    """
    up, down = _along(done / rise, start, 1.0), _along((done - rise) / (1 - rise), 1.0, final)
    return tf.where(done < rise, up, down)


def _warm_up(done: Tensor, steps: int, rise: float) -> Tensor:
    """A straight line up to 1 over a share `rise` of all steps, and 1 from there on; never 0.

    Source: Goyal et al., Accurate, Large Minibatch SGD (2017), section 2.2.
    """
    return tf.minimum((done + 1 / steps) / rise, 1.0)


def _along(share: Tensor, begin: float, end: float) -> Tensor:
    """From begin to end along half a cosine, as `share` goes from 0 to 1."""
    return end + (begin - end) * (1 + tf.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Callable[..., Tensor]] = {
    "step": _step,
    "exponential": _exponential,
    "cosine": _cosine,
    "one-cycle": _one_cycle,
    "warm-up": _warm_up,
}
