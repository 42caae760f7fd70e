"""Measure a run while it trains, in a thread beside training: norms, test rows, findings, pictures of the weights."""

import math
import time
from typing import Any

import numpy as np

from descenso.data.dataset import Dataset
from descenso.descent.problem import TrainState
from descenso.doctor.checks import examine
from descenso.doctor.descents import Walked, evidence_of
from descenso.doctor.evidence import Evidence, Finding
from descenso.lab import looks
from descenso.lab.faults import FAULTS
from descenso.lab.protocol import TABS, Curve, Mistake, Pictures, View
from descenso.lab.watching import Watched
from descenso.text import language
from descenso.training.control import Progress
from descenso.training.plan import Plan

SHARE = 0.02  # of the time that each way of looking at a run may take
SOUGHT = 0.5  # the same for the check that finds a planted fault, since the page waits for it


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
        self._curve: tuple[Any, Any, Curve | None] = None, None, None
        self._pictures: tuple[TrainState | None, Pictures] = None, Pictures()

    def look(self, tabs: frozenset[str] = frozenset(TABS)) -> bool:
        """Measure what has changed, is due, and is shown on one of `tabs`; return whether there was anything."""
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
        if "tab-faults" in tabs or watched.ended:
            looked |= self._if_due("findings", (len(watched.epochs), watched.ended, language()), self._find)
        return self._if_due("test", (at.position.epoch, watched.outcome), lambda: self._test(plan, at, data)) or looked

    def _if_due(self, what: str, seen: Any, look: Any) -> bool:
        if self._seen.get(what) == seen or (time.monotonic() < self._due[what] and not self.watched.outcome):
            return False
        then, warm = time.monotonic(), what not in ("norms", "sought") or what in self._seen
        warm = warm and not (what == "norms" and self.watched.first)
        self._seen[what] = seen
        look()
        now = time.monotonic()
        if warm:  # else it took longer than it will: TensorFlow made what it keeps, or several chunks were measured
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

    def curve(self) -> Curve:
        """Return the costs of the run so far; the same record until there are new ones."""
        watched, (source, counts, made) = self.watched, self._curve
        points, now = watched.costs.points, (watched.run, len(watched.epochs), len(self.accuracies))
        if made is None or source is not points or counts != now:
            made = Curve(
                watched.run.name if watched.run else "",
                *points,
                tuple(epoch.cost for epoch in watched.epochs),
                tuple(epoch.validation_cost for epoch in watched.epochs if epoch.validation_cost is not None),
                tuple(self.accuracies.get(epoch.epoch + 1, math.nan) for epoch in watched.epochs),
                watched.plan.steps_per_epoch if watched.plan else 0,
            )
            self._curve = points, now, made
        return made

    def pictures(self, plan: Plan, state: TrainState, class_names: tuple[str, ...]) -> Pictures:
        """Return the weights of descenso's own models as pictures; the same record for the same state."""
        if plan.own.model is None and self._pictures[0] is not state:
            self._pictures = state, looks.pictures(plan, state, class_names)
        return self._pictures[1]


def view(watched: Watched, inspector: Inspector, class_names: tuple[str, ...], tabs: frozenset[str]) -> View:
    """Return the view of a run; `Steering.view` adds state, message, earlier curves, data and race."""
    plan, progress = watched.plan, watched.progress
    shown = View(
        settings=watched.settings,
        run=watched.run,
        outcome=watched.outcome,
        steered=watched.steered,
        cost=float(watched.newest.mean()) if len(watched.newest) else math.nan,
        curves=(inspector.curve(),),
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
        pictures=inspector.pictures(plan, progress.state, class_names) if "tab-training" in tabs else Pictures(),
    )
