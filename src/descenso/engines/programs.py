"""Traced and compiled programs, kept for the next training run of this process with equal settings and shapes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import tensorflow as tf

from descenso.data.dataset import Scaling
from descenso.descent.problem import Problem

MOST = 64  # programs that are kept
LOCK = threading.RLock()
_kept: OrderedDict[Hashable, Any] = OrderedDict()


def arguments(scaling: Scaling) -> Scaling:
    """Make tensors of a scaling, for a program that takes it as an argument; a shift by nothing stays the number 0."""
    shift = tf.constant(scaling.shift, tf.float64) if np.any(scaling.shift) else 0.0
    return Scaling(shift, tf.constant(scaling.scale, tf.float64))


def _static(scaling: Scaling) -> Hashable:
    """What of a scaling is part of a program: its shapes, and whether there is a shift."""
    return bool(np.any(scaling.shift)), np.shape(scaling.shift), np.shape(scaling.scale)


def shapes_of(nest: Any) -> Hashable:
    """The shape and the dtype of each tensor in a nest."""
    return tuple((tuple(each.shape), each.dtype) if tf.is_tensor(each) else None for each in tf.nest.flatten(nest))


def shared(problem: Problem, make: Callable[[], Any], *key: Hashable) -> Any:
    """Return the program of `problem` and `key`, made by `make` where there is none yet.

    A program takes rows, state and scaling as arguments, so that runs which differ in data, seed or learning rate have
    one in common. Of a user's own model it is made anew each time: nothing says that two functions do the same.
    """
    if not problem.model.shared:
        return make()
    whole = (problem._replace(scaling=Scaling(), learning_rate=0.0), _static(problem.scaling), *key)
    with LOCK:
        if whole not in _kept:
            _kept[whole] = make()
            if len(_kept) > MOST:
                _kept.popitem(last=False)
        _kept.move_to_end(whole)
        return _kept[whole]


def clear() -> None:
    """Forget all programs, as when TensorFlow is told to compute in another way."""
    with LOCK:
        _kept.clear()
