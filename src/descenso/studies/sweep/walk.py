"""Train the lanes of a sweep, those of a group as one program, epoch by epoch."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import fingerprint
from descenso.descent.problem import Arrays, TrainState, weights
from descenso.runs.checkpoints import Position
from descenso.studies.sweep.fused import Kind, alone, kinds_of, stacked, step_of, stopped
from descenso.studies.sweep.ledger import DROPPED, Record
from descenso.training.checkpointing import filled, snapshot
from descenso.training.control import Best, Control, Outcome, Progress
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.loop import finite, trained_weights
from descenso.training.loop import walk as walk_alone
from descenso.training.plan import Plan, bind


class End(NamedTuple):
    """How a lane ended: the outcome, and where a diverged one had its first cost that is not finite."""

    outcome: Outcome
    epoch: int
    step: int

    @property
    def diverged(self) -> bool:
        return self.outcome is Outcome.DIVERGED


class Course(NamedTuple):
    """State of the lanes of a group between two epochs.

    Attributes:
        state: of all lanes side by side.
        costs: (epochs, lanes) float64, mean cost of each epoch, in nats; NaN from the epoch in which a lane diverged.
        validation: (epochs, lanes, 2) float64, cost and accuracy of the validation rows after each epoch; NaN likewise,
            and (epochs, lanes, 0) without validation rows.
        ends: of each lane; None while it is trained.
        best: of each lane, the weights with the lowest validation cost, where there is a patience.
    """

    state: TrainState
    costs: NDArray[np.float64]
    validation: NDArray[np.float64]
    ends: tuple[End | None, ...]
    best: tuple[Best | None, ...]

    @property
    def going(self) -> list[int]:
        """The lanes that are still trained."""
        return [lane for lane, end in enumerate(self.ends) if end is None]


class Group:
    """Lanes that see the same batches, as one program; one lane alone is trained in the ordinary training loop.

    Args:
        lanes: their plans by number; equal but for learning rate, rule, schedule and patience.

    Attributes:
        numbers: of the lanes.
        plans: of the lanes, in the same order.
        compile_seconds: of its program, once it is compiled.
    """

    def __init__(self, lanes: Mapping[int, Plan]) -> None:
        self.numbers, self.plans, self.compile_seconds = tuple(lanes), tuple(lanes.values()), 0.0
        self._kinds: tuple[Kind, ...] = kinds_of([plan.problem for plan in self.plans])

    def start(self) -> Course:
        """Return the course before the first epoch."""
        lanes, measures = len(self.plans), 2 if len(self.plans[0].validation.labels) else 0
        state = self._together([plan.start() for plan in self.plans])
        return Course(state, np.empty((0, lanes)), np.empty((0, lanes, measures)), (None,) * lanes, (None,) * lanes)

    def _together(self, states: Sequence[TrainState]) -> TrainState:
        return states[0] if len(states) == 1 else stacked(states, self._kinds)

    def _alone(self, state: TrainState, lane: int) -> TrainState:
        return state if len(self.plans) == 1 else alone(state, self._kinds, lane)

    def narrowed(self, course: Course, numbers: Sequence[int]) -> tuple["Group", Course]:
        """Return the group of some lanes, and its course."""
        kept = [self.numbers.index(number) for number in numbers]
        group = Group({self.numbers[lane]: self.plans[lane] for lane in kept})
        state = group._together([self._alone(course.state, lane) for lane in kept])
        ends, best = tuple(course.ends[lane] for lane in kept), tuple(course.best[lane] for lane in kept)
        ended = [place for place, end in enumerate(ends) if end is not None]
        state = stopped(state, ended) if ended and len(kept) > 1 else state
        return group, Course(state, course.costs[:, kept], course.validation[:, kept], ends, best)

    def walk(self, course: Course, control: Control, until: int) -> Generator[Course, None, None]:
        """Compile, and yield the course; then train, and yield it after each epoch, until all lanes have ended or been
        trained for `until` epochs, or `control` stops it.
        """
        if not course.going or len(course.costs) >= until or control.stopped:
            return
        walked = self._walk_alone if len(self.plans) == 1 else self._walk_together
        with closing(walked(course, control, until)) as courses:
            for following in courses:
                yield following
                if len(following.costs) >= until:
                    return

    def _walk_alone(self, course: Course, control: Control, until: int) -> Generator[Course, None, None]:
        plan, begin = self.plans[0], Position(len(course.costs), 0)
        progress = Progress(begin, course.state, np.empty(0), 0.0, course.best[0])
        with closing(plan.bind()) as runner, closing(walk_alone(plan, runner, progress, control)) as walked:
            self.compile_seconds = runner.compile_seconds
            yield course
            for progress in walked:
                if progress.ended:
                    course = _followed(course, progress)
                    yield course

    def _walk_together(self, course: Course, control: Control, until: int) -> Generator[Course, None, None]:
        first = self.plans[0]
        step = step_of(self._kinds)
        with closing(bind("compiled", first.problem, first.train, first.batch_rows, step, course.state)) as runner:
            self.compile_seconds = runner.compile_seconds
            yield course
            while course.going and len(course.costs) < until and not control.stopped:
                done = len(course.costs)
                orders = map(first.order, range(done, until))
                with closing(runner.walk(course.state, orders)) as walked:
                    for state, trace in walked:
                        course = self._after(course, state, trace.costs)
                        yield course
                        if not course.going or control.stopped or course.state is not state:
                            break

    def _after(self, course: Course, state: TrainState, costs: NDArray[np.float64]) -> Course:
        """Return the course after an epoch whose steps had `costs`, (steps, lanes)."""
        epoch, ends, best = len(course.costs), list(course.ends), list(course.best)
        means = np.full(len(ends), np.nan)
        measured = np.full((len(ends), course.validation.shape[2]), np.nan)
        for lane in course.going:
            of_lane, plan = costs[:, lane], self.plans[lane]
            mine = self._alone(state, lane)
            bad = np.flatnonzero(~np.isfinite(of_lane))
            if len(bad) or not finite(mine):
                ends[lane] = End(Outcome.DIVERGED, epoch, int(bad[0]) if len(bad) else len(of_lane) - 1)
                continue
            means[lane] = np.average(of_lane, weights=plan.step_rows)
            if measured.size:
                found = evaluate(Predictor.of_state(plan.problem, mine), plan.validation)
                measured[lane] = found.cost, found.accuracy
                best[lane] = _better(plan, best[lane], epoch, found.cost, mine)
            ends[lane] = _end(plan, best[lane], epoch)
        ended = [lane for lane in course.going if ends[lane] is not None]
        state = stopped(state, ended) if ended else state
        costs, validation = (np.concatenate([old, new[None]]) for old, new in
                             ((course.costs, means), (course.validation, measured)))  # fmt: skip
        return Course(state, costs, validation, tuple(ends), tuple(best))

    def weights(self, course: Course, lane: int) -> Arrays:
        """Return the present weights of a lane, in the user's form."""
        return weights(self.plans[lane].problem, self._alone(course.state, lane))

    def result(self, course: Course, number: int) -> tuple[Record, Arrays]:
        """Return the record of a lane, without name and test rows, and its weights, {} if it diverged.

        One that has not ended is dropped.
        """
        lane = self.numbers.index(number)
        plan, end = self.plans[lane], course.ends[lane]
        epochs = len(course.costs) if end is None else end.epoch + 1
        diverged = end is not None and end.diverged
        state = self._alone(course.state, lane)
        params, carried = trained_weights(
            plan, Progress(Position(epochs, 0), state, np.empty(0), 0.0, course.best[lane])
        )
        measured = course.validation[: epochs - diverged, lane]
        best = course.best[lane]
        record = Record(
            lane="",
            outcome=end.outcome.value if end else DROPPED,
            costs=tuple(map(float, course.costs[:epochs, lane])),
            validation_costs=tuple(float(each[0]) for each in measured if len(each)),
            validation_accuracies=tuple(float(each[1]) for each in measured if len(each)),
            diverged_at=(end.epoch, end.step) if end and diverged else None,
            best_epoch=best.epoch if best else None,
            fingerprint=None if diverged else fingerprint({**params, **carried}),
            width=len(self.plans),
        )
        arrays = {**params, **{f"model_state:{name}": value for name, value in carried.items()}}
        return record, {} if diverged else arrays


