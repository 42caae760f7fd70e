"""The race: processes that stay alive and train in turn, so that only one computes at a time."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import IO, NamedTuple, cast

__all__ = ["Epoch", "FallenError", "Process", "costs_alone", "most_epochs", "race", "threads"]

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"  # descenso sets it in this process; only some contenders inherit it
TURN_SECONDS, MOST_A_TURN = 0.3, 5
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Epoch(NamedTuple):
    """One epoch of a contender. Attributes: its seconds; the mean cost of its batches, or None."""

    seconds: float
    cost: float | None


class FallenError(Exception):
    """The process of a contender ended early; the message is the end of its standard error."""


class Process:
    """The process of a contender; it starts at once, and trains an epoch on request."""

    def __init__(self, name: str, epochs: int, environment: Mapping[str, str]) -> None:
        self._name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 # `close` closes it
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_worker.py")), name, str(epochs)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**{name: value for name, value in os.environ.items() if name != ONEDNN}, **environment},
        )  # fmt: skip

    def epoch(self) -> Epoch:
        """Train the next epoch. The first one also sets up, traces and compiles.

        Raises:
            FallenError: if the process has ended.
        """
        asked, answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        with suppress(BrokenPipeError):  # there is no answer then either
            asked.write("epoch\n")
            asked.flush()
        answer = answers.readline()
        if not answer:
            self._process.wait()
            self._errors.seek(0)
            told = self._errors.read().decode(errors="replace").strip()
            raise FallenError(f"{self._name} ended with {self._process.returncode}:\n{told[-2000:]}")
        return Epoch(**json.loads(answer))

    def close(self) -> None:
        """Close the standard input of the process, and wait until it ends."""
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._errors.close()


def threads(count: int) -> dict[str, str]:
    """Make the environment variables that give a BLAS `count` threads."""
    return dict.fromkeys(THREADS, str(count))


def race(
    entries: Mapping[str, tuple[str, Mapping[str, str]]], rounds: int, say: Callable[[str], None]
) -> dict[str, list[Epoch]]:
    """Train one epoch of each entry, (contender, environment), to set it up, then one turn of each in each round.

    Each round begins with another entry. Only one computes at any time.
    """
    walked: dict[str, list[Epoch]] = {}
    with ExitStack() as stack:
        processes: dict[str, Process] = {}
        for name, (contender, environment) in entries.items():
            say(f"setting up {name}")
            processes[name] = stack.enter_context(closing(Process(contender, most_epochs(rounds), environment)))
            walked[name] = [processes[name].epoch()]
        names = list(processes)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            first = number % len(names)
            for name in names[first:] + names[:first]:
                walked[name] += turn(processes[name])
    return walked


def turn(process: Process) -> list[Epoch]:
    """Train one epoch; if it is short, some more, as epochs follow one another in training, too.

    In the first epoch after a pause, the rows are not in the caches, and the threads sleep.
    """
    walked = [process.epoch()]
    while len(walked) < MOST_A_TURN and sum(each.seconds for each in walked) < TURN_SECONDS:
        walked.append(process.epoch())
    return walked


def most_epochs(rounds: int) -> int:
    """Return the largest number of epochs in `rounds` turns, with the one that sets up."""
    return 1 + rounds * MOST_A_TURN


def costs_alone(contender: str, epochs: int) -> list[float]:
    """Return the cost of each epoch of a contender that is not measured."""
    with closing(Process(contender, epochs, {})) as process:
        return [process.epoch().cost or 0.0 for _ in range(epochs)]
