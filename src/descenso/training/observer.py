"""Who hears of a descent; apart from the loop, so that whoever only listens does not wait for TensorFlow."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.runs.history import Epoch

if TYPE_CHECKING:
    from descenso.descent.problem import Problem, TrainState


def _nobody(*told: Any) -> None:
    """Nobody listens."""


class Observer(NamedTuple):
    """Who hears of a descent as it goes.

    Attributes:
        bound: called once with the seconds that tracing and compiling took, before the first epoch.
        epoch: called after each epoch.
        begun: called once in the beginning, also of a descent that goes on, with the run directory.
        state: called after each epoch whose numbers are finite, with what the descent has come to.
        ended: called once in the end, with the run's status.
    """

    bound: Callable[[float], None] = _nobody
    epoch: Callable[[Epoch], None] = _nobody
    begun: Callable[[Path, TrainConfig, Dataset], None] = _nobody
    state: "Callable[[Epoch, Problem, TrainState], None]" = _nobody
    ended: Callable[[dict[str, Any]], None] = _nobody


def both(first: Observer, second: Observer) -> Observer:
    """An observer that tells two, one after the other."""

    def telling(one: Callable[..., None], other: Callable[..., None]) -> Callable[..., None]:
        def tell(*told: Any) -> None:
            one(*told)
            other(*told)

        return tell

    pairs: Any = zip(first, second, strict=True)
    return Observer(*(telling(*pair) for pair in pairs))
