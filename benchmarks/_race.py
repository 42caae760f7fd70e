"""The race: processes that are kept alive and asked in turn, so that only one computes at a time."""

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

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"  # which descenso has set in this process, and not everybody is to inherit
TURN_SECONDS, MOST_A_TURN = 0.3, 5
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Epoch(NamedTuple):
    """What a contender answers. Attributes: its seconds; the mean cost of its batches, where it keeps one."""

    seconds: float
    cost: float | None


class FallenError(Exception):
    """A contender ended before its time; the message is what it last wrote to standard error."""


class Process:
    """A contender at work; it starts at once, and walks an epoch when asked."""

    def __init__(self, name: str, epochs: int, environment: Mapping[str, str]) -> None:
        self._name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 # `close` closes it
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_worker.py")), name, str(epochs)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**{name: value for name, value in os.environ.items() if name != ONEDNN}, **environment},
        )  # fmt: skip

    def epoch(self) -> Epoch:
        """The next epoch. The first one sets up, traces and compiles as well.

        Raises:
            FallenError: where the process has ended.
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
        """Let it end, and wait for that."""
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._errors.close()


def threads(count: int) -> dict[str, str]:
    """The environment in which a BLAS computes on `count` threads."""
    return dict.fromkeys(THREADS, str(count))


def race(
    entries: Mapping[str, tuple[str, Mapping[str, str]]], rounds: int, say: Callable[[str], None]
) -> dict[str, list[Epoch]]:
    """Each entry, (contender, environment), walks one epoch that sets it up, then takes a turn in each round.

    A round begins with another one each time. Only one computes at any time.
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
    """One epoch; where that is soon over, some more, since in a descent epochs follow one another too.

    The first epoch after a pause finds neither its rows in the caches nor its threads awake.
    """
    walked = [process.epoch()]
    while len(walked) < MOST_A_TURN and sum(each.seconds for each in walked) < TURN_SECONDS:
        walked.append(process.epoch())
    return walked


def most_epochs(rounds: int) -> int:
    """How many epochs a contender may come to walk in `rounds` turns, the one that sets it up included."""
    return 1 + rounds * MOST_A_TURN


def costs_alone(contender: str, epochs: int) -> list[float]:
    """The cost of each epoch of a contender that does not race."""
    with closing(Process(contender, epochs, {})) as process:
        return [process.epoch().cost or 0.0 for _ in range(epochs)]
