"""Layers that Keras has in another form: dropout and augmentation that draw the same numbers on every engine, and batch
normalisation in one operation, or over parts of a batch.
"""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from descenso.descent.problem import Tensor

_first_row: ContextVar[int] = ContextVar("_first_row", default=0)


@contextmanager
def rows_from(first: int) -> Iterator[None]:
    """Let layers draw what they draw for the rows of a whole batch from its row `first` on."""
    token = _first_row.set(first)
    try:
        yield
    finally:
        _first_row.reset(token)


def normalising(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the layers of `model` that normalise over a batch."""
    return [each for each in model._flatten_layers() if isinstance(each, keras.layers.BatchNormalization)]


@contextmanager
def synchronized(model: keras.Model) -> Iterator[None]:
    """Let the layers of `model` normalise over a batch that several processes or devices have parts of.

    TensorFlow's distribution strategy exchanges the moments between them; those of a layer of Keras's own as one array.
    """
    layers = normalising(model)
    before = [(layer.__class__, layer.synchronized) for layer in layers]
    try:
        for layer in layers:
            layer.synchronized = True
            known = type(layer) in (keras.layers.BatchNormalization, BatchNormalization)
            if known and not getattr(layer, "renorm", False):
                layer.__class__ = _Synchronized
        yield
    finally:
        for layer, (kind, was) in zip(layers, before, strict=True):
            layer.__class__, layer.synchronized = kind, was


@keras.saving.register_keras_serializable("descenso")
class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc] # Keras publishes no types
    """Keras's layer, which normalises maps of float32 in one operation of TensorFlow's while it trains, not in twenty.

    Source: Ioffe and Szegedy, Batch Normalization (2015), algorithm 1.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Apply the layer: (batch, height, width, channels) -> the same shape."""
        if not training or not self.trainable or mask is not None or not _of_maps(self, inputs):
            return super().call(inputs, training=training, mask=mask)
        normal, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma.value, self.beta.value, epsilon=self.epsilon
        )
        count = tf.cast(tf.size(inputs) / tf.size(mean), tf.float32)
        variance *= (count - 1) / count  # TensorFlow's is unbiased, Keras's that of the batch
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + value * (1 - self.momentum))
        return normal


def _of_maps(layer: keras.layers.BatchNormalization, inputs: Tensor) -> bool:
    """Whether TensorFlow has an operation that normalises `inputs` as `layer` does: maps of float32, channels last."""
    maps = len(inputs.shape) == 4 and inputs.dtype == tf.float32
    return bool(maps and layer.axis in (3, -1) and layer.scale and layer.center)


class _Synchronized(keras.layers.BatchNormalization):  # type: ignore[misc] # Keras publishes no types
    """Batch normalisation whose moments take one exchange; those of Keras take three, and two in the gradient.

    Moments are taken about the moving mean, which all parts have in common, so that a mean far from 0 costs no digits.

    Source: Ioffe and Szegedy, Batch Normalization (2015), algorithm 1.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Apply the layer: (batch, …) -> the same shape."""
        if not training or not self.trainable or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        if _of_maps(self, inputs):
            normalised = tf.custom_gradient(lambda *tensors: _normalised(self.epsilon, *tensors))
            of_layer = (each.value for each in (self.gamma, self.beta, self.moving_mean))
            normal, mean, variance = normalised(inputs, *of_layer)
            self._move(mean, variance)
            return normal
        wide = tf.cast(inputs, "float32") if inputs.dtype.size < 4 else inputs
        axis = self.axis % len(wide.shape)
        axes = [each for each in range(len(wide.shape)) if each != axis]
        shape = [1] * axis + [-1] + [1] * (len(wide.shape) - axis - 1)
        centre = tf.cast(self.moving_mean.value, wide.dtype)
        apart = wide - tf.reshape(centre, shape)
        count = tf.cast(tf.size(wide) / tf.size(centre), wide.dtype)
        mean, variance = _exchanged(centre, tf.reduce_sum(apart, axes), tf.reduce_sum(tf.square(apart), axes), count)
        self._move(mean, variance)
        scale, offset = (
            None if value is None else tf.reshape(tf.cast(value.value, wide.dtype), shape)
            for value in (self.gamma if self.scale else None, self.beta if self.center else None)
        )
        mean, variance = tf.reshape(mean, shape), tf.reshape(variance, shape)
        normal = tf.nn.batch_normalization(wide, mean, variance, offset, scale, self.epsilon)
        return tf.cast(normal, self.compute_dtype)

    def _move(self, mean: Tensor, variance: Tensor) -> None:
        """Bring the moving moments nearer to those of a batch."""
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + tf.cast(value, moving.dtype) * (1 - self.momentum))


def _normalised(epsilon: float, inputs: Tensor, gamma: Tensor, beta: Tensor, centre: Tensor) -> tuple[Any, Any]:
    """Normalise maps, (rows, height, width, channels), by the moments of all parts of their batch.

    Each operation passes over the maps once: two for the result, and three for the gradient, where TensorFlow's of a
    formula in single operations takes some twenty.

    Returns:
        The maps, and mean and variance of each channel, (channels,), whose gradients are taken for zero; and the
        function of the gradient, as of `tf.custom_gradient`.
    """
    normalise = partial(tf.raw_ops.FusedBatchNormV3, x=inputs, epsilon=epsilon)
    part = normalise(scale=gamma, offset=beta, mean=[], variance=[], is_training=True)
    count = tf.cast(tf.size(inputs) / tf.size(centre), tf.float32)
    shift, spread = (  # of a part without rows, TensorFlow's are not numbers
        tf.where(count > 0, value, 0) for value in (part.batch_mean - centre, part.batch_variance * (count - 1))
    )  # TensorFlow's variance is the unbiased one
    square = spread + count * tf.square(shift)
    mean, variance = _exchanged(centre, count * shift, square, count)
    moments = {"mean": mean, "variance": variance, "is_training": False}

    def gradient(upstream: Tensor, *_moments: Tensor) -> tuple[Tensor | None, ...]:
        fixed = tf.raw_ops.FusedBatchNormGradV3(  # as if the moments did not depend on the inputs
            y_backprop=upstream, x=inputs, scale=gamma, reserve_space_1=mean, reserve_space_2=variance,
            reserve_space_3=[], epsilon=epsilon, is_training=False,
        )  # fmt: skip
        total = _summed(tf.concat([fixed.scale_backprop, fixed.offset_backprop, count[tf.newaxis]], axis=0))
        factor = gamma * tf.math.rsqrt(variance + epsilon)
        scale, offset = tf.split(total[:-1] / total[-1], 2)
        through_moments = normalise(scale=factor * scale, offset=factor * offset, **moments).y
        return fixed.x_backprop - through_moments, fixed.scale_backprop, fixed.offset_backprop, None

    return (normalise(scale=gamma, offset=beta, **moments).y, mean, variance), gradient


def _exchanged(centre: Tensor, apart: Tensor, square: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of a batch, (channels,) each, by those of all parts.

    Args:
        centre: (channels,), the same in all parts.
        apart, square: (channels,), sums over this part of the distances from `centre`, and of their squares.
        count: scalar, the number of values of a channel in this part.
    """
    total = _summed(tf.concat([apart, square, count[tf.newaxis]], axis=0))
    shift, square = tf.split(total[:-1] / total[-1], 2)
    return centre + shift, tf.maximum(square - tf.square(shift), 0)


def _summed(values: Tensor) -> Tensor:
    """Add up the values of all parts of a batch."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def _mixed(bits: Tensor) -> Tensor:
    """Hash integers, (…,) uint32, one to one.

    Source: the hash with least bias that Wellons's search found (hash-prospector, 2018, "lowbias32" of 2023).
    """
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(15, tf.uint32)))


def noise(draw: Tensor, shape: Tensor, first: int = 0) -> Tensor:
    """Draw float32 numbers of `shape`, uniform in [0, 1), as a function of `draw` (int32 scalar) alone: rows from
    `first` on of those that are drawn for a whole batch.

    TensorFlow's own generators give XLA other numbers than they give the processor's kernels, from the same seed.
    """
    places = tf.range(tf.reduce_prod(shape))
    places = tf.cast(places + first * tf.reduce_prod(shape[1:]) if first else places, tf.uint32)
    key = _mixed(tf.cast(draw, tf.uint32))
    bits = _mixed(tf.bitwise.bitwise_xor(_mixed(places), key))
    kept = tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32))  # 24 bits, which float32 holds exactly
    return tf.reshape(tf.cast(tf.cast(kept, tf.int32), tf.float32) * 2.0**-24, shape)


class _Drawing(keras.layers.Layer):  # type: ignore[misc] # Keras publishes no types
    """Base class of layers that draw at random while training.

    Its state is the number of the next draw; it travels with the descent, so that a run goes on to the same bits.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the counter of draws, at a random start."""
        first = random.getrandbits(30)
        begin = keras.initializers.Constant(first)
        self.draw = self.add_weight(name="draw", shape=(), dtype="int32", initializer=begin, trainable=False)

    def drawn(self, shape: Tensor) -> Tensor:
        """Draw the next numbers: float32 of `shape`, uniform in [0, 1)."""
        draw = tf.convert_to_tensor(self.draw.value)
        self.draw.assign(draw + 1)
        return noise(draw, shape, _first_row.get())


@keras.saving.register_keras_serializable("descenso")
class Dropout(_Drawing):
    """Zero a share of the inputs while training, and scale the others up to keep their mean.

    Source: Srivastava et al., Dropout (2014), section 10 ("inverted", as Keras's).
    """

    def __init__(self, rate: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Apply the layer: (…,) -> (…,)."""
        if not training or not self.rate:
            return inputs
        kept = self.drawn(tf.shape(inputs)) >= self.rate
        return tf.where(kept, inputs / (1 - self.rate), tf.zeros_like(inputs))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("descenso")
class Augment(_Drawing):
    """Shift, rotate, scale and shear each image at random while training; its edge pixels fill what comes into view.

    At a strength of 1 each image is moved by up to 3/28 of its size each way, turned by up to 15 degrees, and scaled
    and sheared by up to 15 %, all uniformly; a strength of s makes that s times as much. No picture is mirrored.

    Source: Simard, Steinkraus and Platt, Best Practices for Convolutional Neural Networks (2003), section 2.
    """

    MOVED, TURNED, SCALED, SHEARED = 3 / 28, math.radians(15), 0.15, 0.15

    def __init__(self, strength: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.strength = strength

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Apply the layer: (batch, height, width, channels) -> the same shape."""
        if not training:
            return inputs
        height, width = inputs.shape[1:3]
        draws = self.strength * (2 * self.drawn(tf.stack([tf.shape(inputs)[0], 6])) - 1)
        if inputs.dtype == tf.float64:  # a sine in float32 differs in its last digit with the number of rows
            draws = tf.cast(draws, tf.float64)
        down, right, turn, tall, wide, shear = tf.unstack(draws, axis=1)  # each (batch,), in [-strength, strength)
        sine, cosine = tf.sin(self.TURNED * turn), tf.cos(self.TURNED * turn)
        tall, wide, shear = 1 + self.SCALED * tall, 1 + self.SCALED * wide, self.SHEARED * shear
        a, b = wide * cosine, shear - sine * tall  # x' = a x + b y + c,  y' = d x + e y + f
        d, e = sine * wide, tall * cosine
        x, y = (width - 1) / 2, (height - 1) / 2  # the middle stays where it is, but for the move
        c = x - a * x - b * y + self.MOVED * width * right
        f = y - d * x - e * y + self.MOVED * height * down
        zero = tf.zeros_like(a)
        moves = tf.stack([a, b, c, d, e, f, zero, zero], axis=1)
        return keras.ops.image.affine_transform(inputs, moves, fill_mode="nearest", data_format="channels_last")

    def get_config(self) -> dict[str, object]:
        """Return the arguments that make the layer again."""
        return {**super().get_config(), "strength": self.strength}
