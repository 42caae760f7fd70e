"""Predict and evaluate with the model of a run."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.api.predictions import Predictions
from descenso.api.train import rows_of
from descenso.config import TrainConfig
from descenso.data.arrays import as_model_reads, recoded
from descenso.data.catalog import rows_to_test
from descenso.data.checks import check_finite, check_shape, check_split
from descenso.data.dataset import Dataset, Split, data_fingerprint
from descenso.data.inputs import how_prepared, read_inputs
from descenso.data.sources import Expected, Sources
from descenso.errors import DataError
from descenso.registry import MODELS
from descenso.runs.directory import open_directory
from descenso.runs.trained import Trained
from descenso.text import _

if TYPE_CHECKING:
    from descenso.descent.problem import Model
    from descenso.hints import RunPath
    from descenso.training.evaluation import Evaluation, Predictor

CENTRED = ("mnist", "emnist-letters")  # light digits on dark, centred; the smoothing of EMNIST is not imitated


class TrainedRun(NamedTuple):
    """A run with its trained model.

    Attributes:
        config: settings of the run.
        trained: weights and form of the inputs.
        model: the model.
        predictor: the model with these weights, computed by TensorFlow.
    """

    config: TrainConfig
    trained: Trained
    model: "Model"
    predictor: "Predictor"


def read_trained(run: "RunPath") -> tuple[TrainConfig, Trained]:
    """Read the settings and the weights of the run in the directory `run`, without TensorFlow.

    Raises:
        DataError: if it has no weights, or its files are damaged.
    """
    directory = open_directory(Path(run))
    arrays, about = directory.weights()
    return directory.config, Trained.unpacked(arrays, about, Path(run))


def load_trained(run: "RunPath", model: Any = None) -> TrainedRun:
    """Load the run in the directory `run` with its model.

    Args:
        run: directory of the run.
        model: the model, if the run was trained with the user's own.

    Raises:
        DataError: if the run has no weights, or those of another model.
        ConfigError: if it was trained with the user's own model, and `model` is missing.
    """
    config, trained = read_trained(run)
    from descenso.training.display import starting

    with starting():
        from descenso.descent import models
    from descenso.training.evaluation import Predictor

    own = None
    if model is not None or config.model not in MODELS:
        from descenso.descent.own import own_model

        own = own_model(config, model)
    built = models.build(config, trained.input_shape, len(trained.class_names), own)
    params, state = built.init(0)
    _check_shapes(run, trained, {name: array.shape for name, array in {**params, **state}.items()})
    predictor = Predictor.of_weights(built, trained.params, trained.model_state, trained.scaling)
    return TrainedRun(config, trained, built, predictor)


def _check_shapes(run: "RunPath", trained: Trained, expected: dict[str, tuple[int, ...]]) -> None:
    """Check that the run has the weights of its model, of which `expected` holds names and shapes."""
    stored = {name: array.shape for name, array in {**trained.params, **trained.model_state}.items()}
    if stored != expected:
        message = _("{path}: weights of shapes {found}, the model has {wanted}")
        raise DataError(message.format(path=Path(run), found=stored, wanted=expected))


def _predictor(run: "RunPath", config: TrainConfig, trained: Trained, model: Any) -> "Predictor":
    """Return the run's model with its weights, computed by NumPy where it can be, or else by TensorFlow."""
    from descenso.descent import numpy_models

    built = numpy_models.build(config, trained.input_shape, len(trained.class_names))
    if built is None or model is not None:
        return load_trained(run, model).predictor
    _check_shapes(run, trained, built.shapes)
    from descenso.training.evaluation import Predictor

    return Predictor(built.num_classes, partial(numpy_models.logits_of, built, trained.params, trained.scaling))


def predict(
    run: "RunPath",
    inputs: Any,
    model: Any = None,
    sources: Sources | None = None,
    *,
    skip_unreadable: bool = False,
) -> Predictions:
    """Predict the class probabilities of rows in memory, or of images, arrays or tables in files.

    Args:
        run: the run, or its directory.
        inputs: an array or a frame, see `descenso.data.memory.inputs_of`; or one path or several, see
            `descenso.data.inputs.read_inputs`.
        model: the model, if the run was trained with the user's own.
        sources: largest sizes of files and arrays.
        skip_unreadable: whether to leave out images that cannot be used.

    Raises:
        DataError: if the run has no weights, or a file cannot be read or does not fit its model.
    """
    config, trained = read_trained(run)
    expected = _expected(config, trained)._replace(skip_unreadable=skip_unreadable)
    paths, limits = [inputs] if isinstance(inputs, str | Path) else inputs, (sources or Sources()).limits
    if not _are_paths(paths):
        from descenso.data.memory import inputs_of

        return predict_rows(run, inputs_of(inputs, expected, limits), model=model)
    files = [Path(path) for path in paths]
    rows, names = read_inputs(files, expected, limits)
    probabilities = _predictor(run, config, trained, model).probabilities(rows)
    return Predictions(rows, names, trained.class_names, probabilities, how_prepared(files, expected))


def _expected(config: TrainConfig, trained: Trained) -> Expected:
    """Return what the model of a run reads."""
    like_mnist = config.data in CENTRED and (trained.input_shape, trained.stored) == ((28, 28), "uint8")
    flat = bool(config.input_shape or trained.columns) and len(trained.input_shape) > 1
    return Expected(trained.input_shape, trained.columns, trained.stored, like_mnist, trained.encoding, config.encoding,
                    trained.pixel_range, flat)  # fmt: skip


def _are_paths(given: Any) -> bool:
    return isinstance(given, Sequence) and bool(given) and all(isinstance(each, str | Path) for each in given)


