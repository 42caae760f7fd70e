"""Train the lanes of a sweep in its directory, and resume a sweep that was killed."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from descenso.data.dataset import Dataset
from descenso.descent.problem import Arrays
from descenso.errors import DataError, Interruption
from descenso.studies.sweep.directory import SweepDirectory
from descenso.studies.sweep.groups import divided
from descenso.studies.sweep.halving import dropped, planned, sentences
from descenso.studies.sweep.ledger import Record
from descenso.studies.sweep.result import Sweep, result_of
from descenso.studies.sweep.verify import to_verify, verify
from descenso.studies.sweep.walk import Course, Group, restored, saved
from descenso.training.control import Control, Outcome
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan

SAVE_SECONDS = 10.0  # between two times that a group's course is saved


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
        lanes: those of the group that is being trained, by number.
    """

    share: float
    alive: int
    best: float
    verifying: bool = False
    sentences: tuple[str, ...] = ()
    lanes: Mapping[int, Now] = {}


class Training(NamedTuple):
    """A sweep to carry out.

    Attributes:
        directory: its directory, locked.
        data: of each lane, by number.
        verify: which lanes to train again alone: "2", "all" or "none".
        told: called after each epoch of a group.
    """

    directory: SweepDirectory
    data: Callable[[int], Dataset]
    verify: str
    told: Callable[[Told], None]

    def plan(self, number: int, dtype: str = "") -> Plan:
        """Pose the training run of a lane, in another `dtype` where one is given."""
        config = self.directory.lanes[number].config
        return Plan.of(config.model_copy(update={"dtype": dtype}) if dtype else config, self.data(number))


def run(training: Training, control: Control) -> Sweep:
    """Train the lanes that have not ended yet, verify, and write the table; return the result.

    If `control` stops it, the lanes that have ended are kept, and the course of the group in training.
    """
    directory = training.directory
    ends = [*(rung.epochs for rung in directory.rungs), directory.epochs]
    with Interruption(control):
        for place in range(len(directory.groups)):
            _leave(training, place)  # where a kill came right after a rung
        plan = *divided(directory), *sentences(directory.lanes, directory.rungs, directory.audit)
        training.told(_told(training)._replace(sentences=plan))
        for until in ends[len(directory.decided) :]:
            _train_all(training, until, control)
            if not control.stopped and until < ends[-1]:
                _decide(training)
        sweep = result_of(directory)
        if not control.stopped and len(sweep.records) == len(sweep.lanes):
            _verify(training, sweep, control)
    directory.write_table()
    found = result_of(directory)
    if found.best is not None and len(found.records) == len(found.lanes):
        directory.write_best(found.best)
    return found


def _train_all(training: Training, until: int, control: Control) -> None:
    """Train all groups for `until` epochs, or to their ends."""
    directory = training.directory
    done = directory.reached(until)
    for place, lanes in enumerate(directory.going):
        ended = all(number in directory.records or number in done for number in lanes)
        if not control.stopped and not ended:
            _train_group(training, place, until, control)


def _decide(training: Training) -> None:
    """Drop lanes at the rung that all groups have reached, and record them."""
    directory = training.directory
    rung = directory.rungs[len(directory.decided)]
    scores, drops = directory.reached(rung.epochs), directory.drops
    out = dropped(directory.lanes, rung, {number: each for number, each in scores.items() if number not in drops})
    gone = () if directory.audit else out
    groups = [[number for number in lanes if number not in gone] for lanes in directory.going]
    directory.append([{"rung": {"epochs": rung.epochs, "dropped": out, "groups": groups}}])
    for place in range(len(groups)):
        _leave(training, place)


def _leave(training: Training, place: int) -> None:
    """Record the lanes of a group that a rung has ended."""
    directory, going = training.directory, training.directory.going[place]
    numbers = [number for number in directory.groups[place] if number not in going]
    if not all(number in directory.records for number in numbers):
        group, course = _begin(training, place)
        _record(training, place, group, course, numbers)
    if all(number in directory.records for number in directory.groups[place]):
        directory.drop_course(place)


def _train_group(training: Training, place: int, until: int, control: Control) -> None:
    """Train a group for `until` epochs, or to its end; then record its scores, or the results of its lanes."""
    directory, numbers = training.directory, training.directory.going[place]
    begun = last = monotonic()
    group, begin = _begin(training, place)
    if group.numbers != tuple(numbers):  # at a rung the program becomes as narrow as the ledger says
        group, begin = group.narrowed(begin, numbers)
    course = begin
    for course in group.walk(begin, control, until):
        training.told(_told(training, place, (group, course)))
        if monotonic() - last > SAVE_SECONDS:
            directory.write_arrays(directory.course_path(place), saved(group, course))
            last = monotonic()
    directory.write_arrays(directory.course_path(place), saved(group, course))  # no lane is trained again after this
    compiling = group.compile_seconds
    times = {"times": {"seconds": monotonic() - begun - compiling, "compile_seconds": compiling}}
    if course.going and len(course.costs) < until:  # stopped
        directory.append([times])
    elif until < directory.epochs:
        scores = [(number, group.result(course, number)[0].score) for number in numbers]
        directory.append([times, {"reached": {"epochs": until, "scores": scores}}])
    else:
        _record(training, place, group, course, numbers)
        directory.append([times])
        directory.drop_course(place)


