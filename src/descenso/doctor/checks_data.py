"""Checks of data: training and test rows, before the first step."""

import numpy as np
from numpy.typing import NDArray

from descenso.data.order import epoch_order
from descenso.doctor.evidence import Array, Observation, Rows, Step
from descenso.text import _, prose

BYTE = 255
FEW_COLUMNS = 64  # rows with fewer are not flattened images
LARGE_GRADIENT = 30.0  # norm; that of scaled inputs at the start is about 1
BLANK = 0.05  # fraction of rows that are 0 everywhere
UNEVEN = 10.0  # ratio of the rows of the largest class to those of the smallest
MOST_NAMED = 4  # parameters that a message lists
WINDOW = 100  # largest number of consecutive rows whose classes are counted


def labels_not_one_hot(rows: Rows | None, step: Step | None) -> Observation | None:
    """Check for class numbers with a loss that reads one-hot labels."""
    if not rows or not rows.one_hot or rows.labels.ndim != 1:
        return None
    outputs = step.outputs if step else None
    classes = len(np.unique(rows.labels)) if outputs is None else outputs.shape[-1]
    saw = _("labels of shape {shape}, one number per row, for a loss that reads one-hot labels")
    return saw.format(shape=rows.labels.shape), f"labels = tf.one_hot(labels, {classes})"


def labels_one_hot(rows: Rows) -> Observation | None:
    """Check for one-hot labels with a loss that reads class numbers."""
    if rows.one_hot is not False or rows.labels.ndim != 2 or rows.labels.shape[1] < 2:
        return None
    if not (np.isin(rows.labels, (0, 1)).all() and (rows.labels.sum(axis=1) == 1).all()):
        return None
    saw = _("one-hot labels of shape {shape}, for a loss that reads one class number per row")
    return saw.format(shape=rows.labels.shape), "labels = labels.argmax(axis=1)"


def labels_from_1(rows: Rows) -> Observation | None:
    """Check for class numbers from 1 to the number of classes."""
    if not rows.whole or rows.labels.ndim != 1 or rows.labels.dtype.kind not in "iu":
        return None
    classes = np.unique(rows.labels)
    if len(classes) < 2 or classes[0] != 1 or classes[-1] != len(classes):
        return None
    return _("labels from 1 to {last}, and none is 0").format(last=classes[-1]), "labels = labels - 1"


def mixed_dtypes(rows: Rows | None, step: Step | None) -> Observation | None:
    """Check for float32 and float64 in one operation."""
    if not rows or (step and not step.castable):  # a step that succeeds converts them itself
        return None
    dtypes = {"inputs": str(rows.inputs.dtype), "labels": str(rows.labels.dtype), **dict(step.dtypes if step else ())}
    names = {dtype: [name for name, has in dtypes.items() if has == dtype] for dtype in ("float64", "float32")}
    if not all(names.values()):
        return None
    listed = "; ".join(f"{dtype}: {', '.join(arrays[:MOST_NAMED])}" for dtype, arrays in names.items())
    wanted = step.dtypes[0][1] if step else "float32"  # dtype of the parameters
    other = names["float32" if wanted == "float64" else "float64"][0]
    saw = _("two precisions in one step ({dtypes})").format(dtypes=listed)
    return saw, f'{other} = tf.cast({other}, "{wanted}")'


def pixels_not_scaled(rows: Rows | None, step: Step | None) -> Observation | None:
    """Check for pixels up to 255 that the model reads without scaling."""
    if not rows or not _are_images(rows) or not rows.inputs.size:
        return None
    stored = rows.inputs.dtype == np.uint8 and np.all(np.equal(rows.scaling.scale, 1))
    if step and step.cost is not None:  # a model that scales its inputs has a usual gradient
        if step.largest_gradient[1] < LARGE_GRADIENT:
            return None
    elif stored:  # stored images, which may be scaled later
        return None
    scaled = (rows.sample.astype(np.float64) - rows.scaling.shift) * rows.scaling.scale
    low, high = scaled.min(), scaled.max()
    if low < 0 or not BYTE / 2 < high <= BYTE or (scaled % 1).any():
        return None
    saw = prose(_("inputs are whole numbers from {low:g} to {high:g}"), low=low, high=high)
    return saw, 'inputs = inputs.astype("float32") / 255'


