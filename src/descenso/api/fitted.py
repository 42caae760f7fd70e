"""Rows as an estimator is given them: labels of any kind, weights, and validation rows drawn by the seed."""

import signal
from collections.abc import Callable, Collection
from contextvars import ContextVar
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from descenso.config import SETTINGS, TrainConfig, table
from descenso.data.arrays import stratified
from descenso.data.checks import check_validation, defaults_for_few_rows
from descenso.data.dataset import Dataset, Scaling, Split, scaling
from descenso.descent.problem import Arrays
from descenso.elsewhere import SAID, SAID_OF_ESTIMATORS, TRANSLATED
from descenso.errors import ConfigError, DataError
from descenso.guesses import answer, meant_by, mend, shown
from descenso.registry import smaller_rate
from descenso.text import _
from descenso.training.control import Control

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
ALIKE = 0.8  # of a name with a slip and that of a setting, in [0, 1]: a name further away is another one


def answering(init: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Let the `__init__` of an estimator answer settings by the names of other libraries."""
    _self, *names = signature(init).parameters

    @wraps(init)
    def answered(*given: Parameters.args, **settings: Parameters.kwargs) -> None:
        for name, value in settings.items():
            if name in SAID_OF_ESTIMATORS:
                raise ConfigError(f"{name}: {_(SAID_OF_ESTIMATORS[name])}")
            if name not in names:
                raise ConfigError(answer(name, value, tuple(names), table(), arguments=()))
        init(*given, **settings)

    return answered


def refusing(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a method of an estimator say where a setting belongs that it was given; its signature stays as it is."""
    _self, *names = signature(method).parameters

    @wraps(method)
    def refused(*given: Parameters.args, **named: Parameters.kwargs) -> Result:
        for name, value in named.items():
            if name not in names and (told := _misplaced(type(given[0]), method.__name__, name, value)):
                raise ConfigError(told)
        return method(*given, **named)

    return refused


def _misplaced(kind: type, method: str, name: str, value: Any) -> str:
    """Say where a setting belongs that was given to a method of an estimator; "" for a name that means none."""
    known = [each for each in signature(kind).parameters if each in SETTINGS or each == "class_weight"]
    said = SAID_OF_ESTIMATORS if name in (*known, *TRANSLATED) else {**SAID, **SAID_OF_ESTIMATORS}
    if name in said:
        return f"{name}: {_(said[name])}"
    ours, meant = (name, value) if name in known else meant_by(name, value, known)
    ours = ours or next(iter(get_close_matches(name, known, 1, ALIKE)), None)
    if ours not in known:
        return ""
    setting = mend(ours, meant, table()) if ours in SETTINGS else f"{ours}={shown(meant)}"
    call = {"partial_fit": "partial_fit(X, y, classes)"}.get(method, "fit(X, y)")
    message = _("{method}: {name} is a setting of the estimator, for training; try {mend}")
    return message.format(method=method, name=name, mend=f"{kind.__name__}({setting}).{call}")


class FittedInputs(NamedTuple):
    """Properties of the rows that a classifier was fitted on.

    Attributes:
        classes: the labels, sorted.
        input_shape: of one row.
        scaling: of the inputs.
    """

    classes: NDArray[Any]
    input_shape: tuple[int, ...]
    scaling: Scaling

    def dataset(
        self, inputs: NDArray[Any], codes: NDArray[np.intp], each: NDArray[np.float64] | None, config: TrainConfig
    ) -> Dataset:
        """Make a dataset of training rows, each with its weight, and no test rows."""
        if len(self.classes) < 2:
            raise DataError(_("y: one class only; give rows of at least two"))
        labels, names = codes.astype(np.int32), tuple(map(str, self.classes))
        weights = None if each is None else each.astype(config.variable_dtype)
        rows = Split(inputs, labels, weights)
        return Dataset("arrays", rows, rows.rows(slice(0)), names, self.scaling)

    def divided(
        self, inputs: NDArray[Any], codes: NDArray[np.intp], each: NDArray[np.float64] | None, config: TrainConfig
    ) -> tuple[Dataset, Split]:
        """Split into training rows, with a mean weight of 1, and validation rows."""
        rows, held = np.arange(len(codes)), np.arange(0)
        if size := check_validation(len(codes), config):
            rows, held = stratified(codes.astype(np.int32), size / len(codes), config.seed)
        to_learn = None if each is None else each[rows] / each[rows].mean()
        train = self.dataset(inputs[rows], codes[rows], to_learn, config)
        validation = self.dataset(inputs[held], codes[held], None if each is None else each[held], config)
        return train, validation.train


class Learned(NamedTuple):
    """What a classifier learned in `fit`.

    Attributes:
        known: the rows that it was fitted on.
        costs: of each epoch, in nats.
        accuracies: after each epoch, on rows kept back, in [0, 1]; None without such rows.
        params, model_state: in the user's form.
    """

    known: FittedInputs
    costs: list[float]
    accuracies: list[float | None] | None
    params: Arrays
    model_state: Arrays


class Rows(NamedTuple):
    """Rows to fit on: inputs, labels of any kind, and how much each row counts, None for 1 each."""

    inputs: NDArray[Any]
    labels: NDArray[Any]
    each: NDArray[np.float64] | None

    def coded(self) -> tuple[FittedInputs, "Rows"]:
        """Return their properties, and the rows that have a weight, with the numbers of their classes as labels.

        Raises:
            DataError: where no row has a weight.
        """
        classes, codes = np.unique(self.labels, return_inverse=True)
        rows = Rows(self.inputs, codes, self.each)
        if self.each is not None:
            counted = self.each > 0
            if not counted.any():
                raise DataError(_("weights: all are zero; there is nothing to learn from"))
            rows = Rows(self.inputs[counted], codes[counted], self.each[counted])
        return FittedInputs(classes, self.inputs.shape[1:], scaling(rows.inputs, "X", rows.each)), rows


class Together(Protocol):
    """Trains the classifiers of a search together, fold by fold."""

    def learned(self, asked: Any, rows: Rows) -> Learned | None:
        """Return what the classifier `asked` learns from `rows`; None where it is to be trained alone."""


TOGETHER = ContextVar[Together | None]("TOGETHER", default=None)  # the search in which classifiers are being fitted


def fitting(config: TrainConfig, given: Collection[str], train: Split) -> TrainConfig:
    """Adapt the settings that are not `given` to the number of rows; a batch is no larger than all of them."""
    rows = len(train.labels)
    config = defaults_for_few_rows(config, given, rows)
    return config.model_copy(update={"batch_size": min(config.batch_rows(rows), rows)})


def stopped(control: Control) -> BaseException:
    """Return what to raise after a signal has stopped training."""
    return SystemExit(143) if control.signal == signal.SIGTERM else KeyboardInterrupt()


def diverged(config: TrainConfig) -> ConfigError:
    """Return the error of a training run whose cost stopped being finite, with a rate to try."""
    return ConfigError(
        _("the cost stopped being finite; try a smaller learning_rate, such as {rate:g}").format(
            rate=smaller_rate(config.rule, config.learning_rate)
        )
    )