def _followed(course: Course, progress: Progress) -> Course:
    """Return the course of one lane after an epoch of the ordinary training loop."""
    ended, end, epoch = progress.ended, None, len(course.costs)
    cost, measured = np.full((1, 1), np.nan), np.full((1, 1, course.validation.shape[2]), np.nan)
    if progress.outcome is Outcome.DIVERGED:
        end = End(Outcome.DIVERGED, epoch, progress.position.step - 1)
    elif ended is not None:
        cost[:] = ended.cost
        measured[:] = (ended.validation_cost, ended.validation_accuracy)[: measured.size]
        if progress.outcome not in (None, Outcome.INTERRUPTED):
            end = End(progress.outcome, epoch, 0)
    costs, validation = np.concatenate([course.costs, cost]), np.concatenate([course.validation, measured])
    return Course(progress.state, costs, validation, (end,), (progress.best,))


def _better(plan: Plan, best: Best | None, epoch: int, cost: float, state: TrainState) -> Best | None:
    """Return the weights that did best on validation so far; None without a patience."""
    if not plan.config.patience or (best is not None and cost >= best.cost):
        return best
    carried = {name: np.asarray(value) for name, value in state.model_state.items()}
    return Best(epoch, cost, weights(plan.problem, state), carried)


def _end(plan: Plan, best: Best | None, epoch: int) -> End | None:
    """Return how a lane has ended after an epoch, as the training loop does."""
    if epoch + 1 >= plan.config.epochs:
        return End(Outcome.COMPLETED, epoch, 0)
    patience = plan.config.patience
    return End(Outcome.STOPPED_EARLY, epoch, 0) if best and 0 < patience <= epoch - best.epoch else None


