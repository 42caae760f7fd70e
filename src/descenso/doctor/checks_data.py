"""Rules that look at rows: what is wrong with them before the first step."""

import numpy as np
from numpy.typing import NDArray

from descenso.data.order import epoch_order
from descenso.doctor.evidence import Array, Evidence, Rows, Seen
from descenso.text import _

BYTE = 255
FEW_COLUMNS = 64  # a table with fewer is no picture laid out flat
LARGE_GRADIENT = 30.0  # norm; that of scaled inputs at the start is about 1
BLANK = 0.05  # share of rows that are 0 everywhere
UNEVEN = 10.0  # rows of the largest class to those of the smallest
MOST_NAMED = 4  # parameters, in a line
WINDOWS = 100  # rows next to each other in an order, at most, whose classes are counted


def labels_not_one_hot(evidence: Evidence) -> Seen | None:
    """One number a row, for a loss that reads a row of num_classes."""
    rows = evidence.rows
    if not rows or not rows.one_hot or rows.labels.ndim != 1:
        return None
    outputs = evidence.step.outputs if evidence.step else None
    classes = len(np.unique(rows.labels)) if outputs is None else outputs.shape[-1]
    return Seen(
        _("labels of shape {shape}, one number a row, for a loss that reads one-hot rows").format(
            shape=rows.labels.shape
        ),
        f"labels = tf.one_hot(labels, {classes})",
    )


def labels_one_hot(evidence: Evidence) -> Seen | None:
    """One-hot rows, for a loss that reads one whole number a row."""
    rows = evidence.rows
    if not rows or rows.one_hot is not False or rows.labels.ndim != 2 or rows.labels.shape[1] < 2:
        return None
    if not (np.isin(rows.labels, (0, 1)).all() and (rows.labels.sum(axis=1) == 1).all()):
        return None
    return Seen(
        _("labels of shape {shape}, each row a single 1, for a loss that reads one whole number a row").format(
            shape=rows.labels.shape
        ),
        "labels = labels.argmax(axis=1)",
    )


def labels_from_1(evidence: Evidence) -> Seen | None:
    """Whole numbers from 1 up to the number of classes."""
    rows = evidence.rows
    if not rows or not rows.whole or rows.labels.ndim != 1 or rows.labels.dtype.kind not in "iu":
        return None
    found = np.unique(rows.labels)
    if len(found) < 2 or found[0] != 1 or found[-1] != len(found):
        return None
    return Seen(
        _("labels from 1 to {last}, and none is 0").format(last=found[-1]),
        "labels = labels - 1",
    )


def mixed_dtypes(evidence: Evidence) -> Seen | None:
    """Floats of two precisions that will meet in one operation."""
    rows, step = evidence.rows, evidence.step
    if not rows or (step and not step.castable):  # what met already, and went well, was converted by someone
        return None
    dtypes = {"inputs": str(rows.inputs.dtype), "labels": str(rows.labels.dtype), **dict(step.dtypes if step else ())}
    names = {dtype: [name for name, each in dtypes.items() if each == dtype] for dtype in ("float64", "float32")}
    if not all(names.values()):
        return None
    told = "; ".join(f"{dtype}: {', '.join(each[:MOST_NAMED])}" for dtype, each in names.items())
    wanted = step.dtypes[0][1] if step else "float32"  # that of the parameters
    other = names["float32" if wanted == "float64" else "float64"][0]
    return Seen(
        _("two precisions side by side ({dtypes})").format(dtypes=told), f'{other} = tf.cast({other}, "{wanted}")'
    )


def pixels_not_scaled(evidence: Evidence) -> Seen | None:
    """Pixels up to 255 that reach a model as they are."""
    rows, step = evidence.rows, evidence.step
    if not rows or not _pictures(rows) or not rows.inputs.size:
        return None
    stored = rows.inputs.dtype == np.uint8 and np.all(np.equal(rows.scale, 1))
    if step and step.cost is not None:  # a model may scale by itself, and then its gradient is none the larger
        if step.widest[1] < LARGE_GRADIENT:
            return None
    elif stored:  # as pictures are kept; who divides them later does so in floats
        return None
    given = rows.given
    low, high = given.min(), given.max()
    if low < 0 or not BYTE / 2 < high <= BYTE or (given % 1).any():
        return None
    return Seen(
        _("inputs are whole numbers from {low:g} to {high:g}").format(low=low, high=high),
        'inputs = inputs.astype("float32") / 255',
    )


