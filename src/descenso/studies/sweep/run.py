"""Train the lanes of a sweep in its directory, and resume a sweep that was killed."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from time import monotonic
from typing import Any, NamedTuple

from descenso.data.dataset import Dataset
from descenso.errors import DataError, Interruption
from descenso.studies.sweep import progress
from descenso.studies.sweep.at_once import at_once, how_many
from descenso.studies.sweep.directory import SweepDirectory
from descenso.studies.sweep.groups import divided
from descenso.studies.sweep.halving import dropped, sentences
from descenso.studies.sweep.ledger import Record
from descenso.studies.sweep.progress import Told
from descenso.studies.sweep.result import Sweep, result_of
from descenso.studies.sweep.verify import to_verify, verify
from descenso.studies.sweep.walk import Course, Group, restored, saved
from descenso.training.control import Control
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan

SAVE_SECONDS = 10.0  # between two times that a group's course is saved


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
        training.told(progress.told(directory)._replace(sentences=plan))
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
    places = [
        place
        for place, lanes in enumerate(directory.going)
        if not all(number in directory.records or number in done for number in lanes)
    ]
    alone = len(places) > 1 and all(len(directory.going[place]) == 1 for place in places)
    most = (directory.at_once or how_many(training.plan(directory.going[places[0]][0]))) if alone else 1
    stage = _Stage(training, until, control)
    with closing(at_once(stage.begun(places), most)) as walked:
        for place, course in walked:
            if course is None:
                stage.end(place)
            else:
                stage.follow(place, course)


class _Stage:
    """Training of groups for `until` epochs, or to their ends.

    Attributes:
        running: groups in training by place, with their courses.
    """

    def __init__(self, training: Training, until: int, control: Control) -> None:
        self._training, self._until, self._control = training, until, control
        self.running = dict[int, tuple[Group, Course]]()
        self._saved = dict[int, float]()
        self._last, self._compiled = monotonic(), 0.0

    def begun(self, places: Iterable[int]) -> Iterator[tuple[int, Generator[Course, None, None]]]:
        """Compile the groups at these places; yield each with its courses."""
        for place in places:
            if self._control.stopped:
                return
            group, begin = _begin(self._training, place)
            numbers = self._training.directory.going[place]
            if group.numbers != tuple(numbers):  # at a rung the program becomes as narrow as the ledger says
                group, begin = group.narrowed(begin, numbers)
            walk = group.walk(begin, self._control, self._until)
            self.running[place], self._saved[place] = (group, next(walk, begin)), monotonic()
            self._compiled += group.compile_seconds
            yield place, walk

    def follow(self, place: int, course: Course) -> None:
        """Tell of the course of a group after an epoch, and save it from time to time."""
        self.running[place] = self.running[place][0], course
        self._training.told(progress.told(self._training.directory, self.running))
        if monotonic() - self._saved[place] > SAVE_SECONDS:
            self._save(place)

    def _save(self, place: int) -> None:
        directory = self._training.directory
        directory.write_arrays(directory.course_path(place), saved(*self.running[place]))
        self._saved[place] = monotonic()

    def end(self, place: int) -> None:
        """Record the scores of a group that has come so far, or the results of its lanes."""
        self._save(place)  # no lane is trained again after this
        (group, course), directory = self.running.pop(place), self._training.directory
        numbers = directory.going[place]
        if course.going and len(course.costs) < self._until:  # stopped
            directory.append([self._times()])
        elif self._until < directory.epochs:
            scores = [(number, group.result(course, number)[0].score) for number in numbers]
            directory.append([self._times(), {"reached": {"epochs": self._until, "scores": scores}}])
        else:
            _record(self._training, place, group, course, numbers)
            directory.append([self._times()])
            directory.drop_course(place)

    def _times(self) -> dict[str, Any]:
        """Return the entry of the time since the one before."""
        now = monotonic()
        times = {"seconds": now - self._last - self._compiled, "compile_seconds": self._compiled}
        self._last, self._compiled = now, 0.0
        return {"times": times}


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


def _record(training: Training, place: int, group: Group, course: Course, numbers: Sequence[int]) -> None:
    """Write weights and results of lanes of a group, but for those that the ledger has already."""
    directory, ended = training.directory, list[dict[str, Any]]()
    found = {number: group.result(course, number) for number in numbers if number not in directory.records}
    directory.write_weights(place, {number: arrays for number, (_record, arrays) in found.items()})
    for number, (record, arrays) in found.items():
        named, plan = record._replace(lane=directory.lanes[number].name), group.plans[group.numbers.index(number)]
        ended.append(_tested(plan, training.data(number), named, arrays)._asdict())
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
