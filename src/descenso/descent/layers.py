"""Layers that must do the same on every engine, and so are not Keras's own."""

import random

import keras
import tensorflow as tf

from descenso.descent.problem import Tensor

__all__ = ["Dropout", "noise"]


def _mixed(bits: Tensor) -> Tensor:
    """Integers in, integers out, (…,) uint32, one to one, and no trace of the order they came in.

    Source: the hash with least bias that Wellons's search found (hash-prospector, 2018, "lowbias32" of 2023).
    """
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(15, tf.uint32)))


def noise(draw: Tensor, shape: Tensor) -> Tensor:
    """Numbers at random, float32 of `shape`, uniform in [0, 1), a function of `draw` (int32 scalar) alone.

    TensorFlow's own generators give XLA other numbers than they give the processor's kernels, from the same seed.
    """
    places = tf.cast(tf.range(tf.reduce_prod(shape)), tf.uint32)
    key = _mixed(tf.cast(draw, tf.uint32))
    bits = _mixed(tf.bitwise.bitwise_xor(_mixed(places), key))
    kept = tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32))  # 24 bits, which float32 holds exactly
    return tf.reshape(tf.cast(tf.cast(kept, tf.int32), tf.float32) * 2.0**-24, shape)


@keras.saving.register_keras_serializable("descenso")
class Dropout(keras.layers.Layer):  # type: ignore[misc] # Keras publishes no types
    """Leaves out a share of its inputs while training, and makes the others as much larger.

    Its state is the number of the next draw; it travels with the descent, so that a run goes on to the same bits.

    Source: Srivastava et al., Dropout (2014), section 10 ("inverted", as Keras's).
    """

    def __init__(self, rate: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draw where the draws begin."""
        first = random.getrandbits(30)
        begin = keras.initializers.Constant(first)
        self.draw = self.add_weight(name="draw", shape=(), dtype="int32", initializer=begin, trainable=False)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """(…,) in, (…,) out."""
        if not training or not self.rate:
            return inputs
        draw = tf.convert_to_tensor(self.draw.value)
        self.draw.assign(draw + 1)
        kept = noise(draw, tf.shape(inputs)) >= self.rate
        return tf.where(kept, inputs / (1 - self.rate), tf.zeros_like(inputs))

    def get_config(self) -> dict[str, object]:
        """What makes it again."""
        return {**super().get_config(), "rate": self.rate}