def predict_rows(
    run: "RunPath",
    inputs: NDArray[np.generic],
    names: Sequence[str] | None = None,
    model: Any = None,
    what: str = "inputs",
) -> Predictions:
    """Predict the class probabilities of rows in memory.

    Args:
        run: directory of the run.
        inputs: (rows, *input_shape), before scaling, as the run's training data is stored: uint8 pictures, or floats.
        names: one name per row; by default the numbers of the rows, counted from 0.
        model: the model, if the run was trained with the user's own.
        what: name of the rows, for errors.

    Raises:
        DataError: if the run has no weights, or the rows do not fit its model or are not finite.
    """
    config, trained = read_trained(run)
    check_shape(inputs, trained.input_shape, what)
    rows = as_model_reads(what, inputs, trained.stored)
    check_finite(rows, what)
    probabilities = _predictor(run, config, trained, model).probabilities(rows)
    names = list(map(str, range(len(rows)))) if names is None else list(names)
    return Predictions(rows, names, trained.class_names, probabilities)


def evaluate(
    run: "RunPath",
    data: Any = None,
    model: Any = None,
    *,
    labels: Any = None,
    label: str = "",
    resize: str = "",
    skip_unreadable: bool = False,
    sources: Sources | None = None,
) -> tuple["Evaluation", Split]:
    """Evaluate a run on the test rows of its data, or on other data.

    Args:
        run: the run, or its directory.
        data: a dataset, or a name or path as `load` takes it; all its rows are used if it has no test rows. Or inputs
            beside their `labels`, a pair of inputs and labels, or a frame with the column `label`.
        labels: (rows,) the names of the classes of inputs in memory, or their numbers.
        label, skip_unreadable, sources: see `load`; the label is by default that of the run.
        resize: height and width of the images that the model reads, which images are brought to anyway.
        model: the model, if the run was trained with the user's own.

    Returns: the evaluation, and the rows.
    """
    config, trained = read_trained(run)
    data = str(data) if isinstance(data, Path) else data
    if data is None:
        rows = _unchanged(rows_of(config, sources), config, Path(run))
    elif isinstance(data, str):
        expected = _expected(config, trained)._replace(skip_unreadable=skip_unreadable)
        rows = _rows_at(data, config, trained, label, resize, expected, sources)
    elif isinstance(data, Dataset):
        rows = data
    else:
        rows = _in_memory(data, labels, label or config.label, trained, _expected(config, trained))
    test = _test_rows(rows, trained)

    from descenso.training.evaluation import evaluate as measure

    return measure(_predictor(run, config, trained, model), test), test


def _rows_at(
    name: str, config: TrainConfig, trained: Trained, label: str, resize: str, expected: Expected,
    sources: Sources | None,
) -> Dataset:  # fmt: skip
    """Load the dataset of a name or a path as the model reads it."""
    label = label or (config.label if trained.columns else "")
    return rows_to_test(name, label=label, resize=resize, encoded=trained.encoded, encoding=config.encoding,
                        expected=expected, sources=sources)  # fmt: skip


def _in_memory(data: Any, labels: Any, label: str, trained: Trained, expected: Expected) -> Dataset:
    """Make a dataset of rows in memory to test on."""
    from descenso.data.memory import inputs_of, is_frame, rows_to_test_on

    if labels is None and type(data) in (tuple, list) and len(data) == 2:
        data, labels = data
    encoded = trained.encoded
    label = label or (encoded.label if encoded else "")
    if labels is None and is_frame(data) and label in data.columns:
        labels = data[label]
    if labels is None:
        read = {column.name for column in encoded.columns} if encoded else set()
        others = [str(name) for name in data.columns if name not in read] if is_frame(data) else []
        mend = f"label={others[-1]!r}" if others else "labels=y"
        raise DataError(_("evaluate: the labels are missing; try {mend}").format(mend=mend))
    return rows_to_test_on(inputs_of(data, expected), labels, trained.class_names, trained.columns)


def _unchanged(rows: Dataset, config: TrainConfig, run: Path) -> Dataset:
    """Return `rows` after checking that the data of the run has not changed."""
    recorded = open_directory(run).status.get("data")
    if recorded is not None and recorded != data_fingerprint(rows):
        raise DataError(
            _(
                "{run}: its data has changed, and test rows may be among its training rows; try --data {data} to test "
                "on all rows"
            ).format(run=run, data=config.data)
        )
    return rows


def _test_rows(rows: Dataset, trained: Trained) -> Split:
    """Return the test rows with the columns, the type and the class numbers of the training data.

    Raises:
        DataError: if they do not fit it.
    """
    if trained.columns and rows.columns:
        rows = _in_columns(rows, trained.columns)
    what = _("{name}, test rows").format(name=rows.name)
    test = check_split(rows.test, rows.num_classes, trained.input_shape, what)
    first = 1 if rows.columns else 0  # rows of tables are counted from 1, those of arrays from 0
    split = recoded(rows.name, test, rows.class_names, trained.class_names, first)
    return split._replace(inputs=as_model_reads(rows.name, test.inputs, trained.stored))


def _in_columns(rows: Dataset, columns: tuple[str, ...]) -> Dataset:
    if rows.columns == columns:
        return rows
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise DataError(
            _("{path}: the columns {missing} are missing, which the model reads; its columns are {columns}").format(
                path=rows.name, missing=", ".join(missing), columns=", ".join(rows.columns)
            )
        )
    places = [rows.columns.index(name) for name in columns]
    return rows._replace(test=rows.test._replace(inputs=rows.test.inputs[:, places]), columns=columns)
