"""Train the lanes of a sweep, those of a group as one program, epoch by epoch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import fingerprint
from descenso.descent.problem import Arrays, TrainState, weights
from descenso.runs.checkpoints import Position
from descenso.runs.history import Epoch
from descenso.studies.sweep.fused import Kind, alone, kinds_of, stacked, step_of, stopped
from descenso.studies.sweep.ledger import Record
from descenso.training.checkpointing import filled, snapshot
from descenso.training.control import Best, Control, Outcome, Progress
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.loop import beginning, finite, trained_weights
from descenso.training.loop import walk as walk_alone
from descenso.training.plan import Plan, bind


class End(NamedTuple):
    """How a lane ended: the outcome, and where a diverged one had its first cost that is not finite."""

    outcome: Outcome
    epoch: int
    step: int


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
    """Lanes that see the same batches, as one program.

    Args:
        plans: of the lanes; equal but for learning rate, rule, schedule and patience.

    Attributes:
        compile_seconds: of its program, once it is compiled.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans, self.compile_seconds = plans, 0.0
        self._kinds: tuple[Kind, ...] = kinds_of([plan.problem for plan in plans])

    def start(self) -> Course:
        """Return the course before the first epoch."""
        lanes, measures = len(self.plans), 2 if len(self.plans[0].validation.labels) else 0
        state = stacked([plan.start() for plan in self.plans], self._kinds)
        return Course(state, np.empty((0, lanes)), np.empty((0, lanes, measures)), (None,) * lanes, (None,) * lanes)

    def walk(self, course: Course, control: Control) -> Iterator[Course]:
        """Train, and yield the course after each epoch, until all lanes have ended or `control` stops it."""
        first = self.plans[0]
        step = step_of(self._kinds)
        with closing(bind("compiled", first.problem, first.train, first.batch_rows, step, course.state)) as runner:
            self.compile_seconds = runner.compile_seconds
            while course.going and not control.stopped:
                done = len(course.costs)
                orders = map(first.order, range(done, first.config.epochs))
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
            mine = alone(state, self._kinds, lane)
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
        return weights(self.plans[lane].problem, alone(course.state, self._kinds, lane))

    def results(self, course: Course) -> list[tuple[Record, Arrays]]:
        """Return the records of the lanes, all of which have ended, and their weights."""
        return [self._result(course, lane, end) for lane, end in enumerate(course.ends) if end is not None]

    def _result(self, course: Course, lane: int, end: End) -> tuple[Record, Arrays]:
        plan, epochs = self.plans[lane], end.epoch + 1
        progress = Progress(
            Position(epochs, 0), alone(course.state, self._kinds, lane), np.empty(0), 0.0, course.best[lane]
        )
        validation = course.validation[:epochs, lane] if course.validation.shape[2] else np.empty((epochs, 0))
        return _result(plan, progress, end, course.costs[:epochs, lane], validation, len(self.plans))


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


def train_alone(
    plan: Plan, control: Control, told: Callable[[Sequence[Epoch], Progress], None] = lambda epochs, progress: None
) -> tuple[Record, Arrays] | None:
    """Train one lane through the ordinary loop; return its record and weights, or None where `control` stopped it.

    `told` is called after each epoch, with the records of all so far.
    """
    epochs = list[Epoch]()
    with closing(plan.bind()) as runner:
        for progress in walk_alone(plan, runner, beginning(plan), control):
            if progress.ended:
                epochs.append(progress.ended)
                told(epochs, progress)
    outcome = progress.outcome
    if outcome is None or outcome is Outcome.INTERRUPTED:
        return None
    step = progress.position.step - 1 if outcome is Outcome.DIVERGED else 0
    validation = [(each.validation_cost, each.validation_accuracy) for each in epochs]
    measured = np.array([each for each in validation if each[0] is not None], np.float64).reshape(-1, 2)
    costs = np.array([each.cost for each in epochs])
    return _result(plan, progress, End(outcome, len(epochs) - 1, step), costs, measured, 1)


def _result(
    plan: Plan, progress: Progress, end: End, costs: NDArray[np.float64], validation: NDArray[np.float64], width: int
) -> tuple[Record, Arrays]:
    """Return the record of a lane, without name and test rows, and its weights, {} if it diverged."""
    diverged = end.outcome is Outcome.DIVERGED
    params, carried = trained_weights(plan, progress)
    arrays = {} if diverged else {**params, **{f"model_state:{name}": value for name, value in carried.items()}}
    measured = validation[np.isfinite(validation).all(axis=1)] if validation.size else np.empty((0, 2))
    record = Record(
        lane="",
        outcome=end.outcome.value,
        costs=tuple(map(float, costs)),
        validation_costs=tuple(map(float, measured[:, 0])),
        validation_accuracies=tuple(map(float, measured[:, 1])),
        diverged_at=(end.epoch, end.step) if diverged else None,
        best_epoch=progress.best.epoch if progress.best else None,
        fingerprint=None if diverged else fingerprint({**params, **carried}),
        width=width,
    )
    return record, arrays


def saved(course: Course) -> dict[str, NDArray[np.generic]]:
    """Return all arrays of a course by name, from which `restored` makes it again."""
    arrays = {f"state/{name}": value for name, value in snapshot(course.state).items()}
    outcomes = list(Outcome)
    ends = [(-1, 0, 0) if end is None else (outcomes.index(end.outcome), end.epoch, end.step) for end in course.ends]
    arrays |= {"costs": course.costs, "validation": course.validation, "ends": np.array(ends, np.int64)}
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
