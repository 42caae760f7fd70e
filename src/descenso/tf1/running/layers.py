"""Functions of tf.layers, which TensorFlow no longer has with Keras 3; they make variables of the same names."""

# Of descenso: `port --out` writes this text into scripts, so nothing of descenso is imported.

from functools import partial
from typing import Any

import tensorflow.compat.v1 as tf


def dense(
    inputs: Any,
    units: int,
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Any:
    """Return activation(inputs · kernel + bias)."""
    inputs = tf.convert_to_tensor(inputs)
    width = inputs.shape.as_list()[-1]
    with tf.variable_scope(name, "dense", reuse=reuse):
        kernel = _variable("kernel", [width, units], inputs, kernel_initializer, kernel_regularizer, trainable)
        outputs = tf.matmul(inputs, kernel) if inputs.shape.ndims == 2 else tf.tensordot(inputs, kernel, 1)
        if use_bias:
            start = bias_initializer or tf.zeros_initializer()
            outputs = tf.nn.bias_add(outputs, _variable("bias", [units], inputs, start, bias_regularizer, trainable))
        return activation(outputs) if activation else outputs


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Any:
    """Return activation(inputs ∗ kernel + bias), a convolution over height and width."""
    inputs = tf.convert_to_tensor(inputs)
    form, axis = _data_format(data_format)
    shape = [*_pair(kernel_size), inputs.shape.as_list()[axis], filters]
    with tf.variable_scope(name, "conv2d", reuse=reuse):
        kernel = _variable("kernel", shape, inputs, kernel_initializer, kernel_regularizer, trainable)
        outputs = tf.nn.convolution(
            inputs, kernel, padding.upper(), _pair(strides), _pair(dilation_rate), data_format=form
        )
        if use_bias:
            start = bias_initializer or tf.zeros_initializer()
            bias = _variable("bias", [filters], inputs, start, bias_regularizer, trainable)
            outputs = tf.nn.bias_add(outputs, bias, data_format=form)
        return activation(outputs) if activation else outputs


def _pooling2d(
    kind: str,
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Any:
    """Return the maximum ("MAX") or the mean ("AVG") of each window."""
    form, _axis = _data_format(data_format)
    size, steps = _pair(pool_size), _pair(strides)
    return tf.nn.pool(inputs, size, kind, padding.upper(), strides=steps, data_format=form, name=name)


max_pooling2d = partial(_pooling2d, "MAX")
average_pooling2d = partial(_pooling2d, "AVG")


def flatten(inputs: Any, name: str | None = None) -> Any:
    """Return inputs of shape (rows, numbers of a row)."""
    inputs = tf.convert_to_tensor(inputs)
    sizes = inputs.shape.as_list()[1:]
    width = -1 if None in sizes else 1
    for size in sizes if width > 0 else []:
        width *= size
    rows = tf.shape(inputs)[0] if width < 0 else -1
    return tf.reshape(inputs, [rows, width], name=name)


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Any:
    """Return inputs, of which training sets a share of `rate` to 0 and divides the others by 1 − rate."""

    def thinned() -> Any:
        return tf.nn.dropout(inputs, noise_shape=noise_shape, seed=seed, name=name, rate=rate)

    return _either(training, thinned, lambda: tf.identity(inputs, name=name))


def batch_normalization(
    inputs: Any,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = None,
    gamma_initializer: Any = None,
    moving_mean_initializer: Any = None,
    moving_variance_initializer: Any = None,
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Any:
    """Return normalized inputs; the updates of the moving averages are in the collection UPDATE_OPS."""
    inputs = tf.convert_to_tensor(inputs)
    axis %= inputs.shape.ndims
    zero, one = tf.zeros_initializer(), tf.ones_initializer()
    with tf.variable_scope(name, "batch_normalization", reuse=reuse):

        def made(kind: str, start: Any, regularizer: Any, trained: bool) -> Any:
            return _variable(kind, [inputs.shape.as_list()[axis]], inputs, start, regularizer, trained)

        gamma = made("gamma", gamma_initializer or one, gamma_regularizer, trainable) if scale else None
        beta = made("beta", beta_initializer or zero, beta_regularizer, trainable) if center else None
        moving_mean = made("moving_mean", moving_mean_initializer or zero, None, False)
        moving_variance = made("moving_variance", moving_variance_initializer or one, None, False)
        mean, variance = _moments(inputs, axis, moving_mean, moving_variance, momentum, training)
        wide = [size if place == axis else 1 for place, size in enumerate(inputs.shape.as_list())]
        values = [None if value is None else tf.reshape(value, wide) for value in (mean, variance, beta, gamma)]
        return tf.nn.batch_normalization(inputs, *values, epsilon)


def _moments(inputs: Any, axis: int, moving_mean: Any, moving_variance: Any, momentum: float, training: Any) -> Any:
    """Return the batch's mean and variance while training, else the moving ones, whose updates are collected."""
    rank = inputs.shape.ndims
    mean, variance = tf.nn.moments(inputs, [each for each in range(rank) if each != axis])
    rows = tf.cast(tf.size(inputs) // inputs.shape.as_list()[axis], variance.dtype)
    unbiased = rows / tf.maximum(rows - 1, 1) if rank == 4 else 1.0  # as its kernel for images had it
    for moving, batch in (moving_mean, mean), (moving_variance, variance * unbiased):
        kept = _either(training, lambda m=moving, b=batch: momentum * m + (1 - momentum) * b, moving.read_value)
        if training is not False:
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, moving.assign(kept))
    return (
        _either(training, lambda: mean, moving_mean.read_value),
        _either(training, lambda: variance, moving_variance.read_value),
    )


def _variable(name: str, shape: Any, like: Any, initializer: Any, regularizer: Any, trainable: bool) -> Any:
    made = initializer() if isinstance(initializer, type) else initializer
    return tf.get_variable(name, shape, like.dtype, made, regularizer, trainable)


def _either(training: Any, then: Any, otherwise: Any) -> Any:
    """Return then() or otherwise(), by a Python value or by a tensor."""
    if tf.is_tensor(training):
        return tf.cond(tf.cast(training, tf.bool), then, otherwise)
    return then() if training else otherwise()


def _pair(size: Any) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


def _data_format(name: str) -> tuple[str, int]:
    """Return the kernels' name of a data format, and the axis of its channels."""
    return ("NCHW", 1) if name == "channels_first" else ("NHWC", 3)
