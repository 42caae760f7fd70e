"""Check rows and settings before the first step."""

import re
from collections.abc import Collection, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split, is_mapped, row_chunks, scaling
from descenso.errors import ConfigError, DataError
from descenso.registry import defaults
from descenso.text import _, plural

LEAST_ROWS, LEAST_BATCHES = 8, 16  # of a batch and an epoch, by default
LEAST_STEPS = {"softmax": 10_000, "mlp": 6000, "cnn": 600}  # of a run, by default; those of cnn take long
USUAL_STEPS, MOST_EPOCHS = 1500, 1000  # of other models' runs; the most by default
FEW_ROWS, DECAY = 10_000, 0.5  # on fewer rows mlp gets this weight decay, at its default rate
MOST_NUMBERS, LEAST_OF_CLASS = 20, 5  # so many classes may have few rows; with more, each needs so many
MOST_CLASSES = 2**12  # of a confusion matrix, whose size is their square
ALL = 1.0  # the test fraction that tests on every row
TEST_FRACTION = 0.2  # of the rows, by default, where none are given to test on


def in_one_axis(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels of shape (rows, 1), or with more axes of 1 after the rows, as (rows,).

    >>> in_one_axis(np.array([[3], [4]])).tolist()
    [3, 4]
    """
    return labels.reshape(len(labels)) if labels.ndim > 1 and labels.size == len(labels) > 0 else labels


def check_shape(inputs: NDArray[np.generic], input_shape: tuple[int, ...], what: str) -> None:
    """Check that there are rows, each of `input_shape`."""
    got, expected = shape_text(inputs.shape[1:]), shape_text(input_shape)
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
        message = _("{what}: labels of shape {got} beside inputs of shape {inputs}, expected one label a row; {mend}")
        got, mend = shape_text(labels.shape), _mend_labels(labels, len(inputs))
        raise DataError(message.format(what=what, got=got, inputs=shape_text(inputs.shape), mend=mend))
    if len(inputs) != len(labels):
        message = _("{what}: {inputs} and {labels}; each row needs one")
        of_inputs = plural("{count} row of inputs", "{count} rows of inputs", len(inputs)).format(count=len(inputs))
        of_labels = plural("{count} label", "{count} labels", len(labels)).format(count=len(labels))
        message = message.format(what=what, inputs=of_inputs, labels=of_labels)
        if inputs.shape[-1] == len(labels):
            message += _("; if the rows are in the last axis, give numpy.moveaxis(inputs, -1, 0)")
        raise DataError(message)
    if inputs.dtype.kind not in ("iuf" if encoded else "iufb"):
        message = _("{what}: inputs of type {got}, expected numbers; try inputs.astype('float32')")
        raise DataError(message.format(what=what, got=inputs.dtype))
    if labels.dtype.kind == "f" and (labels != np.rint(labels)).any():
        message = _("{what}: labels such as {label:g}; a number to predict is no class; make a few classes of it, such "
                    "as (labels > {median:g}).astype('int32')")  # fmt: skip
        broken = labels[np.argmax(labels != np.rint(labels))]
        raise DataError(message.format(what=what, label=broken, median=np.median(labels)))
    if labels.dtype.kind not in ("iu" if encoded else "iubU"):
        expected = _("whole numbers") if encoded else _("whole numbers or text")
        message = _("{what}: labels of type {got} beside inputs of type {inputs}, expected {expected}; "
                    "try labels.astype('int32')")  # fmt: skip
        raise DataError(message.format(what=what, got=labels.dtype, inputs=inputs.dtype, expected=expected))
    if weights is not None and (weights.shape != labels.shape or not (np.isfinite(weights) & (weights > 0)).all()):
        raise DataError(_("{what}: weights must be one finite number above 0 for each row").format(what=what))


def _mend_labels(labels: NDArray[np.generic], rows: int) -> str:
    """Say how labels that are not one a row become so."""
    if labels.size == rows:
        return _("give labels.ravel()")
    several = labels.ndim == 2 and labels.dtype.kind in "iub" and (np.count_nonzero(labels, axis=1) != 1).any()
    if several:
        return _("a row has one class only: give the column that is to be learned, such as labels[:, 0]")
    return _("if they are one-hot, give numpy.argmax(labels, axis=1)")


def check_split(
    split: Split, num_classes: int, input_shape: tuple[int, ...], what: str, *, finite: bool = False
) -> Split:
    """Check rows as `check_rows` does, and that labels are in [0, num_classes) and inputs finite, unless known to be.

    Returns:
        The rows in the machine's byte order, labels as int32; arrays that are so already are not copied.

    Raises:
        DataError: naming the first row that does not fit.
    """
    split = split._replace(labels=in_one_axis(split.labels))
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
    name, shape, classes = data.name, data.input_shape, data.num_classes
    train = check_split(data.train, classes, shape, _("{name}, training rows").format(name=name), finite=finite)
    if not len(data.test.labels) and np.bincount(train.labels).max() == 1:
        message = _("{name}: each class has one row only; give at least two of each, one of them to test on")
        raise DataError(message.format(name=name))
    test = check_split(data.test, classes, shape, _("{name}, test rows").format(name=name), finite=finite)
    if data.num_classes < 2:
        raise DataError(_("{name}: one class only; give rows of at least two").format(name=data.name))
    return data._replace(train=train, test=test)


def check_and_scale(data: Dataset) -> Dataset:
    """Check `data` as a reader gives it, its inputs finite, and add the scaling that suits its training rows.

    Raises:
        DataError: for data that no model can learn from.
    """
    checked = check_dataset(data, finite=True)
    if data.pixel_range:
        return data
    return data._replace(scaling=scaling(checked.train.inputs, data.name, columns=data.columns))


def check_classes(path: object, label: str, names: Sequence[str], rows: int, *, column: bool = True) -> None:
    """Refuse labels that are numbers to predict, or that are different in nearly each row.

    Args:
        path: of the file, or the name of the data.
        label: the column or array that holds the labels.
        names: the different labels.
        rows: number of rows.
        column: whether the labels are a column of a table.

    Raises:
        DataError: with the reason, and what is possible instead.
    """
    count = len(names)
    numbers = [float(name) for name in names if re.fullmatch(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)", name)]
    is_numeric = len(numbers) == count
    has_decimals = is_numeric and any(number != round(number) for number in numbers)
    has_few_rows = count > MOST_NUMBERS and LEAST_OF_CLASS * count > rows
    each_row = count == rows or (is_numeric and 2 * count > rows)
    if not (has_few_rows or (has_decimals and 2 * count > MOST_NUMBERS) or (count > 2 and each_row)):
        return
    message = _("{path}: {label!r} has {count} classes in {rows} rows: {reason}; give other labels, {mend}")
    if column:
        message = _("{path}: {label!r} has {count} classes in {rows} rows: {reason}; give another --label, {mend}")
    reason, mend = _("these are no classes to learn"), _("or leave rows of rare classes out")
    if count == rows and not has_decimals:
        reason, mend = _("it names or counts the rows"), _("which comes again in several rows")
    elif is_numeric:
        reason = _("a number to predict is no class")
        mend = _("or make a few classes of it, such as above and below {middle:g}").format(middle=median(numbers))
    raise DataError(message.format(path=path, label=label, count=count, rows=rows, reason=reason, mend=mend))


def share_to_test(path: object, test_fraction: float, has_test: bool) -> tuple[float, tuple[str, ...]]:
    """Return the share of the rows to draw for testing, and a sentence about it if none was given.

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
    are as many epochs as make 1,500 steps (softmax regression 10,000, mlp 6,000, cnn 600), at most 1,000 epochs.
    Below 10,000 rows, in which an mlp would otherwise learn the noise of the labels, it gets the activation gelu, which
    is smoother than relu, and at its own learning rate a weight decay of 0.5. Settings that `given` names stay.

    >>> few = defaults_for_few_rows(TrainConfig.of(model="mlp"), (), rows=120)
    >>> few.batch_size, few.epochs, few.activation, few.weight_decay
    (8, 400, 'gelu', 0.5)
    """
    most = min(rows, max(LEAST_ROWS, rows // LEAST_BATCHES))
    changed: dict[str, float | str] = {}
    if "batch_size" not in given and config.batch_rows(rows) > most:
        changed["batch_size"] = most
    if "epochs" not in given:
        usual_steps = -(-rows // min(most, defaults(config.model)["batch_size"]))  # whatever batch is given
        epochs = -(-LEAST_STEPS.get(config.model, USUAL_STEPS) // usual_steps)
        changed["epochs"] = max(config.epochs, min(epochs, MOST_EPOCHS))
    if config.model == "mlp" and rows < FEW_ROWS:
        if "activation" not in given:
            changed["activation"] = "gelu"
        if not {"rule", "learning_rate", "weight_decay"} & set(given):
            changed["weight_decay"] = DECAY
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
    if "order" not in given and is_mapped(data.train.inputs):
        from descenso.data.streams import block_order, streams

        if streams(data.train):
            config = config.model_copy(update={"order": block_order(data.train)})
    batch_size = config.batch_rows(rows - validation_size)
    if batch_size > rows - validation_size:
        message = plural("batch_size must be at most the {rows} training row, got {size}; try --batch-size {rows}",
                         "batch_size must be at most the {rows} training rows, got {size}; try --batch-size {rows}",
                         rows - validation_size)  # fmt: skip
        raise ConfigError(message.format(rows=rows - validation_size, size=batch_size))
    _check_classes(
        data.hold_back(validation_size)[0].train.labels, data, _("{name}, training rows").format(name=data.name)
    )
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


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape for a message: 28×28."""
    return "×".join(map(str, shape)) or "()"
