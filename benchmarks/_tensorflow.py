"""Contenders on TensorFlow: descenso's engines, the article's second program, Keras."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import tensorflow as tf

from _work import BATCH_SIZE, CLASSES, INPUTS, RATE, Clock, Rows, Walk
from descenso.config import TrainConfig
from descenso.data.order import Order
from descenso.training.plan import Plan

__all__ = ["article", "engine", "keras_fit"]


def engine(name: str, dtype: str) -> Walk:
    """Train on an engine of descenso, with all other settings at their defaults."""

    def walk(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
        plan = Plan.of(TrainConfig.of(engine=name, dtype=dtype), rows.dataset)
        with closing(plan.bind()) as runner:
            epochs = runner.walk(plan.start(), orders)
            while True:
                with clock:
                    _, trace = next(epochs)
                yield float(np.mean(trace.costs))

    return walk


def article(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
    """The second of the two classic programs, in its own terms: eager, float64, one-hot, tf.data's own shuffle.

    It draws its batches itself, so of `orders` only the number is used.
    """
    wanted = tf.cast(tf.one_hot(rows.labels, CLASSES), tf.float64)
    batches = tf.data.Dataset.from_tensor_slices((rows.scaled("float64"), wanted)).shuffle(10_000, seed=0)
    batches = batches.batch(BATCH_SIZE)
    W, b = tf.zeros([INPUTS, CLASSES], tf.float64), tf.zeros([CLASSES], tf.float64)
    for order in orders:
        with clock:
            total = tf.constant(0.0, tf.float64)
            for x, y in batches:
                with tf.GradientTape() as tape:
                    tape.watch([W, b])
                    probabilities = tf.nn.softmax(x @ W + b)
                    cost = tf.reduce_mean(-tf.reduce_sum(y * tf.math.log(probabilities), axis=1))
                to_W, to_b = tape.gradient(cost, [W, b])
                W, b = W - RATE * to_W, b - RATE * to_b
                total += cost
            mean = float(total) / len(order.batches)
        yield mean


def keras_fit(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
    """Train with `fit` on rows in order already; the clock runs from Keras's begin of an epoch to its end."""
    import keras

    x, y = rows.scaled("float32"), rows.labels
    layer = keras.layers.Dense(CLASSES, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input([INPUTS]), layer])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE), loss)
    timed = keras.callbacks.LambdaCallback(on_epoch_begin=clock.start, on_epoch_end=clock.stop)
    for order in orders:
        flat = order.batches.ravel()
        fitted = model.fit(x[flat], y[flat], BATCH_SIZE, shuffle=False, verbose=0, callbacks=[timed])
        yield float(fitted.history["loss"][0])
