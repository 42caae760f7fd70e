"""Progress of a training run, callbacks that follow it, and control of it. Importable without TensorFlow."""

import threading
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.runs.checkpoints import Position
from descenso.runs.history import Epoch, RateChange

if TYPE_CHECKING:
    from descenso.descent.problem import Arrays, Problem, TrainState
    from descenso.engines.base import Trace


class Outcome(str, Enum):
    """How a training run ended; its value is what `status.json` holds.

    COMPLETED: all epochs were trained. STOPPED_EARLY: the validation cost had not fallen for long enough. DIVERGED: a
    cost was not finite. INTERRUPTED: a person or the system stopped it, between two steps.
    """

    COMPLETED = "completed"
    STOPPED_EARLY = "stopped early"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"


class Best(NamedTuple):
    """The weights with the lowest validation cost so far.

    Attributes:
        epoch: after which they were measured, counted from 0.
        cost: their validation cost, in nats.
        params: in the user's form.
        model_state: tensors that the model carries besides, as arrays.
    """

    epoch: int
    cost: float
    params: "Arrays"
    model_state: "Arrays"


class Progress(NamedTuple):
    """Where training stands between two steps, and all it needs to go on.

    Attributes:
        position: epochs done, and steps of the next one.
        state: the tensors.
        costs: (position.step,) float64, the costs of the unfinished epoch so far.
        seconds: wall time of the unfinished epoch so far.
        best: the weights that did best on validation, where there is a patience.
        trace: costs and time of the steps of this chunk; None where it has none.
        ended: record of the epoch that ended with this chunk, or in which training diverged; else None.
        changed: record of the change of the learning rate that took effect at this position; else None.
        outcome: how training ended; None while it goes on.
    """

    position: Position
    state: "TrainState"
    costs: NDArray[np.float64]
    seconds: float
    best: Best | None = None
    trace: "Trace | None" = None
    ended: Epoch | None = None
    changed: RateChange | None = None
    outcome: Outcome | None = None


class Callback:
    """Watch a training run: derive a class, and override the methods of interest.

    They are called in the thread that trains, which waits for them. An exception ends the run, which is kept up to its
    newest checkpoint. To stop or steer it, call the methods of the `Control` that `train` was given:

    >>> import descenso as ds
    >>> class Enough(ds.Callback):
    ...     def __init__(self, control, cost):
    ...         self.control, self.cost = control, cost
    ...     def on_epoch(self, epoch):
    ...         if epoch.cost < self.cost:
    ...             self.control.stop()
    >>> control = ds.Control()
    >>> steered = {"control": control, "callbacks": [Enough(control, cost=0.8)]}
    >>> run = ds.train("mnist", learning_rate=0.1, batch_size=1000, **steered)
    >>> run.outcome, run.history.costs[-1] < 0.8, len(run.history.costs) < 100
    ('interrupted', True, True)
    """

    def on_begin(self, run: Path, config: TrainConfig, data: Dataset) -> None:
        """Called once before the first step, or before a run is resumed.

        Args:
            run: the run directory.
            config: the settings.
            data: the dataset, with its test rows.
        """

    def on_compiled(self, compile_seconds: float) -> None:
        """Called once, when everything is traced and compiled."""

    def on_chunk(self, progress: Progress, problem: "Problem") -> None:
        """Called after each chunk of an epoch, about once a second; before the first, and where the run was steered.

        Args:
            progress: `position`, the epochs done and the steps of the next one; `state.params`, the parameters as
                tensors; `costs`, those of the unfinished epoch; `ended`, the epoch that ended with the chunk, or None.
            problem: model, loss, rule and schedule.
        """

    def on_epoch(self, epoch: Epoch) -> None:
        """Called after each epoch, and after one in which training diverged.

        Args:
            epoch: its number from 0, `cost` and `seconds`, and with validation `validation_cost` and
                `validation_accuracy`.
        """

    def on_end(self, status: dict[str, Any]) -> None:
        """Called once at the end, with the content of `status.json`."""


