"""Losses: mean cost of a batch, from logits and integer labels, in nats."""

import tensorflow as tf

from descenso.descent.problem import Tensor

__all__ = ["LOSSES", "cross_entropy", "naive_cross_entropy"]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch of −log softmax(z)[label], finite wherever the logits are.

        −log softmax(z)[y] = log Σⱼ exp(zⱼ − max z) − (z_y − max z)

    Args:
        logits: (batch, num_classes), float.
        labels: (batch,), int32 in [0, num_classes).

    Returns:
        A scalar of the logits' dtype, in [0, inf).

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.2.2.3.
    """
    return tf.reduce_mean(_row_costs(logits, labels))


@tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow publishes no types
def _row_costs(logits: Tensor, labels: Tensor) -> Tensor:
    """The cost of each row, with its gradient by the formula, softmax(z) − one_hot(y).

    TensorFlow's own gradient is the same number by rows; by columns, as here, the product that follows it in
    softmax regression needs no transposed copy (docs/performance.md).
    """
    costs = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)  # (batch,)

    def gradient(upstream: Tensor) -> tuple[Tensor, None]:
        columns = tf.nn.softmax(tf.transpose(logits), axis=0)  # (num_classes, batch)
        wanted = tf.one_hot(labels, logits.shape[-1], axis=0, dtype=logits.dtype)  # (num_classes, batch)
        return tf.transpose((columns - wanted) * upstream), None  # (batch, num_classes)

    return costs, gradient


def naive_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The same mean taken literally, −Σ one_hot(y) · log(softmax(z)), as many tutorials write it.

    Once a probability underflows to 0 the cost is not finite: 0 · log 0 is NaN, and −log 0 infinite where the
    class was the right one.

    Args:
        logits: (batch, num_classes), float.
        labels: (batch,), int32 in [0, num_classes).

    Returns:
        A scalar of the logits' dtype, in [0, inf] or NaN.
    """
    wanted = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)  # (batch, num_classes)
    probabilities = tf.nn.softmax(logits)  # (batch, num_classes)
    return tf.reduce_mean(-tf.reduce_sum(wanted * tf.math.log(probabilities), axis=1))


LOSSES = {"cross_entropy": cross_entropy, "naive": naive_cross_entropy}
