"""A training run, posed once from settings, data and model, and bound to an engine."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.checks import check_validation
from descenso.data.dataset import Dataset, Split
from descenso.data.order import Order, epoch_order, steps_between
from descenso.descent import models, rules
from descenso.descent.problem import MakeStep, Model, Own, Problem, Schedule, TrainState, constant, make_step, start
from descenso.engines.base import Engine, Runner
from descenso.errors import ConfigError
from descenso.registry import OWN, is_own
from descenso.text import _

ENGINES = {
    "graph": "descenso.engines.graph:Graph",
    "eager": "descenso.engines.eager:Eager",
    "function": "descenso.engines.function:Function",
    "compiled": "descenso.engines.compiled:Compiled",
}
WORKERS = {"workers": "descenso.engines.workers:Workers"}  # of several processes


class Plan(NamedTuple):
    """Everything that determines the numbers of a training run.

    Attributes:
        config: the settings.
        problem: model, loss, rule and schedule.
        train: rows to train on, without those for validation.
        validation: rows to validate on after each epoch; may be empty.
        batch_rows: rows of a full batch.
        own: what of the problem is the user's own.
    """

    config: TrainConfig
    problem: Problem
    train: Split
    validation: Split
    batch_rows: int
    own: Own = Own()

    @classmethod
    def of(cls, config: TrainConfig, data: Dataset, own: Own | None = None, validation: Split | None = None) -> "Plan":
        """Pose a training run.

        Args:
            config: the settings.
            data: the dataset.
            own: the user's own model, rule, schedule and loss; what `config` names beside them is imported.
            validation: rows to validate on; by default the first training rows, as many as `config` says.

        Raises:
            ConfigError: for a model that does not fit the data, for code of the user's own that fails in a trial, and
                within a graph of TensorFlow 1.
        """
        if not tf.executing_eagerly():
            raise ConfigError(
                _("training begins outside of TensorFlow's graphs; leave `with tf.Graph().as_default()` first")
            )
        if validation is None:
            data, validation = data.hold_back(check_validation(len(data.train.labels), config))
        batch_rows = config.batch_rows(len(data.train.labels))
        steps = config.epochs * -(-len(data.train.labels) // batch_rows)
        if own is not None or any(is_own(kind, getattr(config, kind)) for kind in OWN):
            from descenso.descent.own import completed
            from descenso.training.trial import tried

            own = completed(config, own)
            problem = _problem(config, data, steps, own)
            problem = tried(problem, own, data.train.rows(slice(0, batch_rows)), config.seed, steps)
            return cls(config, problem, data.train, validation, batch_rows, own)
        return cls(config, _problem(config, data, steps, Own()), data.train, validation, batch_rows)

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps in an epoch, a last, smaller batch among them."""
        return -(-len(self.train.labels) // self.batch_rows)

    @property
    def step_rows(self) -> NDArray[np.int64]:
        """(steps,) rows of each step: the weight of its cost in the epoch's mean."""
        full, rest = divmod(len(self.train.labels), self.batch_rows)
        return np.array([self.batch_rows] * full + [rest] * (rest > 0))

    def order(self, epoch: int) -> Order:
        """The order of the rows in an epoch, counted from 0."""
        return epoch_order(self.config.order, len(self.train.labels), self.batch_rows, self.config.seed, epoch)

    def steps(self, epoch: int) -> Callable[[int, int], Order]:
        """The function from (first, last) to the steps in [first, last) of an epoch, counted from 0."""
        return steps_between(self.config.order, len(self.train.labels), self.batch_rows, self.config.seed, epoch)

    def start(self) -> TrainState:
        """Make the state before the first step."""
        return start(self.problem, self.config.seed)

    def bind(self) -> Runner:
        """Trace and compile for the engine of the settings; the runner is to be closed.

        Raises:
            WorkerError: if several processes are to train together, and do not have the same training run.
        """
        if not self.alone:
            from descenso.training.alike import check_alike

            rows = {"train": self.train, "validation": self.validation}
            check_alike(self.config, self.problem, rows, self.own, self.order(0), self.start())
        return bind(self.config.engine, self.problem, self.train, self.batch_rows)

    @property
    def alone(self) -> bool:
        """Whether this process trains by itself."""
        return self.config.engine not in WORKERS

    @property
    def parts(self) -> int:
        """Number of parts in which each batch is computed, by several processes or devices; else 1."""
        if self.alone:
            return 1
        from descenso.engines.team import team

        return int(team().parts)

    def exchange(self, value: Any) -> list[Any]:
        """Return `value`, of JSON, of each process that trains together with this one, the chief's first."""
        if self.alone:
            return [value]
        from descenso.engines.team import team

        return team().exchange(value)


def _problem(config: TrainConfig, data: Dataset, steps: int, own: Own) -> Problem:
    model = models.build(config, data.input_shape, data.num_classes, own.model)
    known = model.shared and own == Own(own.model, sources=own.sources)  # nothing says that two functions do the same
    return Problem(
        model=model._replace(xla=_devices(config.xla, model), shared=known),
        loss=own.loss or models.loss_of(config.loss, model),
        rule=rules.build(
            own.rule or config.rule,
            weight_decay=config.weight_decay,
            clip_value=config.clip_value,
            clip_norm=config.clip_norm,
            average=config.average,
        ),
        schedule=own.schedule(steps) if own.schedule else _schedule(config.schedule, steps),
        dtype=config.variable_dtype,
        scaling=data.scaling,
        learning_rate=config.learning_rate,
        xla=config.xla != "off",
    )


def _schedule(spec: str, steps: int) -> Schedule:
    if spec == "constant":
        return constant
    from descenso.descent import schedules

    return schedules.build(spec, steps)


def _devices(xla: str, model: Model) -> tuple[str, ...]:
    """The kinds of device on which XLA is to compile `model`."""
    if xla == "on" and not model.xla:
        message = _("xla: {name} holds layers that XLA cannot compile, such as that of --augment; try --xla auto")
        raise ConfigError(message.format(name=model.name))
    return {"auto": model.xla, "on": ("CPU", "GPU"), "off": ()}[xla]


def bind(
    engine: str,
    problem: Problem,
    train: Split,
    batch_rows: int,
    step: MakeStep = make_step,
    like: TrainState | None = None,
) -> Runner:
    """Bind `problem` to the training rows on an engine; trace and compile it.

    Args:
        engine: a key of `ENGINES` or `WORKERS`.
        problem: what to train.
        train: the rows; they must not change until the runner is closed.
        batch_rows: rows of a full batch, in [1, rows].
        step: makes the step of a problem.
        like: a state of the shapes that the step takes; by default that of one training.

    Returns:
        A runner, to be closed (`contextlib.closing`).
    """
    module, name = {**ENGINES, **WORKERS}[engine].split(":")
    chosen: Engine = getattr(import_module(module), name)
    return chosen(problem, train, batch_rows, step, like)
