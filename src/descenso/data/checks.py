"""Check rows and settings before the first step."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split, row_chunks, scaling
from descenso.errors import ConfigError, DataError
from descenso.registry import defaults
from descenso.text import _, plural

LEAST_ROWS, LEAST_BATCHES, LEAST_STEPS = 8, 16, 1500  # of a batch, an epoch and a training run, by default
MORE_STEPS = {"softmax": 10_000}  # of a model whose steps are cheap, and with sgd at 0.01 small
MOST_EPOCHS = 1000  # that these may make
MOST_CLASSES = 2**12  # of a confusion matrix, whose size is their square
ALL = 1.0  # the test fraction that tests on every row
TEST_FRACTION = 0.2  # of the rows, by default, where none are given to test on


def check_shape(inputs: NDArray[np.generic], input_shape: tuple[int, ...], what: str) -> None:
    """Check that there are rows, each of `input_shape`."""
    got, expected = _shape(inputs.shape[1:]), _shape(input_shape)
    if inputs.shape[1:] != input_shape:
        message = _("{what}: inputs of shape {got}, expected {expected}; the model reads one size only")
    elif inputs.ndim < 2:
        message = _("{what}: inputs without columns, expected (rows, columns) or (rows, height, width)")
    elif not len(inputs):
        message = _("{what}: no rows; give at least one")
    elif not inputs.size:
        message = _("{what}: inputs of shape {got}, which hold nothing")
    else:
        return
    raise DataError(message.format(what=what, got=got, expected=expected))


def check_finite(inputs: NDArray[np.generic], what: str, first: int = 0) -> None:
    """Check that all inputs are finite; an error counts rows from `first`."""
    if inputs.dtype.kind != "f":
        return
    for rows in row_chunks(inputs):
        chunk = inputs[rows]
        broken = np.flatnonzero(~np.isfinite(chunk.reshape(len(chunk), -1)).all(axis=1))
        if len(broken):
            message = _("{what}: row {row} holds a value that is not finite; leave it out or fill it in")
            raise DataError(message.format(what=what, row=first + rows.start + int(broken[0])))


def check_rows(split: Split, input_shape: tuple[int, ...], what: str, *, encoded: bool = True) -> None:
    """Check that inputs and labels fit together in shape and type, one label a row.

    Unless `encoded`, labels may be text as well as whole numbers, and labels and inputs may be bool.
    """
    inputs, labels, weights = split
    check_shape(inputs, input_shape, what)
    if labels.ndim != 1:
        message = _("{what}: labels of shape {got} beside inputs of shape {inputs}, expected one label a row; "
                    "if they are one-hot, give numpy.argmax(labels, axis=1)")  # fmt: skip
        raise DataError(message.format(what=what, got=_shape(labels.shape), inputs=_shape(inputs.shape)))
    if len(inputs) != len(labels):
        message = _("{what}: {inputs} and {labels}; each row needs one")
        of_inputs = plural("{count} row of inputs", "{count} rows of inputs", len(inputs)).format(count=len(inputs))
        of_labels = plural("{count} label", "{count} labels", len(labels)).format(count=len(labels))
        raise DataError(message.format(what=what, inputs=of_inputs, labels=of_labels))
    if inputs.dtype.kind not in ("iuf" if encoded else "iufb"):
        message = _("{what}: inputs of type {got}, expected numbers; try inputs.astype('float32')")
        raise DataError(message.format(what=what, got=inputs.dtype))
    if labels.dtype.kind not in ("iu" if encoded else "iubU"):
        expected = _("whole numbers") if encoded else _("whole numbers or text")
        message = _("{what}: labels of type {got} beside inputs of type {inputs}, expected {expected}; "
                    "try labels.astype('int32')")  # fmt: skip
        raise DataError(message.format(what=what, got=labels.dtype, inputs=inputs.dtype, expected=expected))
    if weights is not None and (weights.shape != labels.shape or not (np.isfinite(weights) & (weights > 0)).all()):
        raise DataError(_("{what}: weights must be one finite number above 0 for each row").format(what=what))


def check_split(
    split: Split, num_classes: int, input_shape: tuple[int, ...], what: str, *, finite: bool = False
) -> Split:
    """Check rows as `check_rows` does, and that labels are in [0, num_classes) and inputs finite, unless known to be.

    Returns:
        The rows in the machine's byte order, labels as int32; arrays that are so already are not copied.

    Raises:
        DataError: naming the first row that does not fit.
    """
    inputs, labels = split[:2]
    check_rows(split, input_shape, what)
    if not finite:
        check_finite(inputs, what)
    for rows in row_chunks(labels):
        outside = np.flatnonzero((labels[rows] < 0) | (labels[rows] >= num_classes))
        if len(outside):
            row = rows.start + int(outside[0])
            message = _("{what}: row {row} has label {label}, expected one in [0, {classes})")
            raise DataError(message.format(what=what, row=row, label=labels[row], classes=num_classes))
    native = inputs.astype(inputs.dtype.newbyteorder("="), copy=False)
    return split._replace(inputs=native, labels=labels.astype(np.int32, copy=False))


def check_dataset(data: Dataset, *, finite: bool = False) -> Dataset:
    """Check both splits of `data`, and return it as `check_split` returns them.

    Raises:
        DataError: for rows that do not fit together, and for one class only.
    """
    train, test = (
        check_split(split, data.num_classes, data.input_shape, what.format(name=data.name), finite=finite)
        for split, what in ((data.train, _("{name}, training rows")), (data.test, _("{name}, test rows")))
    )
    if data.num_classes < 2:
        raise DataError(_("{name}: one class only; give rows of at least two").format(name=data.name))
    return data._replace(train=train, test=test)


def check_and_scale(data: Dataset) -> Dataset:
    """Check `data` as a reader gives it, its inputs finite, and add the scaling that suits its training rows.

    Raises:
        DataError: for data that no model can learn from.
    """
    checked = check_dataset(data, finite=True)
    return data if data.pixel_range else data._replace(scaling=scaling(checked.train.inputs, data.name))


def share_to_test(path: object, test_fraction: float, has_test: bool) -> tuple[float, tuple[str, ...]]:
    """Return the share of the rows to draw for testing, and a sentence where nobody asked for it.

    Raises:
        ConfigError: for a share beside test rows of the data's own, and for one outside [0, 1].
    """
    if has_test and test_fraction not in (0, ALL):
        raise ConfigError(_("{path}: it has test rows of its own; leave --test-fraction out").format(path=path))
    if not 0 <= test_fraction <= ALL:
        message = _("{path}: test_fraction must be in [0, 1), got {got}; try --test-fraction 0.2")
        raise ConfigError(message.format(path=path, got=test_fraction))
    if has_test or test_fraction:
        return test_fraction, ()
    return TEST_FRACTION, (_("a fifth of the rows is kept to test on, drawn by the seed; another share: "
                             "--test-fraction 0.3"),)  # fmt: skip


def defaults_for_few_rows(config: TrainConfig, given: Collection[str], rows: int) -> TrainConfig:
    """Adapt the default batch size and epochs of `config` to few training rows.

    The models' own defaults are for tens of thousands of rows. For few, a batch is a sixteenth of them, or 8, and there
    are as many epochs as make 1,500 steps; of softmax regression 10,000, in at most 1,000 epochs. Settings that `given`
    names stay.

    >>> few = defaults_for_few_rows(TrainConfig.of(model="mlp"), (), rows=120)
    >>> few.batch_size, few.epochs
    (8, 100)
    """
    most = min(rows, max(LEAST_ROWS, rows // LEAST_BATCHES))
    changed: dict[str, int] = {}
    if "batch_size" not in given and config.batch_rows(rows) > most:
        changed["batch_size"] = most
    if "epochs" not in given:
        usual_steps = -(-rows // min(most, defaults(config.model)["batch_size"]))  # whatever batch is given
        more = min(-(-MORE_STEPS.get(config.model, 0) // usual_steps), MOST_EPOCHS)
        changed["epochs"] = max(config.epochs, more, -(-LEAST_STEPS // usual_steps))
    return config.model_copy(update=changed)


def check_fit(data: Dataset, config: TrainConfig, given: Collection[str]) -> TrainConfig:
    """Adapt `config` to the training rows, except the settings that are `given`, and check that the rows suffice.

    Raises:
        ConfigError: for a batch or a validation split larger than the training rows.
        DataError: for a class that validation leaves without training rows.
    """
    rows = len(data.train.labels)
    if data.validation and "validation_size" in given and config.validation_size != data.validation:
        message = _("{name}: it has validation rows of its own; leave --validation-size out")
        raise ConfigError(message.format(name=data.name))
    if data.validation:
        config = config.model_copy(update={"validation_size": data.validation})
    validation_size = check_validation(rows, config)
    config = defaults_for_few_rows(config, given, rows - validation_size)
    batch_size = config.batch_rows(rows - validation_size)
    if batch_size > rows - validation_size:
        message = plural("batch_size must be at most the {rows} training row, got {size}; try --batch-size {rows}",
                         "batch_size must be at most the {rows} training rows, got {size}; try --batch-size {rows}",
                         rows - validation_size)  # fmt: skip
        raise ConfigError(message.format(rows=rows - validation_size, size=batch_size))
    _check_classes(data.train.labels[validation_size:], data, _("{name}, training rows").format(name=data.name))
    return config


def check_validation(rows: int, config: TrainConfig) -> int:
    """Return the number of `rows` to keep back for validation.

    Raises:
        ConfigError: if they leave no training rows, or if there are none and patience needs some.
    """
    validation_size = config.validation_rows(rows)
    if config.patience and not validation_size:
        raise ConfigError(_("patience needs validation rows, and there are none; try --validation-size 0.1"))
    if validation_size >= rows:
        message = _("validation_size must leave training rows, got {size} of {rows}; try --validation-size {less}")
        raise ConfigError(message.format(size=validation_size, rows=rows, less=rows // 10))
    return validation_size


def _check_classes(labels: NDArray[np.int32], data: Dataset, what: str) -> None:
    missing = np.flatnonzero(np.bincount(labels, minlength=data.num_classes) == 0)
    if len(missing):
        message = _("{what}: no row of class {name}; give some, and shuffle the rows where they are sorted by class")
        raise DataError(message.format(what=what, name=data.class_names[missing[0]]))


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "()"
