"""Models and losses: softmax regression, written out (those with layers are Keras models), and cross-entropy.

A loss is the mean cost of a batch, from logits and labels, in nats. Logits with axes before the batch, as those of
a sweep's lanes, give costs of those axes.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.descent.problem import Arrays, Model, Params, State, Tensor
from descenso.errors import ConfigError
from descenso.text import _, plural


@lru_cache
def softmax(input_shape: tuple[int, ...], num_classes: int) -> Model:
    """Softmax regression: logits = x W + b, one weight for each pair of input and class, zero at the start.

    Users see W as (num_inputs, num_classes). `apply` holds it transposed, and adds b to columns: then both
    products of a step, W xᵀ and δ x, run over rows that lie one after the other in memory, which takes XLA's
    epoch on a CPU from about 100 to 35 ms (docs/performance.md). W with an axis of lanes before the others, as in a
    sweep, gives logits with that axis, from one wide product.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.
    """
    num_inputs = math.prod(input_shape)

    def init(seed: int) -> tuple[Arrays, Arrays]:
        return {"W": np.zeros((num_inputs, num_classes)), "b": np.zeros(num_classes)}, {}

    def apply(params: Params, state: State, inputs: Tensor, training: bool) -> tuple[Tensor, State]:
        rows = tf.reshape(inputs, [-1, num_inputs])  # (batch, num_inputs)
        W, b = params["W"], params["b"]  # (…, num_classes, num_inputs), (…, num_classes)
        if len(W.shape) == 2:  # in eager execution, each operation that one model does not need would cost its call
            return tf.transpose(tf.matmul(W, rows, transpose_b=True) + b[:, tf.newaxis]), state  # (batch, num_classes)
        columns = tf.matmul(tf.reshape(W, [-1, num_inputs]), rows, transpose_b=True)  # (… · num_classes, batch)
        columns = tf.reshape(columns, [*b.shape, -1])  # (…, num_classes, batch)
        return tf.linalg.matrix_transpose(columns + b[..., tf.newaxis]), state  # (…, batch, num_classes)

    def transposed(params: Arrays) -> Arrays:
        return {"W": np.ascontiguousarray(params["W"].T), "b": params["b"]}

    return Model(
        "softmax", input_shape, num_classes, init, apply, to_user=transposed, from_user=transposed, shared=True
    )


def build(config: TrainConfig, input_shape: tuple[int, ...], num_classes: int, given: Model | None = None) -> Model:
    """Build the model that `config` names, or check that the `given` one fits the data.

    Raises:
        ConfigError: for a model of another input shape or number of classes.
    """
    if given is None and config.model == "softmax":
        if config.dtype not in ("float32", "float64"):
            raise ConfigError(
                _("dtype: softmax has no layers that {dtype} would make faster; try --dtype float32").format(
                    dtype=config.dtype
                )
            )
        return softmax(tuple(input_shape), num_classes)
    from descenso.descent import networks  # softmax needs no Keras, which takes a second to import

    if given is None:
        return networks.NETWORKS[config.model](config, tuple(input_shape), num_classes)
    return _fitted(given, tuple(input_shape), num_classes)


def _fitted(model: Model, input_shape: tuple[int, ...], num_classes: int) -> Model:
    """Fit the user's model to inputs whose rows hold the same values in the same order, with or without axes of 1.

    Raises:
        ConfigError: for a model of other inputs, or of another number of classes.
    """
    if model.num_classes != num_classes:
        message = plural(
            "model: {name} has {mine} output, the data has {num_classes} classes; end it with {mend}",
            "model: {name} has {mine} outputs, the data has {num_classes} classes; end it with {mend}",
            model.num_classes,
        )
        mend = f"keras.layers.Dense({num_classes})"
        raise ConfigError(message.format(name=model.name, mine=model.num_classes, num_classes=num_classes, mend=mend))
    if model.input_shape == input_shape:
        return model
    mine, theirs = ([size for size in shape if size != 1] for shape in (model.input_shape, input_shape))
    flat = math.prod(mine) == math.prod(theirs) and (len(mine) == 1 or (len(theirs) == 1 and len(mine) == 2))
    if not (mine == theirs or flat):  # (3, 32, 32) has as many values as (32, 32, 3), and in another order
        message = _("model: {name} reads rows of shape {mine}, the data has {shape}; begin it with {mend}")
        mend = f"keras.Input({input_shape})"
        raise ConfigError(message.format(name=model.name, mine=model.input_shape, shape=input_shape, mend=mend))

    def apply(params: Params, state: State, inputs: Tensor, training: bool) -> tuple[Tensor, State]:
        return model.apply(params, state, tf.reshape(inputs, [-1, *model.input_shape]), training)

    return model._replace(input_shape=input_shape, apply=apply)


def _mean_over_rows(
    row_costs: Callable[[Tensor, Tensor], Tensor], logits: Tensor, labels: Tensor, weights: Tensor | None
) -> Tensor:
    costs = row_costs(logits, labels)  # (…, batch)
    axis = None if len(logits.shape) == 2 else -1  # None takes fewer operations
    return tf.reduce_mean(costs if weights is None else tf.cast(weights, logits.dtype) * costs, axis=axis)


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the mean over the batch of −log softmax(z)[label], finite wherever the logits are.

        −log softmax(z)[y] = log Σⱼ exp(zⱼ − max z) − (z_y − max z)

    Args:
        logits: (…, batch, num_classes), float.
        labels: (batch,) int32, each in [0, num_classes).
        weights: (batch,), how many times the cost of each row counts; None for 1 each.

    Returns:
        (…) of the logits' dtype, in [0, inf): a scalar for logits of one model.

    Source: Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.2.2.3.
    """
    return _mean_over_rows(_row_costs, logits, labels, weights)


