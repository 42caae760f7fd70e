"""Checks of labels: their form, their range, and the names of classes."""

import numpy as np

from descenso.data.labels import quoted, similar
from descenso.doctor.evidence import LEAST_ROWS, Array, Observation, Rows, Step
from descenso.text import _, prose

MOST_NAMED = 4  # names that a message lists
ALIKE = 16  # rows of a batch; with three classes or more, all of one class by chance is unlikely
RARE = 0.1  # rows of a class, as a share of those of the largest
MISSED = 0.5  # share of a class's rows that are classified correctly, as a share of that of the largest class


def numeric_target(rows: Rows) -> Observation | None:
    """Check for labels that are a number to predict, and no class."""
    labels = rows.labels.reshape(len(rows.labels)) if rows.labels.size == len(rows.labels) else rows.labels
    if not rows.whole or rows.regression or labels.ndim != 1 or labels.dtype.kind not in "iuf":
        return None
    if not _hardly_equal(labels):
        return None
    saw = prose(_("different labels: {different}, of {rows}"), different=len(np.unique(labels)), rows=len(labels))
    mend = "labels = numpy.digitize(labels, numpy.quantile(labels, [1 / 3, 2 / 3]))"
    return saw, _("three classes: {line}; a regression: keras.layers.Dense(1), loss='mse'").format(line=mend)


def is_regression(labels: Array) -> bool:
    """Tell whether labels are floats to predict: one a row, with fractions or hardly ever equal."""
    if labels.dtype.kind != "f" or labels.size != len(labels):
        return False
    return bool((labels[np.isfinite(labels)] % 1).any()) or _hardly_equal(labels)


def _hardly_equal(labels: Array) -> bool:
    return len(labels) >= LEAST_ROWS and len(np.unique(labels)) > len(labels) / 2


def labels_alike(rows: Rows, step: Step | None) -> Observation | None:
    """Check for labels that are all of one class."""
    classes = rows.classes
    if classes is None or len(classes) < 2 or (classes != classes[0]).any():
        return None
    outputs = step.outputs if step else None
    many = outputs is not None and outputs.shape[1] > 2 and len(classes) >= ALIKE
    if not rows.whole and not (step and step.loss == "classes" and many):
        return None
    saw = prose(_("each label is {label}, of {rows}"), rows=len(classes), label=str(classes[0]))
    return saw, _("shuffle the rows before some are taken: order = numpy.random.default_rng(0).permutation(rows)")


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
    if rows.one_hot is not False or rows.labels.ndim != 2 or rows.labels.shape[1] < 2 or rows.classes is None:
        return None
    saw = _("one-hot labels of shape {shape}, for a loss that reads one class number per row")
    return saw.format(shape=rows.labels.shape), "labels = numpy.argmax(labels, axis=1)"


def labels_from_1(rows: Rows) -> Observation | None:
    """Check for class numbers from 1 to the number of classes."""
    if not rows.whole or rows.classes is None or rows.labels.dtype.kind not in "iu":
        return None
    classes = np.unique(rows.classes)
    if len(classes) < 2 or classes[0] != 1 or classes[-1] != len(classes):
        return None
    return _("labels from 1 to {last}, and none is 0").format(last=classes[-1]), "labels = labels - 1"


