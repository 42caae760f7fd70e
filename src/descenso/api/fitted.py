"""Rows as an estimator is given them: labels of any kind, weights, and validation rows drawn by the seed."""

from collections.abc import Callable, Collection
from functools import wraps
from inspect import signature
from typing import Any, NamedTuple, ParamSpec

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig, table
from descenso.data.arrays import stratified
from descenso.data.checks import check_validation, defaults_for_few_rows
from descenso.data.dataset import Dataset, Scaling, Split
from descenso.elsewhere import SAID_OF_ESTIMATORS
from descenso.errors import ConfigError, DataError
from descenso.guesses import answer
from descenso.text import _

Parameters = ParamSpec("Parameters")


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


def fitting(config: TrainConfig, given: Collection[str], train: Split) -> TrainConfig:
    """Adapt the settings that are not `given` to the number of rows; a batch is no larger than all of them."""
    rows = len(train.labels)
    config = defaults_for_few_rows(config, given, rows)
    return config.model_copy(update={"batch_size": min(config.batch_rows(rows), rows)})
