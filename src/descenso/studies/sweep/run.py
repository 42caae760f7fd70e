"""Train the lanes of a sweep in its directory, and resume a sweep that was killed."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from descenso.data.dataset import Dataset
from descenso.descent.problem import Arrays, weights
from descenso.errors import DataError, Interruption
from descenso.runs.history import Epoch
from descenso.studies.sweep.directory import SweepDirectory
from descenso.studies.sweep.fused import bytes_of, fuses
from descenso.studies.sweep.grid import Lane
from descenso.studies.sweep.ledger import Record
from descenso.studies.sweep.result import Sweep, result_of
from descenso.studies.sweep.verify import to_verify, verify
from descenso.studies.sweep.walk import Course, Group, restored, saved, train_alone
from descenso.training.control import Control, Outcome, Progress
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan

GROUP_BYTES = 2**30  # memory of the lanes of one group, see `bytes_of`
SAVE_SECONDS = 10.0  # between two times that a group's course is saved
APART = ("learning_rate", "rule", "schedule", "weight_decay", "clip_value", "clip_norm", "average", "patience")


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
        alive: lanes of the group that are still trained.
        best: lowest cost of an epoch so far, in nats; infinite before the first.
        verifying: whether lanes are being trained again alone.
        lanes: those of the group that is being trained, by number.
    """

    share: float
    alive: int
    best: float
    verifying: bool = False
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


