"""Control and outcome of a training run. Importable without TensorFlow."""

import signal
import threading
from enum import Enum
from types import FrameType
from typing import Any


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
        """Continue with another learning rate, in (0, inf), of which the schedule takes its share."""
        with self._changed:
            self._rate = learning_rate

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


class Outcome(str, Enum):
    """How a training run ended; its value is what `status.json` holds.

    COMPLETED: all epochs were trained. STOPPED_EARLY: the validation cost had not fallen for long enough. DIVERGED: a
    cost was not finite. INTERRUPTED: a person or the system stopped it, between two steps.
    """

    COMPLETED = "completed"
    STOPPED_EARLY = "stopped early"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
