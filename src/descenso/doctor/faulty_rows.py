"""Rows of MNIST with mistakes, of which the doctor finds each."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from descenso.data.catalog import load
from descenso.data.dataset import Dataset, Scaling
from descenso.doctor.evidence import Array

ROWS, TEST_ROWS, BATCH = 2_000, 500, 100


@lru_cache(1)
def few() -> Dataset:
    """Return the first rows of MNIST."""
    data = load("mnist")
    return data._replace(train=data.train.rows(slice(ROWS)), test=data.test.rows(slice(TEST_ROWS)))


def trained_on(places: Any) -> Dataset:
    """Return `few` with the training rows at `places` only, a slice, a mask or their numbers."""
    return few()._replace(train=few().train.rows(places))


def labelled(labels: Array) -> Dataset:
    """Return `few` with these labels of the training rows."""
    return few()._replace(train=few().train._replace(labels=labels))


def changed(change: Callable[[Array], Array]) -> Dataset:
    """Return `few` with the inputs of all rows changed, and not scaled."""
    train, test = (split._replace(inputs=change(split.inputs)) for split in (few().train, few().test))
    return few()._replace(train=train, test=test, scaling=Scaling())


def from_1() -> Dataset:
    """Return `few` with labels from 1 to 10, and a class 0 without rows."""
    train, test = (split._replace(labels=split.labels + 1) for split in (few().train, few().test))
    return few()._replace(train=train, test=test, class_names=(*few().class_names, "10"))


def not_finite() -> Dataset:
    """Return `few` with pixels divided by the brightest of each place, which is 0 in the corners."""
    most = few().train.inputs.max(axis=0).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        return changed(lambda inputs: inputs / most)


def sorted_by_class() -> Array:
    """Return the numbers of the training rows, sorted by class."""
    return np.argsort(few().train.labels, kind="stable")


def noisy() -> Dataset:
    """Return few rows, of which a quarter have the label of another, which a model can only memorise."""
    train, random = few().train.rows(slice(400)), np.random.default_rng(0)
    labels = np.where(random.random(400) < 0.25, random.permutation(train.labels), train.labels)
    return few()._replace(train=train._replace(labels=labels))


def named_twice() -> Dataset:
    """Return `few` with half of the threes in a class called 3.0."""
    labels = few().train.labels
    renamed = labelled(np.where((labels == 3) & (np.arange(ROWS) % 2 == 0), 10, labels))
    return renamed._replace(class_names=(*few().class_names, "3.0"))
