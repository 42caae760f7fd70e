"""Using a run: what its model says of rows with labels, and of rows without."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.api.train import rows_of
from descenso.config import TrainConfig
from descenso.data.arrays import as_model_reads, recoded
from descenso.data.catalog import rows_to_test
from descenso.data.checks import check_split
from descenso.data.dataset import Dataset, Split
from descenso.data.fingerprint import data_fingerprint
from descenso.data.inputs import read_inputs
from descenso.data.limits import Sources
from descenso.data.request import Expected
from descenso.errors import DataError
from descenso.registry import MODELS
from descenso.runs.directory import open_directory
from descenso.runs.trained import Trained
from descenso.text import _

if TYPE_CHECKING:
    from descenso.training.evaluation import Evaluation, Predictor

DRAWN = ("mnist", "emnist-letters")  # light on dark, in the middle; EMNIST's were smoothed, which is not imitated


class Used(NamedTuple):
    """A run, ready to be asked.

    Attributes:
        config: its settings.
        trained: what it learned.
        predictor: its model with that.
    """

    config: TrainConfig
    trained: Trained
    predictor: "Predictor"


def read_trained(run: str | Path) -> tuple[TrainConfig, Trained]:
    """The settings of the run in directory `run`, and what it learned; without TensorFlow.

    Raises:
        DataError: where it kept no weights, or its files are damaged.
    """
    directory = open_directory(Path(run))
    arrays, about = directory.weights()
    return directory.config, Trained.unpacked(arrays, about, Path(run))


def use(run: str | Path, model: Any = None) -> Used:
    """The run in directory `run`; `model` is one's own, where it was trained with one.

    Raises:
        DataError: where it kept no weights, or they are not its model's.
        ConfigError: where it was trained with a model of one's own, which is not given.
    """
    config, trained = read_trained(run)

    from descenso.descent import models
    from descenso.training.evaluation import Predictor

    own = None
    if model is not None or config.model not in MODELS:
        from descenso.descent.keras_models import own_model

        own = own_model(config, model)
    built = models.build(config, trained.input_shape, len(trained.class_names), own)
    params, state = built.init(0)
    found, wanted = ({name: array.shape for name, array in each.items()} for each in
                     ({**trained.params, **trained.model_state}, {**params, **state}))  # fmt: skip
    if found != wanted:
        raise DataError(
            _("{path}: weights of shapes {found}, the model has {wanted}").format(path=run, found=found, wanted=wanted)
        )
    scaling = trained.input_scale, trained.input_shift
    return Used(config, trained, Predictor.of_weights(built, trained.params, trained.model_state, *scaling))


class Predictions(NamedTuple):
    """What a model says of some rows.

    Attributes:
        inputs: (rows, *input_shape), as the model was given them, before scaling.
        names: what to call each row.
        class_names: one a class.
        probabilities: (rows, num_classes), each in [0, 1].
    """

    inputs: NDArray[np.generic]
    names: list[str]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.floating]


def predict(
    run: str | Path,
    files: str | Path | Sequence[str | Path],
    model: Any = None,
    sources: Sources | None = None,
) -> Predictions:
    """Predict the class probabilities of images, arrays or tables in files; see `descenso.data.inputs.read_inputs`.

    Args:
        run: the directory of the run.
        files: one path, or several.
        model: the model itself, where the run was trained with a model of the user's.
        sources: what to refuse as too large.

    Raises:
        DataError: where the run kept no weights, or a file cannot be read or does not fit its model.
    """
    config, trained = read_trained(run)
    drawn = config.data in DRAWN and (trained.input_shape, trained.stored) == ((28, 28), "uint8")
    like = Expected(trained.input_shape, trained.columns, trained.stored, like_mnist=drawn)
    paths = [files] if isinstance(files, str | Path) else files
    inputs, names = read_inputs([Path(path) for path in paths], like, (sources or Sources()).limits)
    probabilities = use(run, model).predictor.probabilities(inputs)
    return Predictions(inputs, names, trained.class_names, probabilities)


def evaluate(
    run: str | Path,
    data: Dataset | str | Path | None = None,
    model: Any = None,
    *,
    label: str = "",
    resize: str = "",
    sources: Sources | None = None,
) -> tuple["Evaluation", Split]:
    """Evaluate the run in directory `run` on the test rows of the data it learned from, or on `data`.

    Of `data`, a dataset or what `load` takes, all rows are used unless it has test rows of its own; `label` and
    `resize` are as those of `load`, by default those of the run.

    Returns:
        What came of it, and the rows.

    Raises:
        DataError: where the run kept no weights, or the rows do not fit its model.
    """
    config, trained = read_trained(run)
    data = str(data) if isinstance(data, Path) else data
    if data is None:
        rows = _unchanged(rows_of(config, sources), config, Path(run))
    elif isinstance(data, str):
        label = label or (config.label if trained.columns else "")
        resize = resize or (config.resize if Path(data).is_dir() else "")
        columns = trained.columns
        rows = rows_to_test(data, label=label, resize=resize, columns=columns, sources=sources)
    else:
        rows = data
    test = _fitting(rows, trained)

    from descenso.training.evaluation import evaluate as measure

    return measure(use(run, model).predictor, test), test


def _unchanged(rows: Dataset, config: TrainConfig, run: Path) -> Dataset:
    """`rows`, once they are those that the run learned from and was to be tested on."""
    told = open_directory(run).status.get("data")
    if told is not None and told != data_fingerprint(rows):
        raise DataError(
            _(
                "{run}: its data has changed, and rows that are drawn to test on may be among those it learned from; "
                "try --data {data} to test on all of it"
            ).format(run=run, data=config.data)
        )
    return rows


def _fitting(rows: Dataset, trained: Trained) -> Split:
    """The test rows of `rows`, with the columns, of the type and with the class numbers that a model learned from.

    Raises:
        DataError: for what it did not learn from.
    """
    if trained.columns and rows.columns:
        rows = _in_columns(rows, trained.columns)
    what = _("{name}, test rows").format(name=rows.name)
    inputs, labels = check_split(rows.test, rows.num_classes, trained.input_shape, what)
    first = 1 if rows.columns else 0  # rows of tables are counted from 1, those of arrays from 0
    named = recoded(rows.name, Split(inputs, labels), rows.class_names, trained.class_names, first)
    return named._replace(inputs=as_model_reads(rows.name, inputs, trained.stored))


def _in_columns(rows: Dataset, wanted: tuple[str, ...]) -> Dataset:
    missing = [name for name in wanted if name not in rows.columns]
    if missing:
        raise DataError(
            _("{path}: the columns {missing} are missing, which the model reads; its columns are {columns}").format(
                path=rows.name, missing=", ".join(missing), columns=", ".join(rows.columns)
            )
        )
    places = [rows.columns.index(name) for name in wanted]
    return rows._replace(test=rows.test._replace(inputs=rows.test.inputs[:, places]), columns=wanted)
