"""Predictions of models in NumPy compared with TensorFlow's."""

from functools import partial

import numpy as np
import pytest

from descenso.config import TrainConfig
from descenso.data.dataset import Scaling
from descenso.descent import models, numpy_models
from descenso.training.evaluation import Predictor

ROWS, SHAPE, CLASSES = 2_300, (6, 5), 7  # three chunks of rows
SETTINGS = [
    {"model": "softmax"},
    {"model": "softmax", "dtype": "float64"},
    *({"model": "mlp", "hidden": "40", "activation": name} for name in ("relu", "tanh", "sigmoid", "gelu")),
    {"model": "mlp", "hidden": "30,20,10", "activation": "gelu", "dropout": 0.3},
    {"model": "mlp", "hidden": "30,20", "activation": "sigmoid", "dtype": "float64"},
]


def pictures(random):
    return random.integers(256, size=(ROWS, *SHAPE), dtype=np.uint8), Scaling(scale=1 / 255)


def pictures_of_floats(random):
    return random.normal(3.0, 2.0, size=(ROWS, *SHAPE)), Scaling(3.0, 0.5)


def table(random):
    """Return columns far from 0, which must be shifted in their own precision."""
    inputs = random.normal(size=(ROWS, *SHAPE)) + 1e6
    return inputs, Scaling(inputs.mean(axis=0), 1 / inputs.std(axis=0))


@pytest.mark.parametrize("rows", [pictures, pictures_of_floats, table], ids=lambda rows: rows.__name__)
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_predicts_as_tensorflow_does(settings, rows):
    random = np.random.default_rng(0)
    config = TrainConfig.of(**settings)
    inputs, scaling = rows(random)
    model = models.build(config, SHAPE, CLASSES)
    start, state = model.init(0)
    params = {name: random.normal(0, 0.5, value.shape).astype(config.variable_dtype) for name, value in start.items()}
    wanted = Predictor.of_weights(model, params, state, scaling).probabilities(inputs)

    built = numpy_models.build(config, SHAPE, CLASSES)
    assert built.shapes == {name: value.shape for name, value in {**start, **state}.items()}
    seen = Predictor(CLASSES, partial(numpy_models.logits_of, built, params, scaling)).probabilities(inputs)
    assert seen.dtype == wanted.dtype == config.variable_dtype
    np.testing.assert_array_equal(seen.argmax(axis=1), wanted.argmax(axis=1))
    np.testing.assert_allclose(seen, wanted, rtol=0, atol=1e-5 if seen.dtype == np.float32 else 1e-13)
    assert len(np.unique(seen.argmax(axis=1))) > 1


@pytest.mark.parametrize("settings", [{"model": "cnn"}, {"model": "mlp", "dtype": "mixed_bfloat16"},
                                      {"model": "package.module:factory"}], ids=str)  # fmt: skip
def test_leaves_other_models_to_tensorflow(settings):
    assert numpy_models.build(TrainConfig.of(**settings), SHAPE, CLASSES) is None


@pytest.mark.filterwarnings("error")
def test_an_overflow_is_silent():
    """TensorFlow does not warn either; the probabilities are then NaN."""
    built = numpy_models.build(TrainConfig.of(), (2,), 3)
    params = {"W": np.full((2, 3), 3e38, np.float32), "b": np.zeros(3, np.float32)}
    predictor = Predictor(3, partial(numpy_models.logits_of, built, params, Scaling()))
    assert np.isnan(predictor.probabilities(np.full((4, 2), 1e300))).all()