def cross_entropy_by_columns(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the same mean as `cross_entropy` on the transposed logits, as softmax regression holds them.

    The product that follows in its gradient then needs no transposed copy, and XLA fewer loops; after layers, whose
    logits are rows, the transposition itself would take longer than the rest (docs/performance.md).
    """
    return _mean_over_rows(_column_costs, logits, labels, weights)


def loss_of(name: str, model: Model) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Return the loss `name` in the form that is faster on the logits of `model`."""
    return cross_entropy_by_columns if (name, model.name) == ("cross_entropy", "softmax") else LOSSES[name]


@tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow publishes no types
def _row_costs(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the cost of each row, with its gradient by the formula, softmax(z) − one_hot(y).

    The exponentials are shared between the two.
    """
    shifted = logits - tf.reduce_max(logits, axis=-1, keepdims=True)  # (…, batch, num_classes)
    exponentials = tf.exp(shifted)  # (…, batch, num_classes), in (0, 1]
    total = tf.reduce_sum(exponentials, axis=-1)  # (…, batch), in [1, num_classes]
    wanted = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)  # (batch, num_classes)

    def gradient(upstream: Tensor) -> tuple[Tensor, None]:
        return (exponentials / total[..., tf.newaxis] - wanted) * upstream[..., tf.newaxis], None

    return tf.math.log(total) - tf.reduce_sum(wanted * shifted, axis=-1), gradient  # (…, batch)


@tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow publishes no types
def _column_costs(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the same as `_row_costs`, by columns."""
    one = len(logits.shape) == 2  # no axis before the batch, so that rows broadcast over columns as they are
    columns = tf.transpose(logits) if one else tf.linalg.matrix_transpose(logits)  # (…, num_classes, batch)
    shifted = columns - tf.reduce_max(columns, axis=-2, keepdims=True)  # (…, num_classes, batch)
    exponentials = tf.exp(shifted)  # (…, num_classes, batch), in (0, 1]
    total = tf.reduce_sum(exponentials, axis=-2)  # (…, batch), in [1, num_classes]
    wanted = tf.one_hot(labels, logits.shape[-1], axis=0, dtype=logits.dtype)  # (num_classes, batch)

    def gradient(upstream: Tensor) -> tuple[Tensor, None]:
        if one:
            return tf.transpose((exponentials / total - wanted) * upstream), None  # (batch, num_classes)
        by_column = (exponentials / total[..., tf.newaxis, :] - wanted) * upstream[..., tf.newaxis, :]
        return tf.linalg.matrix_transpose(by_column), None  # (…, batch, num_classes)

    return tf.math.log(total) - tf.reduce_sum(wanted * shifted, axis=-2), gradient  # (…, batch)


def naive_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the same mean as written, −Σ one_hot(y) · log(softmax(z)), as many tutorials write it.

    Once a probability underflows to 0 the cost is not finite: 0 · log 0 is NaN, and −log 0 infinite where the
    class was the right one.

    Args:
        logits: (…, batch, num_classes), float.
        labels: (batch,) int32, each in [0, num_classes).
        weights: (batch,), how many times the cost of each row counts; None for 1 each.

    Returns:
        (…) of the logits' dtype, in [0, inf] or NaN.
    """
    return _mean_over_rows(_naive_row_costs, logits, labels, weights)


def _naive_row_costs(logits: Tensor, labels: Tensor) -> Tensor:
    wanted = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)  # (batch, num_classes)
    probabilities = tf.nn.softmax(logits)  # (…, batch, num_classes)
    return -tf.reduce_sum(wanted * tf.math.log(probabilities), axis=-1)  # (…, batch)


LOSSES = {"cross_entropy": cross_entropy, "naive": naive_cross_entropy}