def pixels_zeroed(rows: Rows) -> Observation | None:
    """Check for pixels after an integer division, of which only the brightest are not 0."""
    if not _are_images(rows) or not rows.inputs.size:
        return None
    sample = rows.sample.reshape(len(rows.sample), -1)
    blank = float((sample == 0).all(axis=1).mean())
    if blank < BLANK or not np.isin(sample, (0, 1)).all():
        return None
    saw = prose(_("all inputs are 0 or 1, and {share:.0%} of the rows are 0 everywhere"), share=blank)
    return saw, 'inputs = inputs.astype("float32") / 255  # not // 255'


def buffer_on_sorted(rows: Rows) -> Observation | None:
    """Check for an order in which consecutive rows are mostly of one class."""
    if not rows.whole or rows.order == "permutation" or len(rows.labels) < 2:
        return None
    distance, mixed = (_class_distance(rows.classes, order) for order in (rows.order, "permutation"))
    if distance < 2 * mixed + 0.1:
        return None
    saw = _("in any {window} rows by {order} the classes' shares are off by {found:.0%}, by {mixed:.0%} when shuffled")
    saw = prose(saw, order=rows.order, window=_window(rows.labels), found=distance, mixed=mixed)
    return saw, _("--order permutation, or dataset.shuffle({rows})").format(rows=len(rows.labels))


def _class_distance(classes: Array, order: str) -> float:
    """Return the mean distance between the classes of consecutive rows and those of all rows, in [0, 1].

    It is the total variation distance, half the sum of |share in a window − share of all|.
    """
    codes = np.unique(classes, return_inverse=True)[1]
    window = _window(classes)
    ordered = codes[epoch_order(order, len(codes), len(codes), seed=0, epoch=0).batches[0]]
    windows = ordered[: len(ordered) // window * window].reshape(-1, window)
    counts: NDArray[np.float64] = np.zeros((len(windows), codes.max() + 1))
    np.add.at(counts, (np.arange(len(windows))[:, None], windows), 1)
    shares = np.bincount(codes) / len(codes)
    return float(np.abs(counts / window - shares).sum(axis=1).mean() / 2)


def _window(labels: Array) -> int:
    return max(1, min(WINDOW, len(labels) // 10))


def test_in_train(rows: Rows) -> Observation | None:
    """Check for more test rows among the training rows than are equal by chance."""
    if not rows.test or not len(rows.test.inputs) or rows.test.inputs.shape[1:] != rows.inputs.shape[1:]:
        return None
    known = {row.tobytes() for row in np.ascontiguousarray(rows.inputs)}
    test = rows.test.inputs.astype(rows.inputs.dtype, copy=False)
    leaked = sum(row.tobytes() in known for row in np.ascontiguousarray(test))
    by_chance = (len(rows.inputs) - len(known)) / len(rows.inputs) * len(test)
    if leaked <= 3 + 3 * by_chance:
        return None
    saw = _("{found} of the {rows} test rows are among the training rows").format(found=leaked, rows=len(test))
    mend = "known = {row.tobytes() for row in train}; test = test[[row.tobytes() not in known for row in test]]"
    return saw, mend


def imbalanced_classes(rows: Rows) -> Observation | None:
    """Check for a class with more than ten times the rows of another."""
    if not rows.whole or not len(rows.labels):
        return None
    names, counts = np.unique(rows.classes, return_counts=True)
    if counts.max() <= UNEVEN * counts.min():
        return None
    large, small = names[counts.argmax()], names[counts.argmin()]
    saw = _("{most} rows of class {large}, {least} of class {small}; predicting {large} always is right in {share:.0%}")
    share = counts.max() / counts.sum()
    saw = prose(saw, most=counts.max(), large=large, least=counts.min(), small=small, share=share)
    return saw, 'descenso.Classifier(class_weight="balanced"), keras.Model.fit(class_weight=…)'


def _are_images(rows: Rows) -> bool:
    kind = rows.inputs.dtype.kind in "iufb"
    return kind and (rows.inputs.ndim > 2 or (rows.inputs.ndim == 2 and rows.inputs.shape[1] >= FEW_COLUMNS))
