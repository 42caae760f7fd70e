"""Losses: mean cost of a batch, from logits and labels, in nats."""

from collections.abc import Callable

import tensorflow as tf

from descenso.descent.problem import Tensor


def _mean_over_rows(
    row_costs: Callable[[Tensor, Tensor], Tensor], logits: Tensor, labels: Tensor, weights: Tensor | None
) -> Tensor:
    costs = row_costs(logits, labels)  # (batch,)
    return tf.reduce_mean(costs if weights is None else tf.cast(weights, logits.dtype) * costs)


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the mean over the batch of −log softmax(z)[label], finite wherever the logits are.

        −log softmax(z)[y] = log Σⱼ exp(zⱼ − max z) − (z_y − max z)

    Args:
        logits: (batch, num_classes), float.
        labels: (batch,) int32, each in [0, num_classes).
        weights: (batch,), how many times the cost of each row counts; None for 1 each.

    Returns:
        A scalar of the logits' dtype, in [0, inf).

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.2.2.3.
    """
    return _mean_over_rows(_row_costs, logits, labels, weights)


@tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow publishes no types
def _row_costs(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the cost of each row, with its gradient by the formula, softmax(z) − one_hot(y).

    By columns, and with the exponentials shared between the two: the product that follows in softmax regression
    then needs no transposed copy, and XLA fewer loops (docs/performance.md).
    """
    columns = tf.transpose(logits)  # (num_classes, batch)
    shifted = columns - tf.reduce_max(columns, axis=0)  # (num_classes, batch)
    exponentials = tf.exp(shifted)  # (num_classes, batch), in (0, 1]
    total = tf.reduce_sum(exponentials, axis=0)  # (batch,), in [1, num_classes]
    wanted = tf.one_hot(labels, logits.shape[-1], axis=0, dtype=logits.dtype)  # (num_classes, batch)

    def gradient(upstream: Tensor) -> tuple[Tensor, None]:
        return tf.transpose((exponentials / total - wanted) * upstream), None  # (batch, num_classes)

    return tf.math.log(total) - tf.reduce_sum(wanted * shifted, axis=0), gradient  # (batch,)


def naive_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the same mean as written, −Σ one_hot(y) · log(softmax(z)), as many tutorials write it.

    Once a probability underflows to 0 the cost is not finite: 0 · log 0 is NaN, and −log 0 infinite where the
    class was the right one.

    Args:
        logits: (batch, num_classes), float.
        labels: (batch,) int32, each in [0, num_classes).
        weights: (batch,), how many times the cost of each row counts; None for 1 each.

    Returns:
        A scalar of the logits' dtype, in [0, inf] or NaN.
    """
    return _mean_over_rows(_naive_row_costs, logits, labels, weights)


def _naive_row_costs(logits: Tensor, labels: Tensor) -> Tensor:
    wanted = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)  # (batch, num_classes)
    probabilities = tf.nn.softmax(logits)  # (batch, num_classes)
    return -tf.reduce_sum(wanted * tf.math.log(probabilities), axis=1)  # (batch,)


LOSSES = {"cross_entropy": cross_entropy, "naive": naive_cross_entropy}
