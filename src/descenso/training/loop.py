"""The epoch loop: orders go in, epochs come out, and a journal hears where a descent stands."""

from contextlib import closing
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.order import epoch_order
from descenso.descent import models, rules, schedules
from descenso.descent.losses import LOSSES
from descenso.descent.problem import Arrays, Model, Problem, TrainState, start, weights
from descenso.engines import bind
from descenso.engines.base import Runner
from descenso.errors import ConfigError
from descenso.runs.checkpoints import Position
from descenso.runs.history import Epoch
from descenso.text import _
from descenso.training.chunks import Due, Pieces
from descenso.training.evaluation import Evaluation
from descenso.training.judge import Best, Judge
from descenso.training.observer import Observer
from descenso.training.outcome import Interruption, Outcome


class Progress(NamedTuple):
    """Where a descent stands between two steps, and all it needs to go on.

    Attributes:
        position: epochs walked, and steps of the next one.
        state: the tensors.
        costs: (position.step,) float64, the costs of the unfinished epoch so far.
        seconds: what the unfinished epoch has taken so far.
        best: what did best on validation so far, where there is a patience to measure it by.
    """

    position: Position
    state: TrainState
    costs: NDArray[np.float64]
    seconds: float
    best: Best | None = None


class Journal(Protocol):
    """Where progress is kept."""

    def epoch(self, record: Epoch) -> None:
        """An epoch has ended."""

    def commit(self, progress: Progress) -> None:
        """Keep `progress`, so that a descent may go on from it."""


class Descent(NamedTuple):
    """Where a descent ended.

    Attributes:
        problem: what was descended.
        params: the last parameters, as a textbook writes them.
        model_state: what the model carried besides, at the end.
        best: what did best on validation, where there was a patience.
        epochs: one record an epoch walked here.
        outcome: how it ended.
        signal: number of the signal that interrupted it, or 0.
        diverged_at: (epoch, step) of the cost that was not finite, both counted from 0, or None.
        compile_seconds: tracing and compiling, apart from the rest.
        unfinished_seconds: of the steps of an epoch that was begun, and not ended.
    """

    problem: Problem
    params: Arrays
    model_state: Arrays
    best: Best | None
    epochs: list[Epoch]
    outcome: Outcome
    signal: int
    diverged_at: tuple[int, int] | None
    compile_seconds: float
    unfinished_seconds: float