def pixels_zeroed(evidence: Evidence) -> Seen | None:
    """Pixels of which only the brightest are left, as 1."""
    rows = evidence.rows
    if not rows or not _pictures(rows) or not rows.inputs.size:
        return None
    sample = rows.sample.reshape(len(rows.sample), -1)
    blank = float((sample == 0).all(axis=1).mean())
    if blank < BLANK or not np.isin(sample, (0, 1)).all():
        return None
    return Seen(
        _("all inputs are 0 or 1, and {share:.0%} of the rows are 0 everywhere").format(share=blank),
        'inputs = inputs.astype("float32") / 255  # not // 255',
    )


def buffer_on_sorted(evidence: Evidence) -> Seen | None:
    """An order that leaves rows of one class beside each other."""
    rows = evidence.rows
    if not rows or not rows.whole or rows.order == "permutation" or len(rows.labels) < 2:
        return None
    found, mixed = (_apart(rows.classes, order) for order in (rows.order, "permutation"))
    if found < 2 * mixed + 0.1:
        return None
    saw = _("in any {window} rows by {order} the classes' shares are off by {found:.0%}, by {mixed:.0%} when shuffled")
    told = saw.format(order=rows.order, window=_window(rows.labels), found=found, mixed=mixed)
    return Seen(told, _("--order permutation, or dataset.shuffle({rows})").format(rows=len(rows.labels)))


def _apart(classes: Array, order: str) -> float:
    """How far the classes among rows that follow each other are from those of all rows, in [0, 1], on average.

    Half the sum of |share there − share of all|, the distance in total variation.
    """
    codes = np.unique(classes, return_inverse=True)[1]
    window = _window(classes)
    walked = codes[epoch_order(order, len(codes), len(codes), seed=0, epoch=0).batches[0]]
    windows = walked[: len(walked) // window * window].reshape(-1, window)
    counts: NDArray[np.float64] = np.zeros((len(windows), codes.max() + 1))
    np.add.at(counts, (np.arange(len(windows))[:, None], windows), 1)
    shares = np.bincount(codes) / len(codes)
    return float(np.abs(counts / window - shares).sum(axis=1).mean() / 2)


def _window(labels: Array) -> int:
    return max(1, min(WINDOWS, len(labels) // 10))


def test_in_train(evidence: Evidence) -> Seen | None:
    """Rows to test on that were learned from; more of them than rows of one split equal each other by chance."""
    rows = evidence.rows
    if not rows or not rows.test or not len(rows.test.inputs) or rows.test.inputs.shape[1:] != rows.inputs.shape[1:]:
        return None
    learned = [row.tobytes() for row in np.ascontiguousarray(rows.inputs)]
    known = set(learned)
    tested = rows.test.inputs.astype(rows.inputs.dtype, copy=False)
    found = sum(row.tobytes() in known for row in np.ascontiguousarray(tested))
    by_chance = (len(learned) - len(known)) / len(learned) * len(tested)
    if found <= 3 + 3 * by_chance:
        return None
    return Seen(
        _("{found} of the {rows} test rows are among the training rows").format(found=found, rows=len(tested)),
        "known = {row.tobytes() for row in train}; test = test[[row.tobytes() not in known for row in test]]",
    )


def imbalanced_classes(evidence: Evidence) -> Seen | None:
    """A class with ten times the rows of another."""
    rows = evidence.rows
    if not rows or not rows.whole or not len(rows.labels):
        return None
    names, counts = np.unique(rows.classes, return_counts=True)
    if counts.max() <= UNEVEN * counts.min():
        return None
    large, small = names[counts.argmax()], names[counts.argmin()]
    saw = _(
        "{most} rows of class {large}, {least} of class {small}; to say {large} always is right {share:.0%} of the time"
    )
    told = saw.format(
        most=counts.max(), large=large, least=counts.min(), small=small, share=counts.max() / counts.sum()
    )
    return Seen(told, 'descenso.Classifier(class_weight="balanced"), keras.Model.fit(class_weight=…)')


def _pictures(rows: Rows) -> bool:
    kind = rows.inputs.dtype.kind in "iufb"
    return kind and (rows.inputs.ndim > 2 or (rows.inputs.ndim == 2 and rows.inputs.shape[1] >= FEW_COLUMNS))
