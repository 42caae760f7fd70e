"""Functions of tf.contrib.layers that the functions of tf.layers can stand for."""

from typing import Any

import tensorflow.compat.v1 as tf

from descenso.tf1.running import layers as _layers


def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = tf.float32) -> Any:
    """Return an initializer of numbers with variance 2 / (inputs + outputs), uniform or normal."""
    made = tf.glorot_uniform_initializer if uniform else tf.glorot_normal_initializer
    return made(seed=seed, dtype=dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: int | None = None, dtype: Any = tf.float32
) -> Any:
    """Return an initializer of numbers with variance factor / n, n by `mode`."""
    kind = "uniform" if uniform else "truncated_normal"
    return tf.variance_scaling_initializer(factor, mode.lower(), kind, seed, dtype)


def l2_regularizer(scale: float, scope: str | None = None) -> Any:
    """Return a function that computes scale · Σ w² / 2."""
    return lambda weights: tf.multiply(scale, tf.nn.l2_loss(weights), name=scope)


def l1_regularizer(scale: float, scope: str | None = None) -> Any:
    """Return a function that computes scale · Σ |w|."""
    return lambda weights: tf.multiply(scale, tf.reduce_sum(tf.abs(weights)), name=scope)


def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Any = tf.nn.relu,
    normalizer_fn: None = None,
    normalizer_params: None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = tf.zeros_initializer,
    biases_regularizer: Any = None,
    reuse: bool | None = None,
    *,
    trainable: bool = True,
    scope: str | None = None,
) -> Any:
    """Return activation_fn(inputs · weights + biases), relu if no other is given; None for none."""
    _refuse(normalizer_fn)
    with tf.variable_scope(scope, "fully_connected", reuse=reuse, custom_getter=_old_names):
        return _layers.dense(inputs, num_outputs, activation_fn, biases_initializer is not None, weights_initializer,
                             biases_initializer, weights_regularizer, biases_regularizer, trainable,
                             name=tf.get_variable_scope())  # fmt: skip


def conv2d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Any = tf.nn.relu,
    normalizer_fn: None = None,
    normalizer_params: None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = tf.zeros_initializer,
    biases_regularizer: Any = None,
    reuse: bool | None = None,
    *,
    trainable: bool = True,
    scope: str | None = None,
) -> Any:
    """Return activation_fn(inputs ∗ weights + biases), a convolution over height and width with padding."""
    _refuse(normalizer_fn)
    form = "channels_first" if data_format == "NCHW" else "channels_last"
    with tf.variable_scope(scope, "Conv", reuse=reuse, custom_getter=_old_names):
        return _layers.conv2d(inputs, num_outputs, kernel_size, stride, padding, form, rate, activation_fn,
                              biases_initializer is not None, weights_initializer, biases_initializer,
                              weights_regularizer, biases_regularizer, trainable,
                              name=tf.get_variable_scope())  # fmt: skip


convolution2d = conv2d


def max_pool2d(inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", scope: str | None = None) -> Any:
    """Return the maximum of each window."""
    return _layers.max_pooling2d(inputs, kernel_size, stride, padding, name=scope)


def avg_pool2d(inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", scope: str | None = None) -> Any:
    """Return the mean of each window."""
    return _layers.average_pooling2d(inputs, kernel_size, stride, padding, name=scope)


def flatten(inputs: Any, scope: str | None = None) -> Any:
    """Return inputs of shape (rows, numbers of a row)."""
    return _layers.flatten(inputs, name=scope)


def dropout(
    inputs: Any, keep_prob: Any = 0.5, noise_shape: Any = None, is_training: Any = True, scope: str | None = None
) -> Any:
    """Return inputs, of which training keeps a share of `keep_prob`, divided by it."""
    return _layers.dropout(inputs, 1 - keep_prob, noise_shape, training=is_training, name=scope)


def _refuse(normalizer: Any) -> None:
    if normalizer is not None:
        raise NotImplementedError("normalizer_fn is not supported; normalize with tf.layers.batch_normalization")


def _old_names(getter: Any, name: str, *words: Any, **options: Any) -> Any:
    """Make a variable under the name that tf.contrib.layers gave it: weights, biases."""
    place, _slash, last = name.rpartition("/")
    return getter(f"{place}/{ {'kernel': 'weights', 'bias': 'biases'}.get(last, last) }", *words, **options)
