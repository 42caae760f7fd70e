"""Using a run: what its model says of rows with labels, and of rows without."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.api import open_directory, rows_of
from descenso.config import TrainConfig
from descenso.data.arrays import recoded
from descenso.data.catalog import rows_to_test
from descenso.data.checks import check_split
from descenso.data.dataset import Dataset, Split
from descenso.data.inputs import Expected, read_inputs
from descenso.data.limits import Limits
from descenso.errors import DataError
from descenso.family import MODELS
from descenso.runs.trained import Trained
from descenso.text import _

if TYPE_CHECKING:
    from descenso.training.evaluation import Evaluation, Predictor

LIKE_MNIST = ("mnist", "emnist-letters")  # datasets whose images were made in MNIST's way

__all__ = ["Predictions", "Used", "evaluate", "predict", "read_trained", "use"]


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


def predict(run: str | Path, files: Sequence[Path], limits: Limits | None = None, model: Any = None) -> Predictions:
    """What the run in directory `run` takes images, arrays or tables for; see `descenso.data.inputs.read_inputs`.

    Raises:
        DataError: where the run kept no weights, or a file cannot be read or does not fit its model.
    """
    config, trained = read_trained(run)
    kind = np.dtype(trained.stored).kind
    like = Expected(trained.input_shape, trained.columns, kind, like_mnist=config.data in LIKE_MNIST)
    inputs, names = read_inputs(files, like, limits or Limits())
    probabilities = use(run, model).predictor.probabilities(inputs)
    return Predictions(inputs, names, trained.class_names, probabilities)


def evaluate(
    run: str | Path,
    data: Dataset | str | None = None,
    limits: Limits | None = None,
    data_dir: Path | None = None,
    model: Any = None,
) -> tuple["Evaluation", Split]:
    """Evaluate the run in directory `run` on the test rows of the data it learned from, or on `data`.

    Of `data`, a dataset or what `load` takes, all rows are used unless it has test rows of its own.

    Returns:
        What came of it, and the rows.

    Raises:
        DataError: where the run kept no weights, or the rows do not fit its model.
    """
    config, trained = read_trained(run)
    if data is None:
        rows = rows_of(config, limits, data_dir)
    elif isinstance(data, str):
        label = config.label if trained.columns else ""
        resize = config.resize if Path(data).is_dir() else ""
        columns = trained.columns
        rows = rows_to_test(data, limits, label=label, resize=resize, data_dir=data_dir, columns=columns)
    else:
        rows = data
    known = recoded(rows.name, rows.test, rows.class_names, trained.class_names)
    what = _("{name}, test rows").format(name=rows.name)
    test = check_split(known, len(trained.class_names), trained.input_shape, what)

    from descenso.training.evaluation import evaluate as measure

    return measure(use(run, model).predictor, test), test
