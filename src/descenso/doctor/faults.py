"""One planted fault per check, on some rows of MNIST, for `descenso doctor --break` and for the tests."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.initializers import Constant, RandomNormal

from descenso.config import TrainConfig
from descenso.data.catalog import load
from descenso.data.dataset import Dataset, Scaling, Split
from descenso.descent.keras_models import as_model, from_keras
from descenso.descent.problem import Model, Own, Params, State, Tensor
from descenso.doctor.descents import Walked, evidence_of
from descenso.doctor.evidence import Array, Evidence
from descenso.doctor.steps import Watched, evidence_of_step
from descenso.runs.trained import Trained
from descenso.training.control import Outcome
from descenso.training.loop import train, trained_weights
from descenso.training.plan import Plan

ROWS, TEST_ROWS, BATCH = 2_000, 500, 100


class Fault(NamedTuple):
    """A planted fault."""

    line: str  # line of code with the mistake
    plant: Callable[[], Evidence]  # makes the mistake and returns its evidence


@lru_cache(1)
def _few() -> Dataset:
    data = load("mnist")
    return data._replace(train=data.train.rows(slice(ROWS)), test=data.test.rows(slice(TEST_ROWS)))


def _from_1() -> dict[str, Any]:
    """Labels from 1 to 10, with a class 0 without rows."""
    train, test, names = _few().train, _few().test, _few().class_names
    plus_1 = {"train": train._replace(labels=train.labels + 1), "test": test._replace(labels=test.labels + 1)}
    return {**plus_1, "class_names": (*names, "10")}


def _zeroed() -> dict[str, Any]:
    train, test = (split._replace(inputs=split.inputs // np.uint8(255)) for split in (_few().train, _few().test))
    return {"train": train, "test": test, "scaling": Scaling()}


def _sorted() -> Split:
    train = _few().train
    return train.rows(np.argsort(train.labels, kind="stable"))


def _rare() -> Split:
    train = _few().train
    return train.rows((train.labels != 7) | (np.arange(ROWS) < BATCH))


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


def _descent(make: Any = None, changes: Mapping[str, Any] | None = None, **settings: Any) -> Evidence:
    """Train softmax regression, or the model `make`, on rows with these changes; return the evidence of the run."""
    data, own = _few()._replace(**(changes or {})), Own(as_model(make, "float32")) if make else None
    usual = {"engine": "function", "rule": "sgd", "learning_rate": 0.1, "schedule": "constant", "epochs": 6}
    config = TrainConfig.of(**{**usual, **settings})
    plan = Plan.of(config, data, own)
    epochs, progress = train(plan)
    kept = None
    if progress.outcome is not Outcome.DIVERGED:
        kept = Trained(*trained_weights(plan, progress), data.input_shape, data.class_names, data.scaling, data.stored)
    return evidence_of(Walked(config, data, tuple(epochs), str(progress.outcome and progress.outcome.value), kept, own))


def _noisy() -> Split:
    """Few rows with permuted labels, which a model can only memorise."""
    train = _few().train.rows(slice(400))
    return train._replace(labels=np.random.default_rng(0).permutation(train.labels))


def _batch() -> tuple[Array, Array]:
    train = _few().train.rows(slice(BATCH))
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


def _sparse_loop() -> Evidence:
    images, digits = _batch()
    model, loss = _layers(1, activation="relu")(), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return evidence_of_step(model, loss, images, tf.one_hot(digits, 10), model.trainable_variables, True, False)


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


FAULTS = {
    "labels-not-one-hot": Fault(
        "tf.reduce_sum(labels * tf.math.log(outputs), axis=1)  # labels.shape == (100,)", lambda: _loop(one_hot=False)
    ),
    "labels-one-hot": Fault(
        "SparseCategoricalCrossentropy(from_logits=True)(tf.one_hot(labels, 10), outputs)", _sparse_loop
    ),
    "labels-from-1": Fault("labels = labels + 1", lambda: _descent(changes=_from_1())),
    "mixed-dtypes": Fault("inputs = images / 255  # float64", lambda: _loop(inputs_dtype="float64")),
    "pixels-not-scaled": Fault('inputs = images.astype("float32")', lambda: _descent(changes={"scaling": Scaling()})),
    "pixels-zeroed": Fault("inputs = images // 255", lambda: _descent(changes=_zeroed())),
    "buffer-on-sorted": Fault(
        "descenso train sorted.npz --order buffer:100",
        lambda: _descent(changes={"train": _sorted()}, order=f"buffer:{BATCH}"),
    ),
    "test-in-train": Fault(
        "test = train[:500]", lambda: _descent(changes={"test": _few().train.rows(slice(TEST_ROWS))})
    ),
    "imbalanced-classes": Fault(
        "train = train[(labels != 7) | (places < 100)]", lambda: _descent(changes={"train": _rare()})
    ),
    "first-cost": Fault(
        "Dense(10, kernel_initializer=RandomNormal(stddev=2.0))",
        lambda: _descent(_layers(0, RandomNormal(stddev=2.0))),
    ),
    "softmax-twice": Fault("Sequential([…, Dense(10), Softmax()])", lambda: _descent(_with_softmax())),
    "log-of-zero": Fault(
        "cost = tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(softmax), axis=1))",
        lambda: _loop(sure=20.0),
    ),
    "none-gradients": Fault("outputs = tf.nn.softmax(tf.matmul(inputs, W.numpy()) + b)", lambda: _loop(lost=True)),
    "dead-units": Fault(
        'Dense(64, "relu", bias_initializer=Constant(-10))',
        lambda: _descent(_layers(1, activation="relu", bias_initializer=Constant(-10))),
    ),
    "vanishing-gradients": Fault(
        '[Dense(64, "sigmoid") for _ in range(8)]', lambda: _descent(_layers(8, activation="sigmoid"))
    ),
    "exploding-gradients": Fault(
        '[Dense(64, "relu", kernel_initializer=RandomNormal(stddev=0.5)) for _ in range(8)]',
        lambda: _descent(_layers(8, activation="relu", kernel_initializer=RandomNormal(stddev=0.5, seed=0))),
    ),
    "retracing": Fault("for number in range(10): step(images, number)", _counted),
    "rate-too-high": Fault("descenso train --learning-rate 30", lambda: _descent(learning_rate=30.0)),
    "rate-too-low": Fault("descenso train --learning-rate 1e-6", lambda: _descent(learning_rate=1e-6)),
    "over-fitting": Fault(
        "descenso train noise.npz --model mlp --epochs 60",
        lambda: _descent(
            None, {"train": _noisy()}, model="mlp", rule="adam", learning_rate=0.003, epochs=60, validation_size=200
        ),
    ),
}
