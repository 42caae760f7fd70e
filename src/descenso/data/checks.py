"""What must hold before the first step."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.errors import ConfigError, DataError
from descenso.registry import defaults
from descenso.text import _

LEAST_ROWS, LEAST_BATCHES, LEAST_STEPS = 8, 16, 1500  # of a batch, an epoch and a descent, where settings are open


def check_split(split: Split, num_classes: int, input_shape: tuple[int, ...], what: str) -> Split:
    """`split`, its labels as int32, once they agree with the inputs of `what`, the classes and the model's inputs.

    Raises:
        DataError: naming the first row that does not.
    """
    inputs, labels = split
    if inputs.shape[1:] != input_shape:
        raise DataError(
            _("{what}: inputs of shape {got}, expected {expected}; the model reads one size only").format(
                what=what, got=_shape(inputs.shape[1:]), expected=_shape(input_shape)
            )
        )
    if labels.ndim != 1:
        raise DataError(
            _(
                "{what}: labels of shape {got} beside inputs of shape {inputs}, expected one whole number a row; "
                "if they are one-hot, give numpy.argmax(labels, axis=1)"
            ).format(what=what, got=_shape(labels.shape), inputs=_shape(inputs.shape))
        )
    if len(inputs) != len(labels):
        raise DataError(
            _("{what}: {inputs} rows of inputs and {labels} labels; each row needs one").format(
                what=what, inputs=len(inputs), labels=len(labels)
            )
        )
    if not len(labels):
        raise DataError(_("{what}: no rows; give at least one").format(what=what))
    if not inputs.size:
        raise DataError(
            _("{what}: inputs of shape {got}, which hold nothing").format(what=what, got=_shape(input_shape))
        )
    _check_inputs(inputs, what)
    _check_labels(inputs, labels, num_classes, what)
    native = inputs.astype(inputs.dtype.newbyteorder("="), copy=False)
    return Split(native, labels.astype(np.int32, copy=False))


def _check_inputs(inputs: NDArray[np.generic], what: str) -> None:
    if not (np.issubdtype(inputs.dtype, np.integer) or np.issubdtype(inputs.dtype, np.floating)):
        raise DataError(
            _("{what}: inputs of type {got}, expected numbers; try inputs.astype('float32')").format(
                what=what, got=inputs.dtype
            )
        )
    if np.issubdtype(inputs.dtype, np.floating):
        broken = np.flatnonzero(~np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1))
        if len(broken):
            raise DataError(
                _("{what}: row {row} holds a value that is not finite; leave it out or fill it in").format(
                    what=what, row=broken[0]
                )
            )


def _check_labels(inputs: NDArray[np.generic], labels: NDArray[np.int32], num_classes: int, what: str) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            _(
                "{what}: labels of type {got} beside inputs of type {inputs}, expected whole numbers; "
                "try labels.astype('int32')"
            ).format(what=what, got=labels.dtype, inputs=inputs.dtype)
        )
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(outside):
        raise DataError(
            _("{what}: row {row} has label {label}, expected one in [0, {classes})").format(
                what=what, row=outside[0], label=labels[outside[0]], classes=num_classes
            )
        )


def check_dataset(data: Dataset) -> Dataset:
    """`data`, its labels as int32, once both of its splits hold together.

    Raises:
        DataError: where they do not, or where there is one class only.
    """
    train, test = (
        check_split(split, data.num_classes, data.input_shape, what.format(name=data.name))
        for split, what in ((data.train, _("{name}, training rows")), (data.test, _("{name}, test rows")))
    )
    if data.num_classes < 2:
        raise DataError(_("{name}: one class only; give rows of at least two").format(name=data.name))
    return data._replace(train=train, test=test)


def suited(config: TrainConfig, given: Collection[str], rows: int) -> TrainConfig:
    """`config` for so many rows to learn from, in (0, inf).

    Where they are few, a batch is a sixteenth of them, or 8, and there are as many epochs as make 1,500 steps, unless
    `given` names the setting: the models' own defaults are for tens of thousands.

    >>> few = suited(TrainConfig.of(model="mlp"), (), rows=120)
    >>> few.batch_size, few.epochs
    (8, 100)
    """
    most = min(rows, max(LEAST_ROWS, rows // LEAST_BATCHES))
    changed: dict[str, int] = {}
    if "batch_size" not in given and config.batch_rows(rows) > most:
        changed["batch_size"] = most
    if "epochs" not in given:
        usual_steps = -(-rows // min(most, defaults(config.model)["batch_size"]))  # whatever batch is given
        changed["epochs"] = max(config.epochs, -(-LEAST_STEPS // usual_steps))
    return config.model_copy(update=changed)


def check_fit(data: Dataset, config: TrainConfig, given: Collection[str]) -> TrainConfig:
    """`config`, suited to the rows but for the settings that are `given`, once the rows suffice for it.

    Raises:
        ConfigError: for a batch or a validation split larger than the training rows.
        DataError: for a class that validation leaves without training rows.
    """
    rows = len(data.train.labels)
    validation_size = check_validation(rows, config)
    config = suited(config, given, rows - validation_size)
    batch_size = config.batch_rows(rows - validation_size)
    if batch_size > rows - validation_size:
        raise ConfigError(
            _("batch_size must be at most the {rows} training rows, got {size}; try --batch-size {rows}").format(
                rows=rows - validation_size, size=batch_size
            )
        )
    _check_classes(data.train.labels[validation_size:], data, _("{name}, training rows").format(name=data.name))
    return config


def check_validation(rows: int, config: TrainConfig) -> int:
    """How many of `rows` are kept back, once they leave some to learn from.

    Raises:
        ConfigError: where they do not.
    """
    validation_size = config.validation_rows(rows)
    if validation_size >= rows:
        raise ConfigError(
            _("validation_size must leave training rows, got {size} of {rows}; try --validation-size {less}").format(
                size=validation_size, rows=rows, less=rows // 10
            )
        )
    return validation_size


def _check_classes(labels: NDArray[np.int32], data: Dataset, what: str) -> None:
    missing = np.flatnonzero(np.bincount(labels, minlength=data.num_classes) == 0)
    if len(missing):
        raise DataError(
            _("{what}: no row of class {name}; give some, and shuffle the rows where they are sorted by class").format(
                what=what, name=data.class_names[missing[0]]
            )
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "()"
