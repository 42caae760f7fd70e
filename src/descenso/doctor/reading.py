"""Read the rows that the doctor checks: those that training reads, arrays as stored, or a sample of large files."""

import contextlib
from typing import Any

import numpy as np

from descenso.data.batches import FEW, is_dataset, take
from descenso.data.catalog import load, raw_rows
from descenso.data.dataset import Split, is_mapped
from descenso.data.sources import Sources
from descenso.data.streams import order_of_sample, sampled
from descenso.doctor.checks import examine
from descenso.doctor.evidence import Array, Evidence, Finding, Rows
from descenso.errors import DataError
from descenso.text import _

IMAGES = 25  # in a batch of those with labels of their pixels


def batch_for(model: Any, dataset: Any, rows: int) -> tuple[Array, Array]:
    """Take the first rows of a `tf.data.Dataset` for a step of `model`, whose `input_shape` tells rows from batches."""
    if len(getattr(model, "input_shape", None) or ()) == len(shapes_in(dataset)[0]) + 1:
        dataset = dataset.batch(rows)
    return take(dataset, "step", rows)


def rows_of_pixels(dataset: Any) -> Any:
    """Return a `tf.data.Dataset` of images with a label for each pixel in batches; any other as it is.

    An image (h, w, …) with labels (h, w) has the shapes of a batch of h rows with one-hot labels of w classes. Labels
    that are not one-hot belong to the pixels of one image.
    """
    inputs, labels = shapes_in(dataset)
    if len(labels) != 2 or labels != inputs[:2] or None in labels:
        return dataset
    few = [element[1] for element in dataset.take(FEW).as_numpy_iterator()]
    one_hot = all(np.isin(each, (0, 1)).all() and (each.sum(axis=1) == 1).all() for each in few)
    return dataset if one_hot else dataset.batch(IMAGES)


def shapes_in(dataset: Any) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
    """Return the shapes of inputs and labels in an element of a `tf.data.Dataset`; empty if it is not of pairs."""
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2 or not all(hasattr(part, "shape") for part in spec[:2]):
        return (), ()
    return tuple(spec[0].shape), tuple(spec[1].shape)


def split_of(what: str, inputs: Any, labels: Any) -> Split:
    """Return inputs and labels as arrays, after checking that each row has a label."""
    if is_dataset(inputs):
        inputs, labels = take(rows_of_pixels(inputs), what)
    split = Split(inputs if is_mapped(inputs) else np.asarray(inputs), np.asarray(labels))
    shapes = split.inputs.shape, split.labels.shape
    if shapes[0][:1] != shapes[1][:1] or len(shapes[0]) < 2 or len(shapes[1]) not in (1, 2):
        message = _("{what}: inputs of shape {inputs} and labels of shape {labels}; each row needs one label")
        if len(shapes[1]) > 2:
            message = _(
                "{what}: inputs of shape {inputs} and labels of shape {labels}; each row needs one label of one number"
                "; labels of each pixel are checked by descenso.doctor.step(model, loss, inputs, labels)"
            )
        raise DataError(message.format(what=what, inputs=shapes[0], labels=shapes[1]))
    return sampled(split)


def read_and_check(
    name: str, *, order: str = "permutation", sources: Sources | None = None, **settings: Any
) -> tuple[list[Finding], tuple[str, ...]]:
    """Check a dataset as `file` does; return the findings, and the sentences that say how it was read."""
    try:
        dataset = load(name, sources=sources, **settings)
    except DataError as refusal:
        found = list[Finding]()
        with contextlib.suppress(DataError):  # the refusal says more
            rows, test = raw_rows(name, sources) or (None, None)
            if rows:
                test_rows = split_of(name, *test) if test else None
                train = split_of(name, *rows)
                order = order_of_sample(order, len(train.labels) / max(1, len(rows.labels)))
                found = examine(Evidence(Rows(*train[:2], test_rows, order=order)))
        if not found:
            raise
        return found, (str(refusal),)
    seen = Rows.of(dataset, order)
    return examine(Evidence(seen)), (*dataset.notes, *_said_of_sample(seen, len(dataset.train.labels)))


def _said_of_sample(seen: Rows, rows: int) -> tuple[str, ...]:
    """Say how many of the rows were looked at, where these were not all."""
    count = len(seen.labels)
    message = _("the training rows stay in their files; of these were looked at, drawn at random: {count} of {rows}")
    return () if count == rows else (message.format(rows=rows, count=count),)