def groups_of(lanes: Sequence[Lane], plan_of: Callable[[int], Plan]) -> list[list[int]]:
    """Divide lanes into groups that are trained as one program: those on the same batches, as many as memory takes.

    Neighbours in a group have the same rule and schedule.
    """
    together, groups = dict[tuple[Any, ...], list[int]](), list[list[int]]()
    for number, lane in enumerate(lanes):
        common = lane.config.model_dump(exclude=set(APART))
        fused = lane.config.engine == "compiled" and fuses(plan_of(number).problem)
        together.setdefault((*map(str, common.items()), None if fused else number), []).append(number)
    for numbers in together.values():
        alike = dict[tuple[Any, ...], list[int]]()
        for number in numbers:
            config = lanes[number].config
            kind = tuple(getattr(config, name) for name in APART[1:-1])
            alike.setdefault(kind, []).append(number)
        numbers = [number for same in alike.values() for number in same]
        most = max(1, GROUP_BYTES // bytes_of(plan_of(numbers[0]).start())) if len(numbers) > 1 else 1
        groups += [numbers[first : first + most] for first in range(0, len(numbers), most)]
    return groups


def run(training: Training, control: Control) -> Sweep:
    """Train the lanes that have not ended yet, verify, and write the table; return the result.

    If `control` stops it, the lanes that have ended are kept, and the course of the group in training.
    """
    directory = training.directory
    with Interruption(control):
        for place, group in enumerate(directory.groups):
            if control.stopped:
                break
            if not all(number in directory.records for number in group):
                _train_group(training, place, control)
        sweep = result_of(directory)
        if not control.stopped and len(sweep.records) == len(sweep.lanes):
            _verify(training, sweep, control)
    directory.write_table()
    found = result_of(directory)
    if found.best is not None and len(found.records) == len(found.lanes):
        directory.write_best(found.best)
    return found


def _train_group(training: Training, place: int, control: Control) -> None:
    directory, numbers = training.directory, training.directory.groups[place]
    begun = monotonic()
    if len(numbers) == 1:
        plan = training.plan(numbers[0])

        def after(epochs: Sequence[Epoch], progress: Progress) -> None:
            alive = progress.outcome is None
            share = len(epochs) / plan.config.epochs if alive else 1.0
            training.told(_told(training, {numbers[0]: _now(plan, epochs, progress)}, int(alive), share))

        alone = train_alone(plan, control, after)
        found, compiling = None if alone is None else [alone], 0.0
    else:
        found, compiling = _train_together(training, place, control)
    times = {"seconds": monotonic() - begun - compiling, "compile_seconds": compiling}
    if found is None:
        directory.append([{"times": times}])
        return
    directory.write_weights(place, {number: arrays for number, (_record, arrays) in zip(numbers, found, strict=True)})
    ended, known = list[dict[str, Any]](), directory.records
    for number, (record, arrays) in zip(numbers, found, strict=True):
        if number not in known:
            named = record._replace(lane=directory.lanes[number].name)
            ended.append(_tested(training.plan(number), training.data(number), named, arrays)._asdict())
    directory.append([*ended, {"times": times}])
    directory.drop_course(place)


def _train_together(
    training: Training, place: int, control: Control
) -> tuple[list[tuple[Record, Arrays]] | None, float]:
    """Train the lanes of a group; return their records and weights, or None where `control` stopped it, and the
    seconds of compiling.
    """
    directory, numbers = training.directory, training.directory.groups[place]
    group = Group([training.plan(number) for number in numbers])
    begin, last = _begin(directory, place, group), monotonic()
    course = begin
    for course in group.walk(begin, control):
        now = {numbers[lane]: _now_of(group, course, lane) for lane in range(len(numbers))}
        share = len(course.costs) / group.plans[0].config.epochs
        training.told(_told(training, now, len(course.going), share))
        if monotonic() - last > SAVE_SECONDS:
            directory.write_arrays(directory.course_path(place), saved(course))
            last = monotonic()
    directory.write_arrays(directory.course_path(place), saved(course))  # no lane is trained again after this
    return (None if course.going else group.results(course)), group.compile_seconds


def _begin(directory: SweepDirectory, place: int, group: Group) -> Course:
    """Return the saved course of a group, or its beginning.

    Raises:
        DataError: for a damaged one.
    """
    arrays = directory.read_course(place)
    if arrays is None:
        return group.start()
    try:
        return restored(group, arrays)
    except (KeyError, ValueError, TypeError) as error:
        path = directory.course_path(place)
        raise DataError(f"{path}: {error!r}") from None


def _now(plan: Plan, epochs: Sequence[Epoch], progress: Progress) -> Now:
    """Return what is known of a lane that is trained alone, after an epoch."""
    measured = tuple(each.validation_cost for each in epochs if each.validation_cost is not None)
    step = progress.position.step - 1
    at = (len(epochs) - 1, step) if progress.outcome is Outcome.DIVERGED else None
    costs = tuple(each.cost for each in epochs)
    return Now(costs, measured, at, partial(weights, plan.problem, progress.state))


def _now_of(group: Group, course: Course, lane: int) -> Now:
    """Return what is known of a lane of a group, after an epoch."""
    end = course.ends[lane]
    epochs = len(course.costs) if end is None else end.epoch + 1
    measured = course.validation[:epochs, lane, :1].ravel()
    costs, validation = (tuple(map(float, values)) for values in (course.costs[:epochs, lane], measured))
    at = (end.epoch, end.step) if end is not None and end.outcome is Outcome.DIVERGED else None
    return Now(costs, validation, at, partial(group.weights, course, lane))


def _told(training: Training, lanes: Mapping[int, Now], alive: int, share: float) -> Told:
    """Return the progress of the sweep after `share` of the group that is being trained, `lanes`."""
    directory = training.directory
    done, records = len(directory.records), directory.records.values()
    finite = [now.costs[-1] for now in lanes.values() if not math.isnan(now.costs[-1])]
    best = min([*finite, *(record.score for record in records)], default=float("inf"))
    return Told((done + share * len(lanes)) / len(directory.lanes), alive, best, lanes=lanes)


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
        training.told(Told(1.0, 0, sweep.records[number].score, verifying=True))
        weights = directory.weights(number) if sweep.records[number].outcome != "diverged" else {}

        def posed(dtype: str, number: int = number) -> Plan:
            return training.plan(number, dtype)

        found = verify(number, why, posed, sweep.records[number], weights, control)
        if found is not None:
            directory.append([{"verified": found._asdict()}])
