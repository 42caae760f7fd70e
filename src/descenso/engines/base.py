"""What every engine is: something that binds a problem to training rows, and then walks epochs."""

from collections.abc import Generator, Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.data.order import Order
from descenso.descent.problem import Problem, TrainState


class StepTrace(NamedTuple):
    """What one epoch showed.

    Attributes:
        costs: (steps,) float64, the cost of each batch before its update. An epoch that met a cost that is
            not finite ends there: that cost is the last.
        seconds: wall time of the epoch in the engine, without what the caller did between epochs.
    """

    costs: NDArray[np.float64]
    seconds: float

    @property
    def finite(self) -> bool:
        """Whether the descent can go on."""
        return bool(np.isfinite(self.costs[-1]))


Epochs = Generator[tuple[TrainState, StepTrace], None, None]


class Runner(Protocol):
    """A problem bound to training rows: traced, compiled, and ready to walk.

    Attributes:
        compile_seconds: what tracing and compiling took, in [0, inf).
        traces: how many times Python was traced into a graph since then and before; 0 where nothing is.
    """

    compile_seconds: float

    @property
    def traces(self) -> int: ...

    def epochs(self, state: TrainState, orders: Iterable[Order]) -> Epochs:
        """Walk one epoch an order, from `state`; yields where each ended. Stops after a cost that is not finite.

        `orders` may be drawn from ahead, and in another thread.
        """

    def close(self) -> None:
        """Give back what the runner holds (a session, a thread)."""


class Engine(Protocol):
    """An engine is called to bind; what comes back is its runner."""

    def __call__(self, problem: Problem, train: Split, batch_size: int) -> Runner: ...


def step_trace(costs: Iterable[float] | NDArray[np.floating], seconds: float) -> StepTrace:
    """A trace that ends at the first cost that is not finite."""
    array = np.asarray(costs, np.float64)
    broken = np.flatnonzero(~np.isfinite(array))
    return StepTrace(array[: broken[0] + 1] if len(broken) else array, seconds)