class Control:
    """Commands to a training run, from any thread; each takes effect between two chunks.

    How a run is cut into chunks, and paused, changes no number. Methods with an underscore are those that the training
    loop calls.

    Args:
        chunk_seconds: length of a chunk, about, in (0, inf), which may be set anew at any time; None for a second.

    Attributes:
        signal: number of the signal that stopped it, or 0.
    """

    def __init__(self, chunk_seconds: float | None = None) -> None:
        self.signal, self.chunk_seconds = 0, chunk_seconds
        self._changed = threading.Condition()  # reentrant, since a signal may come while it is held
        self._stopped = self._paused = self._going = self._waiting = False
        self._undone = False  # whether `undo` was called and has not taken effect yet
        self._rate: float | None = None
        self._until: str | Position | None = None  # "step", "epoch", or the position at which one of them ends

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    @property
    def paused(self) -> bool:
        """Whether training is to wait."""
        return self._paused and not self._stopped

    @property
    def waiting(self) -> bool:
        """Whether training waits: it is paused, and the chunk in which `pause` was called has ended."""
        return self._waiting and self.paused and not self._undone

    def stop(self, number: int = 0) -> None:
        """End training after this chunk; `number` is that of a signal."""
        with self._changed:
            self.signal, self._stopped = number, True
            self._changed.notify_all()

    def pause(self) -> None:
        """Wait after this chunk, until `go_on`, `one_step`, `one_epoch` or `stop`."""
        self._paused = True

    def go_on(self) -> None:
        """Continue after a pause."""
        self._go(None)

    def one_step(self) -> None:
        """Take one step, then pause."""
        self._go("step")

    def one_epoch(self) -> None:
        """Train to the end of the epoch, then pause."""
        self._go("epoch")

    def _go(self, until: str | None) -> None:
        with self._changed:
            self._until, self._going, self._paused = until, True, False
            self._changed.notify_all()

    def undo(self) -> None:
        """Go back to the newest checkpoint before the present position, and pause; for runs in a directory."""
        with self._changed:
            self._undone = self._paused = True
            self._changed.notify_all()

    def _take_undo(self) -> bool:
        """Return whether to go back, once."""
        undone, self._undone = self._undone, False
        return undone

    def change_rate(self, learning_rate: float) -> None:
        """Continue with another learning rate, in (0, inf), of which the schedule takes its share.

        Raises:
            ConfigError: for another value.
        """
        checked = TrainConfig.of(learning_rate=learning_rate).learning_rate
        with self._changed:
            self._rate = checked

    @property
    def pending_rate(self) -> float | None:
        """The learning rate to change to; None for no change."""
        return self._rate

    def _take_rate(self) -> float | None:
        """Return the learning rate to change to, once; None for no change."""
        with self._changed:
            rate, self._rate = self._rate, None
            return rate

    def _take_end(self, position: Position) -> Position | None:
        """Return the position at which to call `_reached`, where training goes on from `position`; None for none."""
        with self._changed:
            self._going = False
            if isinstance(self._until, str):
                epoch, step = position
                self._until = Position(epoch, step + 1) if self._until == "step" else Position(epoch + 1, 0)
            return self._until

    def _reached(self, position: Position) -> None:
        """Pause, since training has reached the end of `one_step` or `one_epoch`."""
        with self._changed:
            if not self._going:  # a newer command
                self._until, self._paused = None, True

    @property
    def steps_apart(self) -> bool:
        """Whether a pause, a step alone or a way back was asked for, which one of several processes cannot do."""
        return self._paused or self._undone or self._until is not None

    @property
    def _commanded(self) -> bool:
        """Whether there is a command that has not taken effect."""
        return self._stopped or self._paused or self._undone or self._going or self._rate is not None

    def _wait(self) -> bool:
        """Wait while paused; return whether there is a command."""
        with self._changed:
            self._waiting = True
            self._changed.wait_for(lambda: self._stopped or self._undone or not self._paused)
            self._waiting = False
            return self._commanded
