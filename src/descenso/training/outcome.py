"""How a descent ends is a value, and is recorded in the run."""

import signal
import threading
from enum import Enum
from types import FrameType
from typing import Any


class Outcome(str, Enum):
    """How a descent ended; its value is what `status.json` holds.

    COMPLETED: all epochs were walked. STOPPED_EARLY: validation had not become better for long enough. DIVERGED: a
    cost was not finite. INTERRUPTED: a person or the system asked it to stop, and it did so between two steps.
    """

    COMPLETED = "completed"
    STOPPED_EARLY = "stopped early"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"


class Interruption:
    """While entered, the first SIGINT or SIGTERM only raises a flag; a second one interrupts at once.

    Signals can be caught in the main thread alone: elsewhere it stays lowered.

    Attributes:
        signal: number of the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for which in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(which) not in (None, signal.SIG_IGN):  # a host's own, or one that is to be ignored
                    self._before[which] = signal.signal(which, self._catch)
        return self

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)
        self._before = {}

    def __exit__(self, *_: object) -> None:
        self._restore()