def labels_out_of_range(rows: Rows, step: Step | None) -> Observation | None:
    """Check for class numbers below 0, or without an output."""
    classes = rows.classes
    if rows.labels.ndim > 1 and rows.labels.shape[1:] != (1,):  # of each pixel, or of several classes at once
        classes = rows.labels.reshape(-1) if rows.one_hot is False and not rows.whole else None
    if classes is None or classes.dtype.kind not in "iuf" or not len(classes):
        return None
    low, high = classes.min(), classes.max()
    outputs = step.outputs.shape[1] if step and step.outputs is not None else 0
    binary = step is not None and step.loss == "binary"
    failed = step is not None and (step.cost is None or not np.isfinite(step.cost))  # if not, it may ignore a class
    most = 1 if binary else outputs - 1
    if step and not (binary or (failed and rows.one_hot is False and outputs > 1)):
        return None
    if low >= 0 and (not step or high <= most):
        return None
    mend = f"keras.layers.Dense({int(high) + 1})"
    if low < 0:
        halved = low == -1 and high == 1 and not (classes == 0).any()
        mend = "labels = (labels + 1) // 2" if halved else f"labels = labels + {-int(low)}"
    elif low >= 1 and high == most + 1:
        mend = "labels = labels - 1"
    if not step:
        return prose(_("labels from {low:g} to {high:g}; classes count from 0"), low=low, high=high), mend
    saw = _("labels from {low:g} to {high:g}, and the loss reads those from 0 to {most}")
    return prose(saw, low=low, high=high, most=most), mend


def similar_class_names(rows: Rows) -> Observation | None:
    """Check for names of classes that differ only in case, in blanks, or in how a number is written."""
    names = rows.class_names
    if not names and rows.whole and rows.classes is not None and rows.classes.dtype.kind == "U":
        names = tuple(map(str, np.unique(rows.classes)))
    groups = similar(names)
    if not groups:
        return None
    listed = "; ".join(", ".join(quoted(group)) for group in groups[:MOST_NAMED])
    saw = _("class names that may mean the same: {names}").format(names=listed)
    return saw, _("write each class in one way: labels = numpy.char.lower(numpy.char.strip(labels))")


def empty_class(rows: Rows) -> Observation | None:
    """Check for classes without training or test rows."""
    if not rows.class_names or rows.classes is None:
        return None
    known = rows.classes if rows.test_classes is None else np.concatenate([rows.classes, rows.test_classes])
    missing = np.setdiff1d(np.arange(len(rows.class_names)), known)
    if not len(missing):
        return None
    names = ", ".join(repr(rows.class_names[place]) for place in missing[:MOST_NAMED])
    return _("there is no row of class {names}").format(names=names), _("give rows of it, or leave the class out")


def unseen_labels(rows: Rows) -> Observation | None:
    """Check for classes of test rows that no training row has."""
    if not rows.whole or rows.classes is None or rows.test_classes is None:
        return None
    seen = np.isin(rows.test_classes, rows.classes)
    if seen.all() or rows.classes.dtype.kind != rows.test_classes.dtype.kind == "U":
        return None
    names = ", ".join(_named(rows, label) for label in np.unique(rows.test_classes[~seen])[:MOST_NAMED])
    saw = _("test rows of class {names}: {count}, and no training row")
    mend = "seen = numpy.isin(test_labels, labels); test_inputs, test_labels = test_inputs[seen], test_labels[seen]"
    return prose(saw, count=int((~seen).sum()), names=names), mend


def _named(rows: Rows, label: Array) -> str:
    return repr(rows.class_names[int(label)]) if rows.class_names else str(label)


def imbalanced_classes(rows: Rows | None, last: Step | None) -> Observation | None:
    """Check for small classes that the trained model does not recognise, unlike the largest."""
    if not rows or rows.classes is None or not last or last.right is None or last.labels is None:
        return None
    names, counts = np.unique(rows.classes, return_counts=True)
    large = names[counts.argmax()]
    recall = {label: float(last.right[last.labels == label].mean()) for label in np.unique(last.labels)}
    missed = [label for label, count in zip(names, counts, strict=True)
              if count < RARE * counts.max() and recall.get(label, 1.0) < MISSED * recall.get(large, 0.0)]  # fmt: skip
    if not missed:
        return None
    small = missed[0]
    saw = _("classified correctly: {share:.0%} of class {small} (rows: {least}), {others:.0%} of class {large}")
    saw = prose(saw, large=_named(rows, large), least=counts[names == small][0], small=_named(rows, small),
                share=recall[small], others=recall[large])  # fmt: skip
    return saw, 'descenso.Classifier(class_weight="balanced"), keras.Model.fit(class_weight=…)'
