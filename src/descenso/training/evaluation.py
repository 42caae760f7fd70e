"""How well a model does on rows it has not learned from."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.descent.losses import cross_entropy
from descenso.descent.problem import Arrays, Model

__all__ = ["Evaluation", "evaluate"]

ROWS_AT_ONCE = 5_000


class Evaluation(NamedTuple):
    """Attributes: what a split's predictions came to.

    accuracy: fraction of rows whose largest logit is the label's, in [0, 1].
    cost: mean cross-entropy over the rows, in nats.
    confusion: (num_classes, num_classes) int64, rows of each true class (first axis) by predicted class.
    """

    accuracy: float
    cost: float
    confusion: NDArray[np.int64]

    @property
    def per_class(self) -> list[float | None]:
        """Accuracy within each true class, a fraction, or None for a class without rows."""
        totals = self.confusion.sum(axis=1)
        return [
            float(hit / all_) if all_ else None for hit, all_ in zip(self.confusion.diagonal(), totals, strict=True)
        ]


def evaluate(model: Model, params: Arrays, split: Split, input_scale: float) -> Evaluation:
    """Evaluate `params`, as a textbook writes them, on `split`, a few thousand rows at a time.

    Args:
        model: whose parameters they are.
        params: by name; their dtype is the computation's.
        split: at least one row, of the model's input shape.
        input_scale: what inputs are multiplied by.
    """
    held = {name: tf.constant(value) for name, value in model.textbook(params).items()}
    dtype = next(iter(held.values())).dtype
    cost, confusion = 0.0, np.zeros((model.num_classes, model.num_classes), np.int64)
    for first in range(0, len(split.labels), ROWS_AT_ONCE):
        labels = split.labels[first : first + ROWS_AT_ONCE]
        inputs = tf.cast(split.inputs[first : first + ROWS_AT_ONCE], dtype) * tf.constant(input_scale, dtype)
        logits, _ = model.apply(held, {}, inputs, False)
        cost += float(cross_entropy(logits, tf.constant(labels))) * len(labels)
        np.add.at(confusion, (labels, tf.argmax(logits, axis=1).numpy()), 1)
    rows = len(split.labels)
    return Evaluation(float(confusion.trace() / rows), cost / rows, confusion)