def _record(training: Training, place: int, group: Group, course: Course, numbers: Sequence[int]) -> None:
    """Write weights and results of lanes of a group, but for those that the ledger has already."""
    directory, ended = training.directory, list[dict[str, Any]]()
    found = {number: group.result(course, number) for number in numbers if number not in directory.records}
    directory.write_weights(place, {number: arrays for number, (_record, arrays) in found.items()})
    for number, (record, arrays) in found.items():
        named = record._replace(lane=directory.lanes[number].name)
        ended.append(_tested(training.plan(number), training.data(number), named, arrays)._asdict())
    directory.append(ended)


def _begin(training: Training, place: int) -> tuple[Group, Course]:
    """Return a group and its saved course, or its beginning.

    Raises:
        DataError: for a damaged one.
    """
    directory = training.directory
    arrays = directory.read_course(place)
    try:
        numbers = directory.groups[place] if arrays is None else map(int, arrays["lanes"])
        group = Group({number: training.plan(number) for number in numbers})
        return group, group.start() if arrays is None else restored(group, arrays)
    except (KeyError, ValueError, TypeError) as error:
        path = directory.course_path(place)
        raise DataError(f"{path}: {error!r}") from None


def _told(training: Training, place: int | None = None, now: tuple[Group, Course] | None = None) -> Told:
    """Return the progress of the sweep, where the group of number `place` has come so far as `now` says."""
    directory, stage = training.directory, len(training.directory.decided)
    ends = [0, *(rung.epochs for rung in directory.rungs), directory.epochs]
    records, reached = directory.records, directory.reached(ends[stage + 1])
    scores = [*reached.values(), *(record.score for record in records.values())]
    out = set() if directory.audit else {*directory.drops}
    out |= {number for number, record in records.items() if record.outcome == Outcome.DIVERGED}
    out |= {number for number, score in reached.items() if score == math.inf}
    done = [0.0 + all(number in records or number in reached for number in lanes) for lanes in directory.going]
    if now is not None and place is not None:
        group, course = now
        done[place] = (len(course.costs) - ends[stage]) / (ends[stage + 1] - ends[stage])
        out |= {number for number, end in zip(group.numbers, course.ends, strict=True) if end and end.diverged}
        scores += map(float, (course.validation[..., 0] if course.validation.size else course.costs)[-1])
    work, counts = planned(directory.lanes, directory.rungs, directory.audit), [*map(len, directory.going)]
    share = sum(part * count for part, count in zip(done, counts, strict=True)) / max(1, sum(counts))
    best = min(filter(math.isfinite, scores), default=math.inf)
    share, alive = (sum(work[:stage]) + work[stage] * share) / sum(work), len(directory.lanes) - len(out)
    return Told(share, alive, best, lanes={} if now is None else _lanes_now(*now))


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


def _tested(plan: Plan, data: Dataset, record: Record, arrays: Mapping[str, Any]) -> Record:
    """Add accuracy and cost on the test rows."""
    if not arrays:
        return record
    carried = {name.partition(":")[2]: value for name, value in arrays.items() if name.startswith("model_state:")}
    params = {name: value for name, value in arrays.items() if not name.startswith("model_state:")}
    found = evaluate(Predictor.of_weights(plan.problem.model, params, carried, data.scaling), data.test)
    return record._replace(test_accuracy=found.accuracy, test_cost=found.cost)


def _verify(training: Training, sweep: Sweep, control: Control) -> None:
    """Train lanes again alone, except those that were verified before."""
    directory, done = training.directory, {each.lane for each in sweep.verified}
    for number, why in to_verify(sweep, training.verify):
        if number in done or control.stopped:
            continue
        training.told(Told(1.0, len(sweep.lanes), sweep.records[number].score, verifying=True))
        weights = directory.weights(number) if sweep.records[number].outcome != "diverged" else {}

        def posed(dtype: str, number: int = number) -> Plan:
            return training.plan(number, dtype)

        found = verify(number, why, posed, sweep.records[number], weights, control)
        if found is not None:
            directory.append([{"verified": found._asdict()}])
