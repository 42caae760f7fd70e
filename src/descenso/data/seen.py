"""Rows in memory as an estimator is given them: labels of any kind, weights, and rows kept back by the seed."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.checks import check_validation, defaults_for_few_rows
from descenso.data.dataset import Dataset, Split
from descenso.data.scaling import Scaling
from descenso.data.split import stratified
from descenso.data.weighing import weighted
from descenso.errors import DataError
from descenso.text import _


class Seen(NamedTuple):
    """What the first rows told.

    Attributes:
        classes: the labels, sorted.
        input_shape: of one row.
        scaling: that suits the inputs.
    """

    classes: NDArray[Any]
    input_shape: tuple[int, ...]
    scaling: Scaling

    def dataset(
        self, inputs: NDArray[Any], codes: NDArray[np.intp], each: NDArray[np.float64] | None, config: TrainConfig
    ) -> Dataset:
        """Rows to learn from, where `each` row weighs so much; none to test on."""
        if len(self.classes) < 2:
            raise DataError(_("y: one class only; give rows of at least two"))
        labels, names = codes.astype(np.int32), tuple(map(str, self.classes))
        told = labels if each is None else weighted(labels, each, len(names), config.variable_dtype)
        none = Split(inputs[:0], labels[:0])
        return Dataset("arrays", Split(inputs, told), none, names, self.scaling.scale, self.scaling.shift)

    def divided(
        self, inputs: NDArray[Any], codes: NDArray[np.intp], each: NDArray[np.float64] | None, config: TrainConfig
    ) -> tuple[Dataset, Split]:
        """What to learn from, with a mean weight of 1, and the rows kept back for validation."""
        rows, held = np.arange(len(codes)), np.arange(0)
        if config.validation_size:
            share = check_validation(len(codes), config) / len(codes)
            rows, held = stratified(codes.astype(np.int32), share, config.seed)
        to_learn = None if each is None else each[rows] / each[rows].mean()
        train = self.dataset(inputs[rows], codes[rows], to_learn, config)
        validation = self.dataset(inputs[held], codes[held], None if each is None else each[held], config)
        return train, validation.train


def fitting(config: TrainConfig, given: Collection[str], train: Split) -> TrainConfig:
    """`config`, suited to the rows but for the settings that are `given`; a batch is no larger than all of them."""
    rows = len(train.labels)
    config = defaults_for_few_rows(config, given, rows)
    return config.model_copy(update={"batch_size": min(config.batch_rows(rows), rows)})
