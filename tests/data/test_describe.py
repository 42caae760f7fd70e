import json

import numpy as np
import pytest

from descenso.data.dataset import Dataset, Scaling, Split
from descenso.data.describe import describe


def test_describe_says_what_is_there():
    train = Split(np.array([[[0, 7]], [[3, 250]], [[9, 2]]], np.uint8), np.array([2, 0, 2], np.int32))
    test = Split(np.array([[[1, 6]]], np.uint8), np.array([0], np.int32))
    assert describe(Dataset("made", train, test, ("ant", "bee", "cat"), Scaling(scale=1 / 255))) == {
        "name": "made",
        "classes": ["ant", "bee", "cat"],
        "train": {
            "inputs_shape": [3, 1, 2],
            "labels_shape": [3],
            "dtype": "uint8",
            "minimum": 0,
            "maximum": 250,
            "rows_per_class": {"ant": 1, "bee": 0, "cat": 2},
        },
        "test": {
            "inputs_shape": [1, 1, 2],
            "labels_shape": [1],
            "dtype": "uint8",
            "minimum": 1,
            "maximum": 6,
            "rows_per_class": {"ant": 1, "bee": 0, "cat": 0},
        },
        "needs_normalisation": True,
        "input_scale": 1 / 255,
        "input_shift": 0.0,
        "columns": [],
        "notes": [],
    }


def test_describe_is_plain_values(tiny):
    about = describe(tiny)
    assert json.loads(json.dumps(about)) == about
    assert sum(about["train"]["rows_per_class"].values()) == 203


@pytest.mark.parametrize(
    ("low", "high", "needed"), [(0, 1, False), (-1, 1, False), (-1, 0, False), (0, 1.01, True), (-1.01, 0, True)]
)
def test_values_beyond_one_need_normalisation(low, high, needed):
    split = Split(np.array([[low, 0.5], [0.0, high]], np.float32), np.array([0, 1], np.int32))
    assert describe(Dataset("made", split, split, ("0", "1")))["needs_normalisation"] is needed


def test_the_columns_of_a_table_are_told_from_the_training_rows():
    train = Split(np.array([[1.0, 7.0], [3.0, 7.0]], np.float32), np.array([0, 1], np.int32))
    test = Split(np.array([[9.0, 9.0]], np.float32), np.array([0], np.int32))
    scaling = Scaling(np.array([2.0, 7.0]), np.array([1.0, 1.0]))
    about = describe(Dataset("made", train, test, ("0", "1"), scaling, ("a", "b")))
    assert about["columns"] == [
        {"name": "a", "mean": 2.0, "standard_deviation": 1.0, "minimum": 1.0, "maximum": 3.0},
        {"name": "b", "mean": 7.0, "standard_deviation": 0.0, "minimum": 7.0, "maximum": 7.0},
    ]
    assert (about["input_scale"], about["input_shift"]) == ([1.0, 1.0], [2.0, 7.0])
    assert json.loads(json.dumps(about)) == about
