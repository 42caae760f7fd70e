"""Describe a dataset before training on it."""

from typing import Any

import numpy as np

from descenso.data.dataset import Dataset, Split


def describe(data: Dataset) -> dict[str, Any]:
    """Return shapes, types, ranges, and rows per class of both splits, as plain values.

    `needs_normalisation` says whether the stored values reach beyond [−1, 1]. `columns` are those of a table, with
    mean, standard deviation, minimum and maximum of the training rows; `notes` say how the data was read.
    """
    train = _describe_split(data.train, data.class_names)
    return {
        "name": data.name,
        "classes": list(data.class_names),
        "train": train,
        "test": _describe_split(data.test, data.class_names),
        "needs_normalisation": max(abs(train["minimum"]), abs(train["maximum"])) > 1,
        "input_scale": np.asarray(data.scaling.scale).tolist(),
        "input_shift": np.asarray(data.scaling.shift).tolist(),
        "columns": _describe_columns(data),
        "notes": list(data.notes),
    }


def _describe_split(split: Split, class_names: tuple[str, ...]) -> dict[str, Any]:
    counts = np.bincount(split.labels, minlength=len(class_names))
    return {
        "inputs_shape": list(split.inputs.shape),
        "labels_shape": list(split.labels.shape),
        "dtype": str(split.inputs.dtype),
        "minimum": split.inputs.min().item(),
        "maximum": split.inputs.max().item(),
        "rows_per_class": dict(zip(class_names, counts.tolist(), strict=True)),
    }


def _describe_columns(data: Dataset) -> list[dict[str, Any]]:
    inputs = data.train.inputs
    if inputs.ndim > 2:  # columns that became pixels
        return []
    return [
        {
            "name": name,
            "mean": float(inputs[:, column].mean(dtype=np.float64)),
            "standard_deviation": float(inputs[:, column].std(dtype=np.float64)),
            "minimum": inputs[:, column].min().item(),
            "maximum": inputs[:, column].max().item(),
        }
        for column, name in enumerate(data.columns)
    ]
