"""Who hears of a descent; apart from the loop, so that whoever only listens does not wait for TensorFlow."""

from collections.abc import Callable
from typing import NamedTuple

from descenso.runs.history import Epoch

__all__ = ["Observer"]


class Observer(NamedTuple):
    """Who hears of a descent as it goes.

    Attributes:
        bound: called once with the seconds that tracing and compiling took, before the first epoch.
        epoch: called after each epoch.
    """

    bound: Callable[[float], None]
    epoch: Callable[[Epoch], None]
