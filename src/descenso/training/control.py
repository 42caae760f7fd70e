"""Progress of a training run, callbacks that follow it, and control of it. Importable without TensorFlow."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.runs.checkpoints import Position
from descenso.runs.history import Epoch

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
        rates: (epoch, step, learning rate) of each change of the learning rate by hand.
        trace: costs and time of the steps of this chunk; None where it has none.
        ended: record of the epoch that ended with this chunk, or in which training diverged; else None.
        outcome: how training ended; None while it goes on.
    """

    position: Position
    state: "TrainState"
    costs: NDArray[np.float64]
    seconds: float
    best: Best | None = None
    rates: tuple[tuple[int, int, float], ...] = ()
    trace: "Trace | None" = None
    ended: Epoch | None = None
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
    >>> run = ds.train("mnist", learning_rate=0.1, batch_size=1000, out=getfixture("tmp_path") / "run", **steered)
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
        """Called after each chunk of an epoch, about once a second.

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
    """Commands to a training run, from any thread; each takes effect between two chunks, within about a second.

    Attributes:
        signal: number of the signal that stopped it, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._changed = threading.Condition()  # reentrant, since a signal may come while it is held
        self._stopped = self._paused = False
        self._rate: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def stop(self, number: int = 0) -> None:
        """End training after this chunk; `number` is that of a signal."""
        with self._changed:
            self.signal, self._stopped = number, True
            self._changed.notify_all()

    def pause(self) -> None:
        """Wait after this chunk, until `go_on` or `stop`."""
        self._paused = True

    def go_on(self) -> None:
        """Continue after a pause."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def change_rate(self, learning_rate: float) -> None:
        """Continue with another learning rate, in (0, inf), of which the schedule takes its share.

        Raises:
            ConfigError: for another value.
        """
        checked = TrainConfig.of(learning_rate=learning_rate).learning_rate
        with self._changed:
            self._rate = checked

    def take_rate(self) -> float | None:
        """Return the learning rate to change to, once; None for no change."""
        with self._changed:
            rate, self._rate = self._rate, None
            return rate

    def wait(self) -> bool:
        """Wait while paused; return whether there is a command."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._paused)
            return self._stopped or self._rate is not None


class Interruption:
    """While entered, the first SIGINT or SIGTERM stops training after its chunk; a second one interrupts at once.

    Signals can be caught in the main thread alone; in others nothing is.

    Args:
        control: of the training.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for which in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(which) not in (None, signal.SIG_IGN):  # set outside of Python, or to be ignored
                    self._handlers[which] = signal.signal(which, self._catch)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        self._control.stop(number)

    def _restore(self) -> None:
        for which, handler in self._handlers.items():
            signal.signal(which, handler)
        self._handlers = {}

    def __exit__(self, *_: object) -> None:
        self._restore()


@contextmanager
def undivided() -> Iterator[None]:
    """Delay a first Ctrl-C to the end of what is entered, and let a second one interrupt it at once.

    Only in the main thread, and where Ctrl-C would raise KeyboardInterrupt, as Python has it by default.
    """
    pressed = list[int]()

    def delay(number: int, frame: FrameType | None) -> None:
        if pressed:
            signal.default_int_handler(number, frame)
        pressed.append(number)

    main = threading.current_thread() is threading.main_thread()
    usual = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, delay)
    try:
        yield
    finally:
        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt
