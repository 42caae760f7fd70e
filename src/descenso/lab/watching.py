"""Observe a run while it trains: a callback keeps references, from which an inspector measures in another thread."""

import math
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.descent.problem import Own, Problem, weights
from descenso.doctor.checks import examine
from descenso.doctor.descents import EARLY, Walked, evidence_of
from descenso.doctor.evidence import Evidence, Finding
from descenso.lab import looks
from descenso.lab.curves import Thinned
from descenso.lab.faults import FAULTS
from descenso.lab.protocol import Change, Curve, Mistake, Pictures, Settings, View
from descenso.lab.recorded import Recorded
from descenso.runs.directory import open_directory
from descenso.runs.history import Epoch, RateChange
from descenso.text import language
from descenso.training.control import Callback, Control, Outcome, Progress
from descenso.training.plan import Plan

SHARE = 0.05  # of the time that looking at a run may take
SOUGHT = 0.5  # the same for the check that finds a planted fault, since the page waits for it
FIRST, FIRST_BYTES = 8, 2**26  # chunks whose states are kept to measure norms, and of their parameters together
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
        size = sum(array.nbytes for array in self.recorded.points[-1][1].values())
        if self._chunks < min(FIRST, FIRST_BYTES // size):
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


class Inspector:
    """Measures norms, test rows and findings of a run, in a thread beside training.

    Each of the three takes at most `SHARE` of the time, except at first and at the end of a run. Before them comes the
    check that finds a planted fault, as soon as a step shows it, and for at most `SOUGHT` of the time.
    """

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.norms = looks.NormsOverTime()
        self.confusion: Any = None
        self.mistakes: tuple[Mistake, ...] = ()
        self.accuracies: dict[int, float] = {}  # by number of epochs done
        self.findings: tuple[Finding, ...] = ()
        self._evidence: Evidence | None = None
        self._due = dict.fromkeys(("norms", "test", "findings", "sought"), 0.0)
        self._seen: dict[str, Any] = {}

    def look(self) -> bool:
        """Measure what has changed and is due; return whether there was anything."""
        watched = self.watched
        plan, progress, data = watched.plan, watched.progress, watched.data
        if plan is None or data is None:
            return False
        looked = False
        if sought := self._sought():
            first = 0 if watched.early is None else len(watched.early)
            looked = self._if_due("sought", (first, len(watched.epochs), watched.ended), lambda: self._seek(sought))
            if self._sought() and len(watched.epochs) < 2 and not watched.ended:  # more evidence is about to come
                return looked
        if progress is None:  # the steps are still being compiled, which measuring would delay
            return looked
        at = watched.at_epoch or progress
        if math.isfinite(float(np.sum(watched.newest))):
            looked |= self._if_due("norms", progress.position, lambda: self._norms(plan, progress))
        looked |= self._if_due("findings", (len(watched.epochs), watched.ended, language()), self._find)
        return self._if_due("test", (at.position.epoch, watched.outcome), lambda: self._test(plan, at, data)) or looked

    def _if_due(self, what: str, seen: Any, look: Any) -> bool:
        if self._seen.get(what) == seen or (time.monotonic() < self._due[what] and not self.watched.outcome):
            return False
        then, warm = time.monotonic(), what not in ("norms", "sought") or what in self._seen
        self._seen[what] = seen
        look()
        now = time.monotonic()
        if warm:  # else it took long, since TensorFlow made what later times find there
            self._due[what] = now + (now - then) / (SOUGHT if what == "sought" else SHARE)
        return True

    def _sought(self) -> str:
        """Return the check that finds the planted fault; "" without one, and once it has found it."""
        fault = self.watched.settings.fault
        rule = FAULTS[fault].rule if fault else ""
        return "" if rule in [finding.rule for finding in self.findings] else rule

    def _norms(self, plan: Plan, progress: Progress) -> None:
        self.norms.cut(int(progress.state.step))
        first = self.watched.first
        while first and (earlier := first.popleft()) is not progress:
            self.norms.add(plan, earlier)
        self.norms.add(plan, progress)

    def _test(self, plan: Plan, at: Progress, data: Dataset) -> None:
        if not len(data.test.labels) or (at.position.epoch == 0 and not self.watched.outcome):
            return
        measured, self.mistakes = looks.test(plan, at, data)
        self.confusion = measured.confusion
        self.accuracies[at.position.epoch] = measured.accuracy

    def _gather(self, hurried: bool) -> Evidence | None:
        """Gather the evidence on the run so far."""
        watched = self.watched
        plan, data, at = watched.plan, watched.data, watched.at_epoch
        if plan is None or data is None:
            return None
        ended, early = watched.ended or "running", watched.early
        kept = looks.trained(plan, at, data) if at and ended != "diverged" else None
        known = None if early is None else tuple(early[np.isfinite(early)].tolist())
        walked = Walked(plan.config, data, tuple(watched.epochs), ended, kept, watched.own, known)
        self._evidence = evidence_of(walked, self._evidence, searched=False, hurried=hurried)  # others wait for this
        return self._evidence

    def _seek(self, rule: str) -> None:
        """Run the one check that finds the planted fault, on what is known soon: the page waits for it."""
        evidence = self._gather(hurried=True)
        if evidence is not None and (found := examine(evidence, [rule])):
            others = [finding for finding in self.findings if finding.rule != rule]
            self.findings = (*others, *found)

    def _find(self) -> None:
        """Run all checks. The finding on the planted fault stays, which the first steps alone may show."""
        evidence = self._gather(hurried=False)
        if evidence is None:
            return
        found = examine(evidence)
        fault, rules = self.watched.settings.fault, [finding.rule for finding in found]
        planted = FAULTS[fault].rule if fault else ""
        kept = [finding for finding in self.findings if finding.rule == planted and planted not in rules]
        self.findings = (*kept, *found)


def curve(watched: Watched, inspector: Inspector) -> Curve:
    """Return the costs of a run so far."""
    steps, costs = watched.costs.points
    accuracies = tuple(inspector.accuracies.get(epoch.epoch + 1, math.nan) for epoch in watched.epochs)
    return Curve(
        watched.run.name if watched.run else "",
        steps,
        costs,
        tuple(epoch.cost for epoch in watched.epochs),
        tuple(epoch.validation_cost for epoch in watched.epochs if epoch.validation_cost is not None),
        accuracies,
        watched.plan.steps_per_epoch if watched.plan else 0,
    )


def view(watched: Watched, inspector: Inspector, class_names: tuple[str, ...]) -> View:
    """Return the view of a run; `Steering.view` adds state, message, earlier curves, data and race."""
    plan, progress = watched.plan, watched.progress
    shown = View(
        settings=watched.settings,
        run=watched.run,
        outcome=watched.outcome,
        steered=watched.steered,
        cost=float(watched.newest.mean()) if len(watched.newest) else math.nan,
        curves=(curve(watched, inspector),),
        norms=inspector.norms.norms(),
        confusion=inspector.confusion,
        mistakes=inspector.mistakes,
        changes=tuple(watched.changes),
        findings=inspector.findings,
        rate=watched.settings.learning_rate,
        accuracy=list(inspector.accuracies.values())[-1] if inspector.accuracies else math.nan,
    )
    if plan is None or progress is None:
        return shown
    rate = watched.control.pending_rate
    return shown._replace(
        epoch=progress.position.epoch,
        step=progress.position.step,
        steps_per_epoch=plan.steps_per_epoch,
        rate=float(progress.state.rate) if rate is None else rate,
        seconds=sum(epoch.seconds for epoch in watched.epochs) + progress.seconds,
        pictures=looks.pictures(plan, progress.state, class_names) if plan.own.model is None else Pictures(),
    )
