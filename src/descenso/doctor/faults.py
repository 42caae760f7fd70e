"""One planted fault per check, on some rows of MNIST, for `descenso doctor --break` and for the tests."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.initializers import Constant, GlorotUniform, RandomNormal

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Scaling
from descenso.descent.keras_models import as_model, from_keras
from descenso.descent.problem import Model, Own, Params, State, Tensor
from descenso.doctor.descents import Walked, evidence_of
from descenso.doctor.evidence import Array, Evidence, Rows
from descenso.doctor.faulty_rows import (
    BATCH,
    ROWS,
    TEST_ROWS,
    changed,
    few,
    from_1,
    labelled,
    named_twice,
    noisy,
    not_finite,
    sorted_by_class,
    trained_on,
)
from descenso.doctor.steps import Watched, evidence_of_step
from descenso.runs.trained import Trained
from descenso.training.control import Outcome
from descenso.training.loop import train, trained_weights
from descenso.training.plan import Plan


class Fault(NamedTuple):
    """A planted fault."""

    line: str  # line of code with the mistake
    plant: Callable[[], Evidence]  # makes the mistake and returns its evidence


def _layers(count: int, last: Any = "glorot_uniform", **settings: Any) -> Callable[[], Any]:
    def make() -> Any:
        hidden = [keras.layers.Dense(64, **settings) for _ in range(count)]
        outputs = keras.layers.Dense(10, kernel_initializer=last)
        return keras.Sequential([keras.layers.Input((28, 28)), keras.layers.Flatten(), *hidden, outputs])

    return make


def _with_softmax() -> Model:
    """A model that ends in softmax, which `from_keras` would refuse."""
    model = from_keras(_layers(1, activation="relu"))

    def apply(params: Params, state: State, inputs: Tensor, training: bool) -> tuple[Tensor, State]:
        logits, changed = model.apply(params, state, inputs, training)
        return tf.nn.softmax(logits), changed

    return model._replace(apply=apply)


def _descent(data: Dataset | None = None, make: Any = None, **settings: Any) -> Evidence:
    """Train softmax regression, or the model `make`, on `data`, by default `few`; return the evidence of the run."""
    data, own = data or few(), Own(as_model(make, "float32")) if make else None
    usual = {"engine": "function", "rule": "sgd", "learning_rate": 0.1, "schedule": "constant", "epochs": 6}
    config = TrainConfig.of(**{**usual, **settings})
    plan = Plan.of(config, data, own)
    epochs, progress = train(plan)
    kept = None
    if progress.outcome is not Outcome.DIVERGED:
        kept = Trained(*trained_weights(plan, progress), data.input_shape, data.class_names, data.scaling, data.stored)
    return evidence_of(Walked(config, data, tuple(epochs), str(progress.outcome and progress.outcome.value), kept, own))


def _batch() -> tuple[Array, Array]:
    train = few().train.rows(slice(BATCH))
    return train.inputs.astype(np.float64) / 255, train.labels


def _loop(one_hot: bool = True, inputs_dtype: str = "float32", lost: bool = False, sure: float = 0.0) -> Evidence:
    """Evidence on one step of softmax regression, written as in tutorials."""
    images, digits = _batch()
    labels = tf.one_hot(digits, 10) if one_hot else digits
    inputs = tf.constant(images.reshape(BATCH, -1), inputs_dtype)
    start = np.random.default_rng(0).normal(size=(784, 10)) * sure
    W, b = tf.Variable(tf.constant(start, "float32")), tf.Variable(tf.zeros(10))

    def model(inputs: Tensor) -> Tensor:
        return tf.nn.softmax(tf.matmul(inputs, W.numpy() if lost else W) + b)

    def loss(labels: Tensor, outputs: Tensor) -> Tensor:
        return tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(outputs), axis=1))

    return evidence_of_step(model, loss, inputs, labels, [W, b], not sure, False)


def _stepped(
    loss: Any, *layers: Any, labels: Callable[[Array], Any] = lambda digits: digits, trained: bool = True
) -> Evidence:
    """Evidence on one step of a Keras model."""
    images, digits = _batch()
    model = keras.Sequential([keras.layers.Input((28, 28)), keras.layers.Flatten(), *layers])
    model.trainable = trained
    inputs = images.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of some of these mistakes, too
        return evidence_of_step(model, loss, inputs, labels(digits), model.trainable_variables, True, False)


def _squares(labels: Tensor, outputs: Tensor) -> Tensor:
    return tf.reduce_mean((tf.cast(labels, outputs.dtype) - outputs) ** 2)


def _is_large(digits: Array) -> Array:
    return (digits > 4).astype(np.float32)[:, None]


def _table(
    add: Callable[[Array, Array], Array] | None = None, labels: Callable[[Array], Array] | None = None
) -> Evidence:
    """Evidence on a table: the means of twenty lines of each image, and a column or labels made of these."""
    train = few().train
    lines = train.inputs[:, 4:24].mean(axis=2)
    inputs = np.column_stack([lines, add(lines, train.labels)]) if add else lines
    return Evidence(Rows(inputs, labels(lines) if labels else train.labels))


def _counted(count: Callable[[int], Any] = lambda step: step) -> Evidence:
    """Evidence on a function that is called ten times with its step number."""

    @tf.function  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def step(images: Tensor, number: Any) -> Tensor:
        return tf.reduce_mean(images) * tf.cast(number, "float32")

    watched = Watched(step, warn=False)
    log = tf.get_logger()
    level = log.level
    log.setLevel("ERROR")  # TensorFlow warns of five traces too, without naming the argument
    try:
        for number in range(10):
            watched(tf.zeros((BATCH, 784)), count(number))
    finally:
        log.setLevel(level)
    return Evidence(calls=watched.calls)


def healthy() -> Evidence:
    """Return the evidence of a training run and a function without a fault."""
    return _descent()._replace(calls=_counted(lambda number: tf.constant(number)).calls)


def _scaling_model() -> Any:
    scaling = [keras.layers.Input((28, 28)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    return keras.Sequential([*scaling, keras.layers.Dense(64, "relu"), keras.layers.Dense(10)])


SPARSE, BINARY = keras.losses.SparseCategoricalCrossentropy, keras.losses.BinaryCrossentropy
DENSE = partial(keras.layers.Dense, kernel_initializer=GlorotUniform(seed=0))  # the same weights each time
MLP: dict[str, Any] = {"model": "mlp", "rule": "adam", "learning_rate": 0.003}

FAULTS = {
    "not-finite": Fault("inputs = images / images.max(axis=0)", lambda: _descent(not_finite())),
    "numeric-target": Fault(
        "labels = images.sum(axis=(1, 2))",
        lambda: Evidence(Rows(few().train.inputs, few().train.inputs.sum(axis=(1, 2)))),
    ),
    "labels-alike": Fault(
        "train = sorted_by_class[:100]", lambda: Evidence(Rows.of(trained_on(sorted_by_class()[:BATCH])))
    ),
    "labels-not-one-hot": Fault(
        "tf.reduce_sum(labels * tf.math.log(outputs), axis=1)  # labels.shape == (100,)", lambda: _loop(one_hot=False)
    ),
    "labels-one-hot": Fault(
        "SparseCategoricalCrossentropy(from_logits=True)(tf.one_hot(labels, 10), outputs)",
        lambda: _stepped(SPARSE(from_logits=True), DENSE(10), labels=lambda digits: tf.one_hot(digits, 10)),
    ),
    "labels-from-1": Fault("labels = labels + 1", lambda: _descent(from_1())),
    "labels-out-of-range": Fault(
        "Dense(9)  # labels from 0 to 9", lambda: _stepped(SPARSE(from_logits=True), DENSE(9))
    ),
    "similar-class-names": Fault(
        'class_names = ("0", "1", "2", "3", …, "3.0")', lambda: Evidence(Rows.of(named_twice()))
    ),
    "empty-class": Fault(
        'class_names = ("0", …, "9", "10")', lambda: _descent(few()._replace(class_names=(*few().class_names, "10")))
    ),
    "unseen-labels": Fault("train = train[labels != 7]", lambda: _descent(trained_on(few().train.labels != 7))),
    "counting-column": Fault(
        "inputs = frame.reset_index().to_numpy()", lambda: _table(lambda inputs, labels: np.arange(len(inputs)))
    ),
    "label-column": Fault(
        "inputs = frame.to_numpy()  # the label among the columns", lambda: _table(lambda inputs, labels: labels)
    ),
    "useless-columns": Fault(
        "inputs = np.column_stack([inputs, inputs[:, 3]])", lambda: _table(lambda inputs, labels: inputs[:, 3])
    ),
    "channels-first": Fault(
        "inputs = np.stack([images] * 3, axis=1)",
        lambda: Evidence(Rows(np.stack([few().train.inputs] * 3, axis=1), few().train.labels)),
    ),
    "mixed-dtypes": Fault("inputs = images / 255  # float64", lambda: _loop(inputs_dtype="float64")),
    "pixels-not-scaled": Fault(
        'inputs = images.astype("float32")', lambda: _descent(few()._replace(scaling=Scaling()))
    ),
    "pixels-zeroed": Fault("inputs = images // 255", lambda: _descent(changed(lambda inputs: inputs // np.uint8(255)))),
    "test-unlike-train": Fault(
        "test_inputs = 255 - test_inputs",
        lambda: _descent(few()._replace(test=few().test._replace(inputs=255 - few().test.inputs))),
    ),
    "test-in-train": Fault(
        "test = train[:500]", lambda: _descent(few()._replace(test=few().train.rows(slice(TEST_ROWS))))
    ),
    "buffer-on-sorted": Fault(
        "descenso train sorted.npz --order buffer:100",
        lambda: _descent(trained_on(sorted_by_class()), order=f"buffer:{BATCH}"),
    ),
    "nothing-trained": Fault(
        "model.trainable = False", lambda: _stepped(SPARSE(from_logits=True), DENSE(10), trained=False)
    ),
    "none-gradients": Fault("outputs = tf.nn.softmax(tf.matmul(inputs, W.numpy()) + b)", lambda: _loop(lost=True)),
    "broadcast-labels": Fault(
        "tf.reduce_mean((labels - outputs) ** 2)  # (100,) and (100, 1)", lambda: _stepped(_squares, DENSE(1))
    ),
    "softmax-of-one": Fault(
        'Dense(1, "softmax"), BinaryCrossentropy()', lambda: _stepped(BINARY(), DENSE(1, "softmax"), labels=_is_large)
    ),
    "softmax-twice": Fault("Sequential([…, Dense(10), Softmax()])", lambda: _descent(make=_with_softmax())),
    "sigmoid-twice": Fault(
        'Dense(1, "sigmoid"), BinaryCrossentropy(from_logits=True)',
        lambda: _stepped(BINARY(from_logits=True), DENSE(1, "sigmoid"), labels=_is_large),
    ),
    "logits-as-probabilities": Fault(
        "Dense(10), SparseCategoricalCrossentropy()", lambda: _stepped(SPARSE(), DENSE(10))
    ),
    "activation-before-loss": Fault(
        'Dense(10, "relu"), SparseCategoricalCrossentropy(from_logits=True)',
        lambda: _stepped(SPARSE(from_logits=True), DENSE(10, "relu")),
    ),
    "summed-cost": Fault(
        'SparseCategoricalCrossentropy(from_logits=True, reduction="sum")',
        lambda: _stepped(SPARSE(from_logits=True, reduction="sum"), DENSE(10)),
    ),
    "scaled-twice": Fault(
        "Sequential([Rescaling(1 / 255), …])  # of scaled pixels", lambda: _descent(make=_scaling_model)
    ),
    "equal-units": Fault(
        'Dense(64, "relu", kernel_initializer="zeros")',
        lambda: _descent(make=_layers(1, "zeros", activation="relu", kernel_initializer="zeros")),
    ),
    "vanishing-gradients": Fault(
        '[Dense(64, "sigmoid") for _ in range(8)]', lambda: _descent(make=_layers(8, activation="sigmoid"))
    ),
    "exploding-gradients": Fault(
        '[Dense(64, "relu", kernel_initializer=RandomNormal(stddev=0.5)) for _ in range(8)]',
        lambda: _descent(make=_layers(8, activation="relu", kernel_initializer=RandomNormal(stddev=0.5, seed=0))),
    ),
    "first-cost": Fault(
        "Dense(10, kernel_initializer=RandomNormal(stddev=2.0))",
        lambda: _descent(make=_layers(0, RandomNormal(stddev=2.0))),
    ),
    "log-of-zero": Fault(
        "cost = tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(softmax), axis=1))",
        lambda: _loop(sure=20.0),
    ),
    "retracing": Fault("for number in range(10): step(images, number)", _counted),
    "rate-too-high": Fault("descenso train --learning-rate 30", lambda: _descent(learning_rate=30.0)),
    "rate-too-low": Fault("descenso train --learning-rate 1e-6", lambda: _descent(learning_rate=1e-6)),
    "dead-units": Fault(
        'Dense(64, "relu", bias_initializer=Constant(-10))',
        lambda: _descent(make=_layers(1, activation="relu", bias_initializer=Constant(-10))),
    ),
    "imbalanced-classes": Fault(
        "train = train[(labels != 7) | (places < 100)]",
        lambda: _descent(trained_on((few().train.labels != 7) | (np.arange(ROWS) < BATCH))),
    ),
    "no-better-than-chance": Fault(
        "rng.shuffle(labels)", lambda: _descent(labelled(np.random.default_rng(0).permutation(few().train.labels)))
    ),
    "over-fitting": Fault(
        "descenso train noise.npz --model mlp --epochs 60",
        lambda: _descent(noisy(), **MLP, epochs=60, validation_size=200),
    ),
    "test-far-worse": Fault(
        "train = train[:60]", lambda: _descent(trained_on(slice(60)), **MLP, epochs=100, batch_size=20)
    ),
}
