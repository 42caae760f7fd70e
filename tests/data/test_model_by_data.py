"""The model that is chosen by the data when none is named."""

import numpy as np
import pytest

from descenso.config import TrainConfig
from descenso.data.catalog import before_data, with_model
from descenso.data.dataset import Dataset, Split
from descenso.errors import ConfigError


def made(*shape, name="mine"):
    rows = Split(np.zeros((4, *shape), np.uint8), np.array([0, 1, 0, 1], np.int32))
    return Dataset(name, rows, rows, ("a", "b"), notes=("read",))


@pytest.mark.parametrize(
    ("shape", "model", "reason"),
    [
        ((28, 28), "cnn", "which suits pictures"),
        ((8, 8), "cnn", "which suits pictures"),
        ((28, 28, 3), "cnn", "which suits pictures"),
        ((8, 300, 13), "cnn", "which suits pictures"),
        ((4,), "mlp", "which suits rows of numbers"),
        ((784,), "mlp", "which suits rows of numbers"),
        ((5, 5), "mlp", "since inputs of 5×5 are no pictures, or too small for cnn"),
        ((50, 3), "mlp", "since inputs of 50×3 are no pictures, or too small for cnn"),
        ((7, 28, 3), "mlp", "since inputs of 7×28×3 are no pictures, or too small for cnn"),
        ((9, 9, 9, 1), "mlp", "since inputs of 9×9×9×1 are no pictures, or too small for cnn"),
    ],
)
def test_the_data_decides_and_a_note_says_so(shape, model, reason):
    settings, data = with_model({"epochs": 3}, made(*shape))
    assert settings == {"epochs": 3, "model": model}
    told = f"No model is named, so {model} is trained, {reason}; another: --model softmax"
    assert data.notes == ("read", told)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "emnist-letters"])
def test_named_datasets_keep_the_model_of_the_tutorial(name):
    data = made(28, 28, name=name)
    assert with_model({"model": None}, data) == ({}, data)


@pytest.mark.parametrize("model", ["softmax", "mlp", "cnn", "package:factory"])
def test_a_model_that_is_named_stays(model):
    data = made(28, 28)
    assert with_model({"model": model}, data) == ({"model": model}, data)
    assert before_data({"model": model, "data": "photos"}) == {"model": model, "data": "photos"}


@pytest.mark.parametrize(
    "given", [{"hidden": "64"}, {"filters": "8"}, {"dropout": 0.5}, {"augment": 0.5}, {"preset": "accurate"}]
)
def test_settings_of_some_model_are_not_refused_before_the_data_is_read(given):
    TrainConfig.of(**before_data({**given, "data": "photos"}))
    with pytest.raises(ConfigError, match=f"softmax has no .*{next(iter(given))}"):
        TrainConfig.of(**before_data({**given, "data": "mnist"}))


def test_settings_that_the_chosen_model_does_not_read_are_refused():
    settings, _data = with_model({"filters": "8", "data": "table.csv"}, made(4))
    with pytest.raises(ConfigError, match="mlp has no filters; leave --filters out, or try --model cnn"):
        TrainConfig.of(**settings)