def train_alone(plan: Plan, control: Control, until: int | None = None) -> tuple[Record, Arrays] | None:
    """Train one lane through the ordinary loop, for `until` epochs or to its end; return its record and weights, or
    None where `control` stopped it.
    """
    group, until = Group({0: plan}), until or plan.config.epochs
    begin = course = group.start()
    for course in group.walk(begin, control, until):
        pass
    return group.result(course, 0) if not course.going or len(course.costs) >= until else None


def saved(group: Group, course: Course) -> dict[str, NDArray[np.generic]]:
    """Return all arrays of a course by name, from which `restored` makes it again, and the numbers of its lanes."""
    arrays = {f"state/{name}": value for name, value in snapshot(course.state).items()}
    outcomes = list(Outcome)
    ends = [(-1, 0, 0) if end is None else (outcomes.index(end.outcome), end.epoch, end.step) for end in course.ends]
    arrays |= {
        "lanes": np.array(group.numbers),
        "costs": course.costs,
        "validation": course.validation,
        "ends": np.array(ends, np.int64),
    }
    for lane, best in enumerate(course.best):
        if best is not None:
            arrays[f"best/{lane}"] = np.array([best.epoch, best.cost])
            for part, values in (("params", best.params), ("model_state", best.model_state)):
                arrays |= {f"best/{lane}/{part}/{name}": value for name, value in values.items()}
    return arrays


def restored(group: Group, arrays: dict[str, NDArray[np.generic]]) -> Course:
    """Make the course that `saved` took apart.

    Raises:
        KeyError, ValueError: for arrays of another group.
    """
    begin = group.start()
    state = TrainState(**filled(begin.state._asdict(), arrays, "state/"))
    for mine, its in zip(tf.nest.flatten(begin.state), tf.nest.flatten(state), strict=True):
        if mine.shape != its.shape or mine.dtype != its.dtype:
            raise ValueError(f"{its.dtype} {its.shape}, {mine.dtype} {mine.shape}")
    outcomes = list(Outcome)
    ends = tuple(
        None if kind < 0 else End(outcomes[kind], int(epoch), int(step))
        for kind, epoch, step in np.asarray(arrays["ends"])
    )
    best = tuple(_best(arrays, lane) for lane in range(len(ends)))
    return Course(state, np.asarray(arrays["costs"]), np.asarray(arrays["validation"]), ends, best)


def _best(arrays: dict[str, NDArray[np.generic]], lane: int) -> Best | None:
    if f"best/{lane}" not in arrays:
        return None
    parts = ({name.removeprefix(f"best/{lane}/{part}/"): value for name, value in arrays.items()
              if name.startswith(f"best/{lane}/{part}/")} for part in ("params", "model_state"))  # fmt: skip
    epoch, cost = np.asarray(arrays[f"best/{lane}"], np.float64)
    return Best(int(epoch), float(cost), *parts)
