"""Rows of MNIST with mistakes, of which the doctor finds each."""

from functools import lru_cache
from typing import Any

import numpy as np

from descenso.data.catalog import load
from descenso.data.dataset import Dataset, Scaling, Split

ROWS, TEST_ROWS, BATCH = 2_000, 500, 100


@lru_cache(1)
def few() -> Dataset:
    """Return the first rows of MNIST."""
    data = load("mnist")
    return data._replace(train=data.train.rows(slice(ROWS)), test=data.test.rows(slice(TEST_ROWS)))


def from_1() -> dict[str, Any]:
    """Return labels from 1 to 10, with a class 0 without rows."""
    train, test, names = few().train, few().test, few().class_names
    plus_1 = {"train": train._replace(labels=train.labels + 1), "test": test._replace(labels=test.labels + 1)}
    return {**plus_1, "class_names": (*names, "10")}


def zeroed() -> dict[str, Any]:
    """Return pixels after an integer division."""
    train, test = (split._replace(inputs=split.inputs // np.uint8(255)) for split in (few().train, few().test))
    return {"train": train, "test": test, "scaling": Scaling()}


def sorted_rows() -> Split:
    """Return training rows sorted by class."""
    train = few().train
    return train.rows(np.argsort(train.labels, kind="stable"))


def rare() -> Split:
    """Return training rows with few of class 7."""
    train = few().train
    return train.rows((train.labels != 7) | (np.arange(ROWS) < BATCH))


def noisy() -> Split:
    """Return few rows, of which a quarter have the label of another, which a model can only memorise."""
    train, random = few().train.rows(slice(400)), np.random.default_rng(0)
    return train._replace(labels=np.where(random.random(400) < 0.25, random.permutation(train.labels), train.labels))


def not_finite() -> dict[str, Any]:
    """Return pixels divided by the brightest of each place, which is 0 in the corners."""
    most = few().train.inputs.max(axis=0).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        train, test = (split._replace(inputs=split.inputs / most) for split in (few().train, few().test))
    return {"train": train, "test": test, "scaling": Scaling()}


def alike() -> Split:
    """Return training rows of one class."""
    train = sorted_rows()
    return train.rows(slice(BATCH))


def named_twice() -> dict[str, Any]:
    """Return rows of which half of the threes are of a class called 3.0."""
    train = few().train
    labels = np.where((train.labels == 3) & (np.arange(ROWS) % 2 == 0), 10, train.labels)
    return {"train": train._replace(labels=labels), "class_names": (*few().class_names, "3.0")}


def negative() -> Split:
    """Return test rows in negative."""
    test = few().test
    return test._replace(inputs=255 - test.inputs)


def shuffled() -> Split:
    """Return training rows, each with the label of another."""
    train = few().train
    return train._replace(labels=np.random.default_rng(0).permutation(train.labels))
