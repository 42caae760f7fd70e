"""Evaluation compared with counting in NumPy."""

import numpy as np
import pytest

from descenso.data.dataset import Scaling, Split
from descenso.descent.models import softmax
from descenso.training import evaluation
from descenso.training.evaluation import Predictor, evaluate

ROWS, NUM_CLASSES, SCALE = 23, 4, 1 / 7


def made(seed=0, classes_with_rows=NUM_CLASSES, dtype="float64"):
    random = np.random.default_rng(seed)
    split = Split(random.integers(8, size=(ROWS, 3, 2), dtype=np.uint8), random.integers(classes_with_rows, size=ROWS))
    params = {"W": random.normal(size=(6, NUM_CLASSES)), "b": random.normal(size=NUM_CLASSES)}
    return softmax((3, 2), NUM_CLASSES), {name: value.astype(dtype) for name, value in params.items()}, split


def by_hand(params, split):
    z = split.inputs.reshape(ROWS, 6) * SCALE @ params["W"] + params["b"]
    cost = np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(ROWS), split.labels])
    predicted = z.argmax(axis=1)
    confusion = [[np.sum((split.labels == true) & (predicted == said)) for said in range(4)] for true in range(4)]
    return np.mean(predicted == split.labels), cost, confusion


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("at_once", [5000, 23, 7, 1])
def test_counts_as_numpy_does(seed, at_once, monkeypatch):
    monkeypatch.setattr(evaluation, "ROWS_AT_ONCE", at_once)
    model, params, split = made(seed)
    found = evaluate(Predictor.of_weights(model, params, {}, Scaling(scale=SCALE)), split)
    accuracy, cost, confusion = by_hand(params, split)
    assert found.accuracy == accuracy
    assert found.cost == pytest.approx(cost, rel=1e-13)
    assert found.confusion.dtype == np.int64
    assert found.confusion.tolist() == confusion
    assert found.recall == [pytest.approx(row[i] / sum(row)) for i, row in enumerate(confusion)]


def test_computes_in_the_type_of_the_parameters():
    model, params, split = made(dtype="float32")
    _, cost, _ = by_hand({name: value.astype(np.float64) for name, value in params.items()}, split)
    assert evaluate(Predictor.of_weights(model, params, {}, Scaling(scale=SCALE)), split).cost == pytest.approx(
        cost, rel=1e-6
    )


def test_a_class_without_rows_has_no_accuracy():
    model, params, split = made(classes_with_rows=2)
    found = evaluate(Predictor.of_weights(model, params, {}, Scaling(scale=SCALE)), split)
    assert found.recall[2:] == [None, None]
    assert None not in found.recall[:2]
    assert found.confusion[2:].sum() == 0


def test_by_hand():
    """Two rows and two classes; the weights give class 1 a logit larger by 1, so p = 1 / (1 + e)."""
    params = {"W": np.zeros((1, 2)), "b": np.array([0.0, 1.0])}
    split = Split(np.ones((2, 1), np.uint8), np.array([0, 1], np.int32))
    found = evaluate(Predictor.of_weights(softmax((1,), 2), params, {}, Scaling()), split)
    assert found.accuracy == 0.5
    assert found.recall == [0.0, 1.0]
    assert found.confusion.tolist() == [[0, 1], [0, 1]]
    assert found.cost == pytest.approx(np.log1p(np.e) - 0.5, rel=1e-15)


def test_precision_and_calibration_by_hand():
    """Three rows are predicted as class 1, two of them rightly, each with probability e / (1 + e)."""
    params = {"W": np.zeros((1, 2)), "b": np.array([0.0, 1.0])}
    split = Split(np.ones((3, 1), np.uint8), np.array([0, 1, 1], np.int32))
    found = evaluate(Predictor.of_weights(softmax((1,), 2), params, {}, Scaling()), split)
    sure = np.e / (1 + np.e)
    assert found.precision == [None, pytest.approx(2 / 3)]
    assert found.predicted.tolist() == [1, 1, 1]
    assert found.calibration(split.labels) == [(3, pytest.approx(sure), pytest.approx(2 / 3))]
    assert found.calibration_error(split.labels) == pytest.approx(sure - 2 / 3)
