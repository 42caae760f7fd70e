"""Predict with the model of a run."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.api.predictions import Predictions
from descenso.config import TrainConfig
from descenso.data.arrays import as_model_reads
from descenso.data.checks import check_finite, check_shape
from descenso.data.inputs import how_prepared, read_inputs
from descenso.data.sources import Expected, Sources
from descenso.errors import ConfigError, DataError
from descenso.registry import MODELS
from descenso.runs.directory import open_directory
from descenso.runs.trained import Trained
from descenso.text import _

if TYPE_CHECKING:
    from descenso.descent.problem import Model
    from descenso.hints import RunPath
    from descenso.training.evaluation import Predictor

FEW = 3  # tensors that a message names
WRITTEN = ("encoding", "decimal", "header")  # how a CSV file is written
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
    other = [name for name in {**expected, **stored} if stored.get(name) != expected.get(name)]
    if other:
        message = _("{path}: its weights are those of another model; the first that differ: {differences}")
        each = _("{name} has the shape {found}, expected {wanted}")
        shapes = ((name, _shape(stored.get(name)), _shape(expected.get(name))) for name in other[:FEW])
        told = [each.format(name=name, found=found, wanted=wanted) for name, found, wanted in shapes]
        raise DataError(message.format(path=Path(run), differences="; ".join(told)))


def _shape(shape: tuple[int, ...] | None) -> str:
    return _("none") if shape is None else str(shape)


def predictor_of(run: "RunPath", config: TrainConfig, trained: Trained, model: Any) -> "Predictor":
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
    **how: str,
) -> Predictions:
    """Predict the class probabilities of rows in memory, or of images, arrays or tables in files.

    Args:
        run: the run, or its directory.
        inputs: an array or a frame, see `descenso.data.memory.inputs_of`; or one path or several, see
            `descenso.data.inputs.read_inputs`.
        model: the model, if the run was trained with the user's own.
        sources: largest sizes of files and arrays.
        skip_unreadable: whether to leave out images that cannot be used.
        **how: `encoding`, `decimal` and `header` of CSV files, as of `load`; by default those of the run.

    Raises:
        DataError: if the run has no weights, or a file cannot be read or does not fit its model.
    """
    config, trained = read_trained(run)
    expected = expected_of(config, trained)._replace(skip_unreadable=skip_unreadable, how=written(config, how))
    paths, limits = [inputs] if isinstance(inputs, str | Path) else inputs, (sources or Sources()).limits
    if not _are_paths(paths):
        from descenso.data.memory import inputs_of

        return predict_rows(run, inputs_of(inputs, expected, limits), model=model)
    files = [Path(path) for path in paths]
    rows, names = read_inputs(files, expected, limits)
    probabilities = predictor_of(run, config, trained, model).probabilities(rows)
    return Predictions(rows, names, trained.class_names, probabilities, how_prepared(files, expected))


def expected_of(config: TrainConfig, trained: Trained) -> Expected:
    """Return what the model of a run reads."""
    like_mnist = config.data in CENTRED and (trained.input_shape, trained.stored) == ((28, 28), "uint8")
    flat = bool(config.input_shape or trained.columns) and len(trained.input_shape) > 1
    return Expected(trained.input_shape, trained.columns, trained.stored, like_mnist=like_mnist,
                    encoding=trained.encoding, pixel_range=trained.pixel_range, flat=flat)  # fmt: skip


def written(config: TrainConfig, how: Mapping[str, str]) -> dict[str, str]:
    """Return how CSV files for a run are written: as the user says, else as its training data."""
    unknown = [name for name in how if name not in WRITTEN]
    if unknown:
        message = _("predict and evaluate take no {name}; they take {names}")
        raise ConfigError(message.format(name=unknown[0], names=", ".join(WRITTEN)))
    header = config.header if config.header == "yes" else ""  # an encoding knows whether there was none
    recorded = {"encoding": config.encoding, "header": header}
    return {**recorded, **{name: value for name, value in how.items() if value}}


def _are_paths(given: Any) -> bool:
    return isinstance(given, Sequence) and bool(given) and all(isinstance(each, str | Path) for each in given)


def predict_rows(
    run: "RunPath",
    inputs: NDArray[np.generic],
    names: Sequence[str] | None = None,
    model: Any = None,
) -> Predictions:
    """Predict the class probabilities of rows in memory.

    Args:
        run: directory of the run.
        inputs: (rows, *input_shape), before scaling, as the run's training data is stored: uint8 pictures, or floats.
        names: one name per row; by default the numbers of the rows, counted from 0.
        model: the model, if the run was trained with the user's own.

    Raises:
        DataError: if the run has no weights, or the rows do not fit its model or are not finite.
    """
    config, trained = read_trained(run)
    check_shape(inputs, trained.input_shape, "inputs")
    rows = as_model_reads("inputs", inputs, trained.stored)
    check_finite(rows, "inputs")
    probabilities = predictor_of(run, config, trained, model).probabilities(rows)
    names = list(map(str, range(len(rows)))) if names is None else list(names)
    return Predictions(rows, names, trained.class_names, probabilities)
