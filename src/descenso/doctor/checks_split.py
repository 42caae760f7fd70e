"""Checks of test rows against training rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from descenso.doctor.evidence import SAMPLE, Array, Observation, Rows, draw
from descenso.text import _, prose

BYTE = 255
AWAY = 6.0  # distance of a column's means, in standard deviations of its training rows; a linear trend has 2.2
OUTSIDE = 0.9  # share of a column's test values that no training row reaches
RESCALED = 10.0  # ratio of standard deviations
ALIKE, BETTER = 0.7, 0.2  # correlation of mean images after a change, and by how much it is above that before

Images = Callable[[Any], Any]  # (rows, height, width[, channels]) -> another view of them
TURNS: dict[str, Images] = {  # what may have happened to test images; the line of code undoes it
    "test_inputs = numpy.swapaxes(test_inputs, 1, 2)": lambda images: np.swapaxes(images, 1, 2),
    "test_inputs = numpy.flip(test_inputs, 1)": lambda images: np.flip(images, 1),
    "test_inputs = numpy.flip(test_inputs, 2)": lambda images: np.flip(images, 2),
    "test_inputs = numpy.rot90(test_inputs, 1, (1, 2))": lambda images: np.rot90(images, 1, (1, 2)),
    "test_inputs = numpy.rot90(test_inputs, 2, (1, 2))": lambda images: np.rot90(images, 2, (1, 2)),
    "test_inputs = numpy.rot90(test_inputs, 3, (1, 2))": lambda images: np.rot90(images, 3, (1, 2)),
    "test_inputs = test_inputs[..., ::-1]": lambda images: images[..., ::-1] if images.ndim == 4 else images,
}


def test_unlike_train(rows: Rows) -> Observation | None:
    """Check for test rows with another range or scale, in negative, turned, or with channels in another order."""
    if not rows.pair:
        return None
    return _rescaled(*rows.pair) or _turned(rows) or _moved(rows, *rows.pair)


def _rescaled(train: Array, test: Array) -> Observation | None:
    """Check for test rows whose values spread much more, or much less, than those of training rows."""
    deviations = train.std(axis=0), test.std(axis=0)
    used = deviations[0] > 1e-12 * np.abs(train).max()
    if not used.any():
        return None
    ratios = deviations[1][used] / deviations[0][used]
    wider, narrower = np.median(ratios) > RESCALED, np.sqrt((ratios**2).mean()) < 1 / RESCALED
    if not wider and not narrower:
        return None
    mend = _("bring both to the same units, and scale test rows by the training rows' mean and deviation")
    ranges = [(array.min(), array.max()) for array in (train, test)]
    pixels = [low >= 0 and BYTE / 2 < high <= BYTE for low, high in ranges]
    units = [low >= 0 and high <= 1 for low, high in ranges]
    if units[0] and pixels[1]:
        mend = "test_inputs = test_inputs / 255"
    elif units[1] and pixels[0]:
        mend = "inputs = inputs / 255"
    saw = _("training inputs are from {low:.4g} to {high:.4g}, test inputs from {least:.4g} to {most:.4g}")
    return prose(saw, low=ranges[0][0], high=ranges[0][1], least=ranges[1][0], most=ranges[1][1]), mend


def _moved(rows: Rows, train: Array, test: Array) -> Observation | None:
    """Check for columns whose test values are all far from those of training rows."""
    deviation = train.std(axis=0)
    low, high = train.min(axis=0), train.max(axis=0)
    far = np.abs(test.mean(axis=0) - train.mean(axis=0)) > AWAY * deviation
    found = np.flatnonzero((deviation > 0) & far & (((test < low) | (test > high)).mean(axis=0) > OUTSIDE))
    if not len(found):
        return None
    place = int(found[0])
    saw = _("columns out of range: {count} of {columns}; {name} is from {low:.4g} to {high:.4g} in training rows, "
            "and {mean:.4g} on average in test rows")  # fmt: skip
    name = rows.columns[place] if rows.columns else str(place)
    saw = prose(saw, count=len(found), columns=len(low), name=name, low=low[place], high=high[place],
                mean=test[:, place].mean())  # fmt: skip
    return saw, _("bring both to the same units, and scale test rows by the training rows' mean and deviation")


def _turned(rows: Rows) -> Observation | None:
    """Check for images of which another view resembles the training images of the same classes much more."""
    train, test = _images(rows.inputs), _images(rows.test.inputs) if rows.test else None
    if train is None or test is None:
        return None
    means = _mean_images(rows, train, test)
    if means is None:
        return None
    learned, asked, weights = means
    present = _correlation(learned, asked, weights)
    best = {line: _correlation(learned, turn(asked), weights) for line, turn in TURNS.items()}
    best["negative"] = -present
    line = max(best, key=best.__getitem__)
    if best[line] < ALIKE or best[line] < present + BETTER:
        return None
    saw = _("the mean test images correlate with those of training rows by {present:.2f}, in negative by {best:.2f}")
    if line == "negative":
        low, high = rows.inputs.min().item(), rows.inputs.max().item()
        white = BYTE if low >= 0 and 1 < high <= BYTE else 1 if low >= 0 and high <= 1 else low + high
        mend = f"test_inputs = {white:g} - test_inputs"
    else:
        mend = line if rows.inputs.ndim > 2 else _("reshape to images, then {line}").format(line=line)
        saw = _("the mean test images correlate with those of training rows by {present:.2f}, turned by {best:.2f}")
    return prose(saw, present=present, best=best[line]), mend


def _images(inputs: Array) -> Array | None:
    """Return inputs as (rows, height, width[, channels]); those of flattened squares, too; None for others."""
    side = round(inputs.shape[1] ** 0.5)
    if inputs.ndim == 2 and side >= 8 and side**2 == inputs.shape[1]:
        return inputs.reshape(-1, side, side)
    return inputs if inputs.ndim in (3, 4) and min(inputs.shape[1:3]) > 3 else None


def _mean_images(rows: Rows, train: Array, test: Array) -> tuple[Array, Array, Array] | None:
    """Return the mean images of each class in training and in test rows, and the number of test rows of each."""
    classes, wanted = rows.classes, rows.test_classes
    if classes is None or wanted is None:  # then of all rows
        classes, wanted = np.zeros(len(train)), np.zeros(len(test))
    shared = np.intersect1d(classes, wanted)
    if not len(shared):
        return None
    some = draw(train, 10 * SAMPLE)
    classes, train = classes[some], train[some]
    shared = shared[np.isin(shared, classes)]
    learned, asked = (
        np.nan_to_num(
            np.stack([images[labels == label].mean(axis=0, dtype=np.float64) for label in shared]), posinf=0, neginf=0
        )
        for images, labels in ((train, classes), (test, wanted))
    )
    return learned, asked, np.array([(wanted == label).sum() for label in shared], np.float64)


def _correlation(left: Array, right: Array, weights: Array) -> float:
    """Return the correlation of two stacks of images over their pixels, each image with its weight."""
    if left.shape != right.shape:
        return -1.0
    weights = (weights / weights.sum()).reshape(-1, *[1] * (left.ndim - 1))
    left, right = (stack - (weights * stack).sum(axis=0).mean() for stack in (left, right))
    size = ((weights * left**2).sum() * (weights * right**2).sum()) ** 0.5
    return float((weights * left * right).sum() / size) if size > 0 else 0.0


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
    known_rows = "known = {row.tobytes() for row in inputs}"
    mend = f"{known_rows}; new = [row.tobytes() not in known for row in test_inputs.astype(inputs.dtype)]"
    return saw, f"{mend}; test_inputs, test_labels = test_inputs[new], test_labels[new]"
