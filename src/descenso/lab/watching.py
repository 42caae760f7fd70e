"""Observe a run while it trains: a callback keeps references, from which `inspecting` measures in another thread."""

import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.descent.problem import Own, Problem, weights
from descenso.doctor.descents import EARLY
from descenso.lab.curves import Thinned
from descenso.lab.protocol import Change, Settings
from descenso.lab.recorded import Recorded
from descenso.runs.directory import open_directory
from descenso.runs.history import Epoch, RateChange
from descenso.training.control import Callback, Control, Outcome, Progress
from descenso.training.plan import Plan

FIRST, FIRST_BYTES = 16, 2**26  # chunks whose states are kept to measure norms, and of their parameters together
NEWEST = 20  # steps whose mean cost is shown


class Watched(Callback):
    """State of a run, kept by callbacks. They keep references and thin costs, which takes microseconds; `Inspector` and
    `view` do all else in other threads, from these references.

    Args:
        settings: as the page set them.
        control: of the training.

    Attributes:
        own: a model in place of descenso's, which some faults need; set before training begins.
        preparing: whether a session is being prepared, so that no step is taken yet.
    """

    def __init__(self, settings: Settings, control: Control) -> None:
        self.settings, self.control = settings, control
        self.own: Own | None = None
        self.preparing = True
        self.run: Path | None = None
        self.data: Dataset | None = None
        self.plan: Plan | None = None
        self.progress: Progress | None = None
        self.at_epoch: Progress | None = None  # the newest at the end of an epoch
        self.costs, self.recorded = Thinned(), Recorded()
        self.first = deque[Progress]()  # of the first chunks, which a short run takes before one of them is measured
        self._chunks = 0
        self.newest = np.empty(0)
        self.early: NDArray[np.float64] | None = np.empty(0)  # costs of the first steps; None where another process
        # has taken them
        self.epochs: list[Epoch] = []
        self.changes: list[Change] = []
        self.outcome, self.status = "", dict[str, Any]()
        self.begun = time.monotonic()

    def on_begin(self, run: Path, config: TrainConfig, data: Dataset) -> None:
        """Keep run and data."""
        if self.run != run:
            self.run, self.data, self.plan = run, data, Plan.of(config, data, self.own)
        self.outcome = ""

    def on_chunk(self, progress: Progress, problem: Problem) -> None:
        """Keep the progress, and the costs of its steps."""
        self.preparing = False
        before = self.progress
        if before and progress.position < before.position:
            self._went_back(before, progress)
        if progress.trace is not None and len(progress.trace.costs):
            costs, first = progress.trace.costs, self._taken(progress) - len(progress.trace.costs)
            self.costs.add(first, costs)
            self.newest = costs[-NEWEST:]
            if self.early is not None and first < EARLY:
                self.early = np.concatenate([self.early[:first], costs])[:EARLY]
        if progress.changed and before:
            self._changed(progress.changed, float(before.state.rate))
        sound = progress.outcome is not Outcome.DIVERGED
        if progress.ended:
            self.epochs.append(progress.ended)
            self.at_epoch = progress if sound else self.at_epoch
        if sound:
            self.recorded.add(self._taken(progress), lambda: weights(problem, progress.state))
            self._keep_first(progress)
        self.progress = progress

    def _keep_first(self, progress: Progress) -> None:
        size = sum(array.nbytes for _step, arrays in self.recorded.points[-1:] for array in arrays.values())
        if self._chunks < min(FIRST, FIRST_BYTES // max(size, 1)):
            self._chunks += 1
            self.first.append(progress)

    @property
    def taken(self) -> int:
        """Number of steps taken so far."""
        return self._taken(self.progress) if self.progress else 0

    def _taken(self, progress: Progress) -> int:
        """Return the number of steps taken, with the one whose cost is not finite."""
        steps = self.plan.steps_per_epoch if self.plan else 0
        return progress.position.epoch * steps + progress.position.step

    def _changed(self, change: RateChange, before: float) -> None:
        epoch, step, rate = change
        self.changes.append(Change(epoch, step, "learning_rate", f"{before:g}", f"{rate:g}"))

    def _went_back(self, before: Progress, progress: Progress) -> None:
        self.costs.cut(self._taken(progress))
        self.recorded.cut(self._taken(progress))
        self.first.clear()
        self.epochs = [epoch for epoch in self.epochs if epoch.epoch < progress.position.epoch]
        old, new = (f"{epoch}:{step}" for epoch, step in (before.position, progress.position))
        self.changes.append(Change(*progress.position, "undo", old, new))

    def on_end(self, status: dict[str, Any]) -> None:
        """Keep the outcome."""
        self.status, self.outcome = status, status["outcome"]

    @property
    def ended(self) -> str:
        """How the run ended, also while its files are still being written; "" before."""
        diverged = self.progress is not None and self.progress.outcome is Outcome.DIVERGED
        return Outcome.DIVERGED.value if diverged else self.outcome

    @property
    def steered(self) -> bool:
        """Whether the run's history holds a change of the learning rate."""
        return any(change.what == "learning_rate" for change in self.changes)

    def read(self, run: Path) -> None:
        """Take epochs and changes from the history of a run that was opened."""
        directory, self.preparing = open_directory(run), False
        history = directory.history
        self.epochs, self.outcome, self.early = list(history.epochs), directory.outcome, None
        rate = directory.config.learning_rate
        rates = [rate, *(change.learning_rate for change in history.changes)]
        self.changes = []
        for change, old in zip(history.changes, rates, strict=False):
            self._changed(change, old)
