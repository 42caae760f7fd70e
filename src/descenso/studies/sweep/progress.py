"""Progress of a sweep: how much is done, and what is known of the lanes that are being trained."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from descenso.descent.problem import Arrays
from descenso.studies.sweep.directory import SweepDirectory
from descenso.studies.sweep.halving import planned
from descenso.studies.sweep.walk import Course, Group
from descenso.training.control import Outcome


class Now(NamedTuple):
    """A lane that is being trained, or has just ended.

    Attributes:
        costs, validation_costs: of each epoch so far, in nats; NaN in the epoch in which it diverged. Without
            validation rows the second is empty.
        diverged_at: epoch and step of the first cost that was not finite, from 0; None if it did not diverge.
        weights: returns its present weights, in the user's form.
    """

    costs: tuple[float, ...]
    validation_costs: tuple[float, ...]
    diverged_at: tuple[int, int] | None
    weights: Callable[[], Arrays]


class Told(NamedTuple):
    """Progress of a sweep, for a display.

    Attributes:
        share: of the epochs of all lanes, in [0, 1].
        alive: lanes that neither diverged nor were dropped so far.
        best: lowest cost so far of those by which lanes are ranked, in nats; infinite before the first.
        verifying: whether lanes are being trained again alone.
        sentences: to be said before training; in the first record alone.
        lanes: those of the groups that are being trained, by number.
    """

    share: float
    alive: int
    best: float
    verifying: bool = False
    sentences: tuple[str, ...] = ()
    lanes: Mapping[int, Now] = {}


def told(directory: SweepDirectory, running: Mapping[int, tuple[Group, Course]] = {}) -> Told:
    """Return the progress of the sweep, where the groups in training have come so far as `running` says by place."""
    stage = len(directory.decided)
    ends = [0, *(rung.epochs for rung in directory.rungs), directory.epochs]
    records, reached = directory.records, directory.reached(ends[stage + 1])
    scores = [*reached.values(), *(record.score for record in records.values())]
    out = set() if directory.audit else {*directory.drops}
    out |= {number for number, record in records.items() if record.outcome == Outcome.DIVERGED}
    out |= {number for number, score in reached.items() if score == math.inf}
    done = [0.0 + all(number in records or number in reached for number in lanes) for lanes in directory.going]
    lanes = dict[int, Now]()
    for place, (group, course) in running.items():
        done[place] = (len(course.costs) - ends[stage]) / (ends[stage + 1] - ends[stage])
        out |= {number for number, end in zip(group.numbers, course.ends, strict=True) if end and end.diverged}
        if len(course.costs):
            scores += map(float, (course.validation[..., 0] if course.validation.size else course.costs)[-1])
        lanes |= _lanes_now(group, course)
    work, counts = planned(directory.lanes, directory.rungs, directory.audit), [*map(len, directory.going)]
    share = sum(part * count for part, count in zip(done, counts, strict=True)) / max(1, sum(counts))
    best = min(filter(math.isfinite, scores), default=math.inf)
    share, alive = (sum(work[:stage]) + work[stage] * share) / sum(work), len(directory.lanes) - len(out)
    return Told(share, alive, best, lanes=lanes)


def _lanes_now(group: Group, course: Course) -> dict[int, Now]:
    """Return what is known of the lanes of a group, by number, after an epoch."""
    found = dict[int, Now]()
    for lane, (number, end) in enumerate(zip(group.numbers, course.ends, strict=True)):
        epochs = len(course.costs) if end is None else end.epoch + 1
        measured = course.validation[:epochs, lane, :1].ravel()
        costs, validation = (tuple(map(float, values)) for values in (course.costs[:epochs, lane], measured))
        at = (end.epoch, end.step) if end and end.diverged else None
        found[number] = Now(costs, validation, at, partial(group.weights, course, lane))
    return found