def problem_of(config: TrainConfig, data: Dataset, own: Model | None = None) -> Problem:
    """The problem that `config` poses on `data`, from which validation's rows are gone; `own` in place of its model.

    Raises:
        ConfigError: for a model that does not fit the data, and within a graph of TensorFlow 1.
    """
    if not tf.executing_eagerly():
        raise ConfigError(
            _("a descent begins outside of TensorFlow's graphs; leave `with tf.Graph().as_default()` first")
        )
    rows = len(data.train.labels)
    steps = config.epochs * -(-rows // config.batch_rows(rows))
    model = models.build(config, data.input_shape, data.num_classes, own)
    return Problem(
        model=model._replace(xla=_devices(config.xla, model)),
        loss=LOSSES[config.loss],
        rule=rules.build(
            config.rule,
            weight_decay=config.weight_decay,
            clip_value=config.clip_value,
            clip_norm=config.clip_norm,
            average=config.average,
        ),
        schedule=schedules.build(config.schedule, config.learning_rate, steps),
        dtype=config.variable_dtype,
        input_scale=data.input_scale,
        input_shift=data.input_shift,
    )


def _devices(xla: str, model: Model) -> tuple[str, ...]:
    """The kinds of device on which XLA is to compile `model`."""
    if xla == "on" and not model.xla:
        raise ConfigError(
            _("xla: {name} holds layers that XLA cannot compile, such as --augment's; try --xla auto").format(
                name=model.name
            )
        )
    return {"auto": model.xla, "on": ("CPU", "GPU"), "off": ()}[xla]


def beginning(problem: Problem, seed: int) -> Progress:
    """Before the first step."""
    return Progress(Position(0, 0), start(problem, seed), np.empty(0), 0.0)


def descend_all(
    config: TrainConfig,
    data: Dataset,
    observer: Observer,
    journal: Journal,
    begin: Progress | None = None,
    validation: Split | None = None,
    own: Model | None = None,
) -> Descent:
    """Walk the epochs of `config` on `data.train`, from `begin` or from the start; `own` in place of its model.

    A signal stops it between two pieces of an epoch, about a second at most; a cost that is not finite stops it at
    that step. What is finite is committed to the journal at the start, when due, and at the end.
    """
    problem, rows = problem_of(config, data, own), len(data.train.labels)
    judge = Judge(problem, config.patience, validation) if validation and len(validation.labels) else None
    walker = _Walker(problem, config, rows, begin or beginning(problem, config.seed), observer, journal, judge)
    bound = bind(config.engine, problem, data.train, config.batch_rows(rows))
    with Interruption() as interruption, closing(bound) as runner:
        observer.bound(runner.compile_seconds)
        outcome = walker.walk(runner, interruption)
        compile_seconds = runner.compile_seconds
    state = walker.progress.state
    return Descent(
        problem=problem,
        params=weights(problem, state),
        model_state={name: np.asarray(value) for name, value in state.model_state.items()},
        best=walker.progress.best,
        epochs=walker.epochs,
        outcome=outcome,
        signal=interruption.signal,
        diverged_at=walker.diverged_at,
        compile_seconds=compile_seconds,
        unfinished_seconds=0.0 if walker.diverged_at else walker.progress.seconds,
    )


class _Walker:
    """Keeps account of one descent, piece by piece."""

    def __init__(
        self,
        problem: Problem,
        config: TrainConfig,
        rows: int,
        begin: Progress,
        observer: Observer,
        journal: Journal,
        judge: Judge | None,
    ) -> None:
        self.progress, self.epochs = begin, list[Epoch]()
        self.diverged_at: tuple[int, int] | None = None
        self._config, self._observer, self._journal, self._judge = config, observer, journal, judge
        self._problem = problem
        self._due = Due(config.checkpoint_every)
        self._pieces = Pieces(config, rows, begin.position, self._due.steps)
        self._batch_rows = epoch_order("sequential", rows, config.batch_rows(rows), 0, 0).weights

    def walk(self, runner: Runner, interruption: Interruption) -> Outcome:
        """Walk until the epochs are done, validation has run out of patience, a number is not finite, or a signal."""
        if self.progress.position == (0, 0):
            self._journal.commit(self.progress)
        if self._out_of_patience():
            return Outcome.STOPPED_EARLY
        with closing(runner.epochs(self.progress.state, self._pieces)) as walked:
            for state, trace in walked:
                self._advance(state, trace.costs, trace.seconds)
                if not trace.finite or not _finite(state):
                    epoch, step = self.progress.position
                    self._diverge(epoch, step - 1)
                    return Outcome.DIVERGED
                self._close_epoch()
                position = self.progress.position
                stopped = position.step == 0 and self._out_of_patience()
                done = position.epoch == self._config.epochs or stopped
                if done or interruption.signal or self._due.now(self._steps_walked()):
                    self._journal.commit(self.progress)
                if stopped and position.epoch < self._config.epochs:
                    return Outcome.STOPPED_EARLY
                if interruption.signal and not done:
                    return Outcome.INTERRUPTED
        return Outcome.COMPLETED

    def _advance(self, state: TrainState, costs: NDArray[np.float64], seconds: float) -> None:
        self._pieces.pace(seconds, len(costs))
        (epoch, step), _, before, earlier, best = self.progress
        position = Position(epoch, step + len(costs))
        self.progress = Progress(position, state, np.concatenate([before, costs]), earlier + seconds, best)

    def _steps_walked(self) -> int:
        epoch, step = self.progress.position
        return epoch * self._pieces.steps_per_epoch + step

    def _close_epoch(self) -> None:
        (epoch, step), state, _, _, best = self.progress
        if step == self._pieces.steps_per_epoch:
            judged = self._judge(state) if self._judge else None
            self._record(epoch, judged)
            self._observer.state(self.epochs[-1], self._problem, state)
            if self._judge and judged:
                best = self._judge.better(epoch, judged.cost, state, best)
            self.progress = Progress(Position(epoch + 1, 0), state, np.empty(0), 0.0, best)

    def _out_of_patience(self) -> bool:
        """Whether as many epochs as one has patience for have gone by since the best one."""
        best, patience = self.progress.best, self._config.patience
        return best is not None and patience > 0 and self.progress.position.epoch - 1 - best.epoch >= patience

    def _diverge(self, epoch: int, step: int) -> None:
        self.diverged_at = epoch, step
        self._record(epoch)

    def _record(self, epoch: int, judged: Evaluation | None = None) -> None:
        costs = self.progress.costs
        cost = float(np.average(costs, weights=self._batch_rows[: len(costs)]))
        validated = (judged.cost, judged.accuracy) if judged else ()
        self.epochs.append(Epoch(epoch, cost, self.progress.seconds, *validated))
        self._journal.epoch(self.epochs[-1])
        self._observer.epoch(self.epochs[-1])


def _finite(state: TrainState) -> bool:
    return all(np.isfinite(np.asarray(value)).all() for value in state.params.values())
