"""The exceptions of descenso. Each carries the exit code that the command line ends with.

    DescensoError                1   something this package checks did not hold
    ├── ConfigError (ValueError) 2   a setting that cannot be meant: a name, a range, a file of settings
    ├── DataError (ValueError)   3   data that cannot be learned from, or is not what its format says
    ├── RunInUse                 4   another process is writing this run
    ├── DiskError (OSError)      5   a place that cannot be written, or is full
    └── CheckpointError          7   no checkpoint that can be believed, or none that fits what was asked

A message names the subject, what was received, what was expected, and the line that mends it. The
command line prints it without a traceback. How a descent ends is not an exception: it is an
`Outcome` (see `descenso.training.control`). A signal, which is meant for the process and not for the
run alone, is raised once the run is saved; see `stopped_by`.
"""

import signal
from pathlib import Path
from typing import Any, ClassVar


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
    """Something about data that was read: nothing is wrong, but one may want to know it."""


class RunInUse(DescensoError):  # noqa: N818 - it states a fact about the run, as FileExistsError does
    """Another process holds the run's lock."""

    exit_code = 4


class DiskError(DescensoError, OSError):
    """The run's directory cannot be made or written."""

    exit_code = 5


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
