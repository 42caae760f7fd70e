"""Datasets by name, by folder or by file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from descenso.data import npz
from descenso.data.checks import check_dataset
from descenso.data.dataset import Dataset, Split
from descenso.data.idx_folder import holds, read_folder
from descenso.data.limits import Limits
from descenso.data.named import NAMED, load_named
from descenso.data.scaling import scaling
from descenso.data.split import check_fraction, in_order, stratified
from descenso.data.tables import SUFFIXES, read_table
from descenso.errors import ConfigError, DataError
from descenso.text import _, closest

NAMES = tuple(NAMED)

__all__ = ["NAMES", "load"]


def load(
    name: str,
    limits: Limits | None = None,
    *,
    label: str = "",
    test_fraction: float = 0.0,
    resize: str = "",
    seed: int = 0,
    data_dir: Path | None = None,
) -> Dataset:
    """The dataset called `name`, or the one in the folder or file of that path.

    Args:
        name: one of `NAMES`, "mnist" being bundled; a folder of MNIST's four IDX files, gzipped or not; a folder with a
            folder of PNG and JPEG images for each class, maybe below `train` and `test`; an NPZ file with `x_train`,
            `y_train` and maybe `x_test`, `y_test`; a CSV or Parquet file.
        limits: what to refuse as too large; by default what suits a laptop.
        label: the column of a table that holds the labels.
        test_fraction: share of each class's rows to test on, where the data has no test rows of its own.
        resize: "HEIGHTxWIDTH" to which all images of a folder are brought.
        seed: of the shuffle, and of which rows are tested on.
        data_dir: where named datasets are looked for first, each in a folder of its name.

    Raises:
        ConfigError: for a name that is none of these, and settings that do not suit the data.
        DataError: for files that are missing, damaged, too large, or do not fit together.

    >>> load("mnist").train.inputs.shape
    (60000, 28, 28)
    """
    data = check_dataset(_read(name, limits or Limits(), label, test_fraction, resize, seed, data_dir))
    shift, scale = scaling(data.train.inputs, name)
    return data._replace(input_shift=shift, input_scale=scale)


def _read(
    name: str, limits: Limits, label: str, test_fraction: float, resize: str, seed: int, data_dir: Path | None
) -> Dataset:
    """What `load` gives, not yet checked or scaled."""
    path = Path(name)
    kind = _kind(name, path)
    if label and kind != "table":
        raise ConfigError(_("{path}: only tables have a column of labels; leave --label out").format(path=name))
    if resize and kind != "images":
        raise ConfigError(_("{path}: only images in a folder are resized; leave --resize out").format(path=name))
    if kind in ("named", "idx"):
        check_fraction(name, test_fraction, has_test=True)
    if kind == "named":
        return load_named(name, limits, data_dir)
    if kind == "idx":
        train, test = read_folder(path, limits)
        classes = int(train.labels.max(initial=-1)) + 1
        return Dataset(name, train, test, tuple(str(number) for number in range(classes)), input_scale=1 / 255)
    if kind == "images":
        from descenso.data.images import images_by_class

        return images_by_class(path, limits, test_fraction, resize, seed)
    if kind == "npz":
        return _from_npz(path, limits, test_fraction, seed)
    return _from_table(path, limits, label, test_fraction, seed)


def _kind(name: str, path: Path) -> str:
    """What `name` is: named, idx, images, npz or table."""
    if name in NAMES:
        return "named"
    try:
        if path.is_dir():
            return "images" if any(path.iterdir()) and not holds(path) else "idx"
        if path.exists():
            suffix = path.suffix.lower()
            if suffix == ".npz" or suffix in SUFFIXES:
                return "npz" if suffix == ".npz" else "table"
            raise DataError(
                _("{path}: not a kind of data; give a folder, or a file called .npz, .csv or .parquet").format(
                    path=name
                )
            )
    except OSError as error:  # a name too long, a folder that may not be entered
        raise DataError(_("{path}: cannot be read ({reason})").format(path=name, reason=error.strerror)) from None
    if path.name != name or path.suffix.lower() in (".npz", *SUFFIXES):
        raise DataError(_("{path}: there is no such file or folder").format(path=name))
    raise ConfigError(
        _("there is no dataset {name!r}{hint}; the names are {names}, or give a folder or a file").format(
            name=name, hint=closest(name, NAMES), names=", ".join(NAMES)
        )
    )


def _from_table(path: Path, limits: Limits, label: str, test_fraction: float, seed: int) -> Dataset:
    check_fraction(path, test_fraction, has_test=False)
    table = read_table(path, limits, label)
    train, test = (
        Split(table.inputs[rows], table.labels[rows]) for rows in stratified(table.labels, test_fraction, seed)
    )
    return Dataset(str(path), train, test, table.class_names, input_scale=1.0, columns=table.columns)


def _from_npz(path: Path, limits: Limits, test_fraction: float, seed: int) -> Dataset:
    rows, test_rows = npz.labelled(path, limits)
    check_fraction(path, test_fraction, has_test=test_rows is not None)
    found = {str(label) for label in np.unique(_one_each(path, "x_train", rows))}
    names = in_order(path, found)
    train = Split(_numbers(rows.inputs), _coded(path, "y_train", rows.labels, names))
    if test_rows is not None:
        _one_each(path, "x_test", test_rows)
        test = Split(_numbers(test_rows.inputs), _coded(path, "y_test", test_rows.labels, names))
    else:
        which = stratified(train.labels, test_fraction, seed)
        train, test = (Split(train.inputs[each], train.labels[each]) for each in which)
    return Dataset(str(path), train, test, tuple(names), input_scale=1.0)


def _one_each(path: Path, array: str, rows: npz.Rows) -> NDArray[np.generic]:
    """The labels, once there is one whole number or text for each row of inputs, which are finite numbers."""
    inputs, labels = rows
    if labels.ndim != 1 or inputs.ndim < 2 or len(inputs) != len(labels) or labels.dtype.kind not in "iubU":
        raise DataError(
            _(
                "{path}: inputs of shape {inputs} and labels of {type} and shape {labels}; "
                "each row needs one label, text or a whole number"
            ).format(path=path, inputs=inputs.shape, type=labels.dtype, labels=labels.shape)
        )
    if inputs.dtype.kind not in "iufb":
        raise DataError(_("{path}: inputs of type {dtype}, expected numbers").format(path=path, dtype=inputs.dtype))
    finite = np.isfinite(inputs).reshape(len(inputs), -1) if inputs.size else np.ones((1, 1), np.bool_)
    broken = np.flatnonzero(~finite.all(axis=1))
    if len(broken):
        raise DataError(
            _("{path}: row {row} of {array} holds a value that is not finite; leave it out or fill it in").format(
                path=path, row=int(broken[0]), array=array
            )
        )
    return labels


def _coded(path: Path, array: str, labels: NDArray[np.generic], names: list[str]) -> NDArray[np.int32]:
    """Each label as its place among the names."""
    codes = {name: code for code, name in enumerate(names)}
    values, places = np.unique(labels, return_inverse=True)
    unseen = [value for value in values if str(value) not in codes]
    if unseen:
        raise DataError(
            _("{path}: row {row} of {array} has label {label}, which no training row has").format(
                path=path, row=int(np.flatnonzero(labels == unseen[0])[0]), array=array, label=unseen[0]
            )
        )
    return np.array([codes[str(value)] for value in values], np.int32)[places]


def _numbers(inputs: NDArray[np.generic]) -> NDArray[np.generic]:
    """Inputs as an engine takes them: pictures as they are, anything else as floats that hold every value."""
    if inputs.dtype == np.uint8 and inputs.ndim > 2:
        return inputs
    narrow = inputs.dtype.itemsize <= 2 or inputs.dtype == np.float32
    return inputs.astype(np.float32 if narrow else np.float64, copy=False)
