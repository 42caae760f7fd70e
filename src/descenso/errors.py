"""The exceptions of descenso, and signals. Each exception carries the exit code that the command line ends with.

    DescensoError                1   something this package checks did not hold
    ├── ConfigError (ValueError) 2   a setting that cannot be meant: a name, a range, a file of settings
    ├── DataError (ValueError)   3   data that cannot be learned from, or is not what its format says
    ├── RunInUse                 4   another process is writing this run
    ├── DiskError (OSError)      5   a place that cannot be written, or is full
    ├── SavedElsewhere           0   another process, on another machine, has saved the run
    ├── WorkerError              6   a process that trains together with others was lost, or is not like them
    └── CheckpointError          7   no checkpoint that can be believed, or none that fits what was asked

A message names the subject, what was received, what was expected, and the line that mends it. The
command line prints it without a traceback. How a descent ends is not an exception: it is an
`Outcome` (see `descenso.training.control`). A signal, which is meant for the process and not for the
run alone, is raised once the run is saved; see `stopped_by`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Protocol


class DescensoError(Exception):
    """Base class of the exceptions of this package."""

    exit_code: ClassVar[int] = 1


class ConfigError(DescensoError, ValueError):
    """A setting is unknown or outside its range."""

    exit_code = 2


class DataError(DescensoError, ValueError):
    """Data is missing, damaged, or does not fit the model."""

    exit_code = 3


class DataNote(UserWarning):
    """A note on how data was read; nothing is wrong."""


class RunInUse(DescensoError):  # noqa: N818 - it states a fact about the run, as FileExistsError does
    """Another process holds the run's lock."""

    exit_code = 4


class DiskError(DescensoError, OSError):
    """The run's directory cannot be made or written."""

    exit_code = 5


class SavedElsewhere(DescensoError):  # noqa: N818 - it states a fact about the run
    """The run is saved by another process, in a directory that this machine does not see."""

    exit_code = 0


class WorkerError(DescensoError):
    """A worker has died, does not start, or is not like the others."""

    exit_code = 6


class CheckpointError(DescensoError):
    """No checkpoint of a run is valid, or the run cannot be resumed exactly."""

    exit_code = 7


def stopped_by(number: int, message: str, run: Path) -> BaseException:
    """Make the exception of a signal that has stopped a training run, which is saved in the directory `run`.

    It is a KeyboardInterrupt, or for SIGTERM a SystemExit with the exit code 143, whose attribute `run` is the
    directory. A subclass would not do: Python ends by the signal, as loops of a shell need it, for that very class.
    """
    stop: Any = SystemExit(128 + number) if number == signal.SIGTERM else KeyboardInterrupt(message)
    stop.run = run
    error: BaseException = stop
    return error


class _Stopped(Protocol):
    """An object that a signal stops."""

    def stop(self, number: int = 0) -> None: ...


class Interruption:
    """While entered, the first SIGINT or SIGTERM stops training after its chunk; a second one interrupts at once.

    Signals can be caught in the main thread alone; in other threads, this does nothing.

    Args:
        control: its `stop` is called with the number of the signal.
    """

    def __init__(self, control: _Stopped) -> None:
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
