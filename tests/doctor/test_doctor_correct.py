"""The doctor finds nothing in correct programs, each of which does something that looks like a mistake."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import descenso as ds

ROWS = 200
LABELS = np.arange(ROWS) % 3


def random(seed=0):
    return np.random.default_rng(seed)


def blobs(labels=LABELS, columns=6, apart=1.5):
    """Return inputs of overlapping classes, so that no single column separates them."""
    centres = random(1).normal(size=(int(labels.max()) + 1, columns)) * apart
    return (centres[labels] + random().normal(size=(len(labels), columns))).astype("float32")


def pictures(labels=LABELS, side=12):
    """Return images of noise from 0 to 255 with a bright bar, whose vertical position shows the class."""
    images = random().integers(0, 80, (len(labels), side, side))
    for image, label in zip(images, labels, strict=True):
        image[2 + 3 * label : 5 + 3 * label, 1 + random(label).integers(3) : 9] += 150
    return images.astype("uint8")


def model(shape, *layers):
    return keras.Sequential([keras.Input(shape), *layers])


D, F = keras.layers.Dense, keras.layers.Flatten
SPARSE, CATEGORICAL, BINARY = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.BinaryCrossentropy,
)
BINARY_LABELS = LABELS % 2
RARE = (np.arange(1020) % 51 == 0).astype(int)
WEIGHTS = tf.constant([1.0, 5.0, 1.0])


def weighted(labels, outputs):
    labels = tf.cast(tf.reshape(labels, [-1]), "int32")
    costs = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
    return tf.reduce_mean(costs * tf.gather(WEIGHTS, labels))


def focal(labels, outputs):
    chosen = tf.gather(tf.nn.softmax(outputs), tf.cast(labels, "int32"), batch_dims=1)
    return tf.reduce_mean(-((1 - chosen) ** 2) * tf.math.log(chosen))


def dice(labels, outputs):
    shares = tf.nn.sigmoid(outputs)
    return 1 - 2 * tf.reduce_sum(labels * shares) / (tf.reduce_sum(labels) + tf.reduce_sum(shares))


def frozen():
    base = model((6,), D(16, "relu"), D(16, "relu"))
    base.trainable = False
    return model((6,), base, D(3))


def prior():
    """Return a model whose last bias starts at the logarithm of the odds, as is usual for rare classes."""
    return model((6,), D(8, "relu"), D(1, bias_initializer=keras.initializers.Constant(np.log(1 / 50))))


def embedding():
    tokens = random().integers(1, 200, (ROWS, 80))
    tokens[np.arange(80) > random(1).integers(20, 80, ROWS)[:, None]] = 0  # padded
    return model((80,), keras.layers.Embedding(200, 8), keras.layers.GlobalAveragePooling1D(), D(1, "sigmoid")), tokens


def two_inputs():
    given = {"a": keras.Input((6,), name="a"), "b": keras.Input((2,), name="b")}
    joined = keras.layers.Concatenate()([given["a"], given["b"]])
    return keras.Model(given, D(3)(joined)), {"a": blobs(), "b": blobs()[:, :2]}


def residual():
    """Return a model with a branch initialised to 0, as in residual networks and adapters."""
    given = keras.Input((6,))
    hidden = D(16, "relu")(given)
    branch = D(16, kernel_initializer="zeros")(D(8, "relu")(hidden))
    return keras.Model(given, D(3)(hidden + branch))


def photographs():
    """Return images that do not form groups; the class shows only in how fast the brightness changes."""
    walks = random().normal(size=(400, 16, 16, 3)).cumsum(axis=1).cumsum(axis=2)
    return (walks * (1 + np.arange(400) % 10)[:, None, None, None] + 128).clip(0, 255).astype("uint8")


PIXELS = pictures()
UNITS = PIXELS.astype("float32") / 255
SEGMENTS = (UNITS > 0.4).astype("int32")
MANY = (random(3).random((ROWS, 4)) < 0.4).astype("float32")
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
NUMBERS = blobs() @ random(2).normal(size=6).astype("float32")

STEPS = {
    "binary, a column of labels": lambda: (
        model((6,), D(8, "relu"), D(1, "sigmoid")),
        BINARY(),
        blobs(),
        BINARY_LABELS[:, None],
    ),
    "binary, labels in a row": lambda: (model((6,), D(8, "relu"), D(1, "sigmoid")), BINARY(), blobs(), BINARY_LABELS),
    "binary, logits": lambda: (model((6,), D(8, "relu"), D(1)), BINARY(from_logits=True), blobs(), BINARY_LABELS),
    "binary, two outputs": lambda: (model((6,), D(2)), SPARSE(from_logits=True), blobs(), BINARY_LABELS),
    "hinge, labels of -1 and 1": lambda: (
        model((6,), D(1, "tanh")),
        keras.losses.Hinge(),
        blobs(),
        2 * BINARY_LABELS - 1,
    ),
    "several labels a row": lambda: (model((6,), D(4, "sigmoid")), BINARY(), blobs(), MANY),
    "several labels a row, logits": lambda: (model((6,), D(4)), BINARY(from_logits=True), blobs(), MANY),
    "regression": lambda: (model((6,), D(8, "relu"), D(1)), keras.losses.MeanSquaredError(), blobs(), NUMBERS),
    "regression of what is not negative": lambda: (
        model((6,), D(8, "relu"), D(1, "relu")),
        keras.losses.MeanSquaredError(),
        blobs(),
        np.abs(NUMBERS)[:, None],
    ),
    "regression, several numbers": lambda: (model((6,), D(2)), keras.losses.Huber(), blobs(), blobs()[:, :2]),
    "an autoencoder": lambda: (
        model((12, 12), F(), D(16, "relu"), D(144, "sigmoid"), keras.layers.Reshape((12, 12))),
        BINARY(),
        UNITS,
        UNITS,
    ),
    "one row in fifty": lambda: (prior(), BINARY(from_logits=True), blobs(RARE)[:, :6], RARE),
    "few rows": lambda: (model((6,), D(3, "softmax")), SPARSE(), blobs()[:20], LABELS[:20]),
    "frozen layers": lambda: (frozen(), SPARSE(from_logits=True), blobs(), LABELS),
    "weights of classes": lambda: (model((6,), D(3)), weighted, blobs(), LABELS),
    "a focal loss": lambda: (model((6,), D(3)), focal, blobs(), LABELS),
    "label smoothing": lambda: (model((6,), D(3, "softmax")), CATEGORICAL(label_smoothing=0.1), blobs(), ONE_HOT),
    "label smoothing, logits": lambda: (model((6,), D(3)), CATEGORICAL(True, label_smoothing=0.1), blobs(), ONE_HOT),
    "a class for each pixel": lambda: (
        model((12, 12, 1), keras.layers.Conv2D(2, 3, padding="same")),
        SPARSE(from_logits=True),
        UNITS[..., None],
        SEGMENTS,
    ),
    "an ignored class of pixels": lambda: (
        model((12, 12, 1), keras.layers.Conv2D(2, 3, padding="same")),
        SPARSE(from_logits=True, ignore_class=255),
        UNITS[..., None],
        np.where(np.arange(12) == 0, 255, SEGMENTS),
    ),
    "overlap of segments": lambda: (
        model((12, 12, 1), keras.layers.Conv2D(1, 3, padding="same"), keras.layers.Reshape((12, 12))),
        dice,
        UNITS[..., None],
        SEGMENTS.astype("f4"),
    ),
    "numbers of words": lambda: (*embedding()[:1], BINARY(), embedding()[1], BINARY_LABELS),
    "pixels scaled in the model": lambda: (
        model((12, 12), keras.layers.Rescaling(1 / 255), F(), D(3)),
        SPARSE(from_logits=True),
        PIXELS,
        LABELS,
    ),
    "pixels from -1 to 1": lambda: (
        model((12, 12), F(), D(16, "relu"), D(3)),
        SPARSE(from_logits=True),
        UNITS * 2 - 1,
        LABELS,
    ),
    "a convolution of scaled pixels": lambda: (
        model((12, 12, 1), keras.layers.Conv2D(8, 3, activation="relu"), F(), D(3)),
        SPARSE(from_logits=True),
        UNITS[..., None],
        LABELS,
    ),
    "a convolution, normalised": lambda: (
        model(
            (12, 12, 1), keras.layers.Conv2D(8, 3), keras.layers.BatchNormalization(), keras.layers.ReLU(), F(), D(3)
        ),
        SPARSE(True),
        UNITS[..., None],
        LABELS,
    ),
    "several inputs": lambda: (two_inputs()[0], SPARSE(from_logits=True), two_inputs()[1], LABELS),
    "a list of labels": lambda: (model((6,), D(3)), SPARSE(from_logits=True), blobs(), LABELS.tolist()),
    "a branch that begins at 0": lambda: (residual(), SPARSE(from_logits=True), blobs(), LABELS),
    "weights of 0 in the only layer": lambda: (
        model((6,), D(3, kernel_initializer="zeros")),
        SPARSE(True),
        blobs(),
        LABELS,
    ),
    "weights of 0 in the last layer": lambda: (
        model((6,), D(8, "relu"), D(3, kernel_initializer="zeros")),
        SPARSE(True),
        blobs(),
        LABELS,
    ),
    "a recurrent network": lambda: (model((12, 12), keras.layers.GRU(8), D(3, "softmax")), SPARSE(), UNITS, LABELS),
}


@pytest.fixture(autouse=True)
def seeded():
    """Seed the initial weights, since some draws give a ReLU unit that is dead from the start."""
    keras.utils.set_random_seed(0)


@pytest.mark.parametrize("case", STEPS)
def test_steps(case):
    assert ds.doctor.step(*STEPS[case]()) == []


def halves(inputs, labels, **named):
    return (inputs[:150], labels[:150]), {"test": (inputs[150:], labels[150:]), **named}


def in_time():
    """Return a time series with trend and season, and classes that depend on both; the last fifth is for testing."""
    time = np.arange(500)
    season = np.sin(2 * np.pi * time / 12)
    values = np.column_stack(
        [time / 100 + random().normal(size=500), season, np.cos(2 * np.pi * time / 12), 3 * season]
    )
    labels = (values[:, 0] / 5 + season + random(1).normal(size=500) / 2 > 0.5).astype(int)
    return (values[:400], labels[:400]), {"test": (values[400:], labels[400:]), "order": "permutation"}


def sparse(labels, columns=50):
    """Return counts, about nine in ten of which are 0; some columns are always 0."""
    rates = random(4).uniform(0, 0.2, (int(labels.max()) + 1, columns)) * (np.arange(columns) % 5 > 0)
    return random().poisson(rates[labels]).astype("float32")


def categories(labels):
    """Return six one-hot encoded columns of five categories each, one of them rare, and an indicator column twice."""
    chosen = random().integers(0, 4, (len(labels), 6)) + (random(1).random((len(labels), 6)) < 0.01)
    missing = (random(2).random(len(labels)) < 0.1).astype(int)
    return np.column_stack([np.eye(5)[chosen].reshape(len(labels), -1), missing, missing])


WORDS = (random().random((ROWS, 300)) < 0.01).astype("float32")  # some rows have no word

ROWS_OF = {
    "binary": lambda: halves(blobs(), BINARY_LABELS),
    "a column of labels": lambda: halves(blobs(), LABELS[:, None]),
    "several labels a row": lambda: halves(blobs(), MANY),
    "regression": lambda: halves(blobs(), NUMBERS),
    "regression, a column": lambda: halves(blobs(), NUMBERS[:, None]),
    "regression of whole numbers": lambda: halves(blobs(), (10 * NUMBERS).astype(int), one_hot=None),
    "regression of whole floats": lambda: halves(blobs(), (100 * NUMBERS).round()),
    "classes that differ in contrast": lambda: halves(
        random().normal(size=(1500, 8, 8)) * (1 + np.arange(1500) % 2)[:, None, None] / 2, np.arange(1500) % 2
    ),
    "photographs of many classes": lambda: ((photographs(), np.arange(400) % 10), {}),
    "one row in fifty": lambda: ((blobs(RARE), RARE), {}),
    "twenty rows": lambda: ((blobs()[:20], LABELS[:20]), {"test": (blobs()[20:26], LABELS[20:26])}),
    "test rows of one class": lambda: ((UNITS, LABELS), {"test": (UNITS[LABELS == 0] + 0.001, LABELS[LABELS == 0])}),
    "sparse": lambda: halves(sparse(LABELS), LABELS),
    "categories": lambda: halves(categories(LABELS), LABELS),
    "words": lambda: halves(WORDS, LABELS),
    "numbers of words": lambda: halves(embedding()[1], LABELS),
    "normalised": lambda: halves((UNITS - UNITS.mean()) / UNITS.std(), LABELS),
    "pixels": lambda: halves(PIXELS, LABELS),
    "pixels in colour": lambda: halves(np.stack([PIXELS] * 3, axis=-1), LABELS),
    "in the order of time": in_time,
    "few of a class": lambda: halves(blobs(np.arange(ROWS) % 40), np.arange(ROWS) % 40),
    "a column that tells nearly": lambda: halves(
        np.column_stack([blobs(), LABELS + random().normal(size=ROWS) / 5]), LABELS
    ),
    "names": lambda: halves(blobs(), np.array(["red wine", "red-wine", "white wine"])[LABELS]),
    "words for numbers": lambda: halves(blobs(), np.array(["1", "10", "100"])[LABELS]),
    "a column of years": lambda: halves(np.column_stack([blobs(), 1990 + np.arange(ROWS) % 30]), LABELS),
    "one column": lambda: ((np.linspace(-1, 1, ROWS)[:, None], (np.arange(ROWS) > 99).astype(int)), {}),
    "several channels of a signal": lambda: halves(random().normal(size=(ROWS, 3, 40)), LABELS),
}


@pytest.mark.parametrize("case", ROWS_OF)
def test_rows(case):
    arrays, named = ROWS_OF[case]()
    assert ds.doctor.data(*arrays, **named) == []
