"""Each check finds its mistake in several inputs, comes first, and finds nothing after its mend is applied."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from descenso.data.dataset import Dataset, Split
from descenso.doctor import descents, faults
from descenso.doctor.checks import CHECKS, examine
from descenso.doctor.evidence import Evidence, Rows
from descenso.text import option
from test_doctor_correct import (
    BINARY,
    BINARY_LABELS,
    CATEGORICAL,
    LABELS,
    NUMBERS,
    ONE_HOT,
    PIXELS,
    ROWS,
    SPARSE,
    UNITS,
    D,
    F,
    blobs,
    model,
    pictures,
    random,
    sparse,
)

BLOBS = blobs()
SIGNS = 2 * BINARY_LABELS - 1
RGB = np.stack([PIXELS, PIXELS // 2, PIXELS // 4], axis=-1)
COUNTED = np.arange(ROWS)


def with_holes(inputs, *places):
    inputs = inputs.astype("float32")
    for place, value in places:
        inputs[place] = value
    return inputs


def split(inputs=BLOBS, labels=LABELS, test=None, test_labels=None):
    """Return the first 150 rows for training, and the rest, or those given, for testing."""
    return {
        "inputs": inputs[:150],
        "labels": labels[:150],
        "test_inputs": inputs[150:] if test is None else test,
        "test_labels": labels[150:] if test_labels is None else test_labels,
    }


def unsplit(inputs, labels):
    return {"inputs": inputs, "labels": labels, "test_inputs": None, "test_labels": None}


def both(column):
    return split(np.column_stack([BLOBS, column]))


def grouped():
    """Return images of three groups that a few rows suffice to learn."""
    images = random().integers(0, 60, (300, 8, 8))
    for place, image in enumerate(images):
        image[2 * (place % 3) : 2 * (place % 3) + 3] += 150
    return images.astype("uint8")


def standardised(inputs):
    mean, deviation = inputs[:150].mean(axis=0), inputs[:150].std(axis=0)
    return split((inputs - mean) / deviation, test=inputs[150:])


DATA = {
    "not-finite": [
        lambda: split(with_holes(BLOBS, ((3, 1), np.nan), ((70, 0), np.inf))),
        lambda: split(with_holes(UNITS, ((7, 2, 2), -np.inf))),
        lambda: split(with_holes(BLOBS, ((slice(0, 200, 2), 2), np.nan))),
        lambda: split(test=with_holes(BLOBS[150:], ((2, 1), np.nan))),
    ],
    "numeric-target": [
        lambda: unsplit(BLOBS, COUNTED * 3),
        lambda: unsplit(UNITS, PIXELS.sum(axis=(1, 2))),
        lambda: unsplit(BLOBS, (NUMBERS * 100).astype(int)),
    ],
    "labels-alike": [
        lambda: unsplit(BLOBS, 0 * LABELS),
        lambda: unsplit(PIXELS, 0 * LABELS[:, None]),
        lambda: unsplit(BLOBS, np.array(["a"] * ROWS)),
    ],
    "labels-one-hot": [
        lambda: split(labels=ONE_HOT),
        lambda: split(UNITS, ONE_HOT),
        lambda: unsplit(BLOBS, np.eye(2)[BINARY_LABELS].astype(int)),
    ],
    "labels-from-1": [lambda: split(labels=LABELS + 1), lambda: unsplit(UNITS, LABELS[:, None] + 1)],
    "labels-out-of-range": [
        lambda: unsplit(BLOBS, SIGNS),
        lambda: unsplit(UNITS, SIGNS[:, None].astype("f4")),
        lambda: unsplit(BLOBS, LABELS - 2),
    ],
    "similar-class-names": [
        lambda: unsplit(BLOBS, np.array(["red", "Red", "blue"])[LABELS]),
        lambda: unsplit(BLOBS, np.array(["a ", "b", " A"])[LABELS]),
        lambda: unsplit(BLOBS, np.array(["No", "no ", "yes"])[LABELS]),
    ],
    "unseen-labels": [
        lambda: split(test_labels=np.where(np.arange(50) == 5, 7, LABELS[150:])),
        lambda: split(PIXELS, LABELS, PIXELS[:30] + 1, LABELS[:30] + 1),
        lambda: split(labels=np.array(["a", "b", "c"])[LABELS], test_labels=np.array(["a", "b", "C"])[LABELS[150:]]),
    ],
    "counting-column": [
        lambda: both(COUNTED),
        lambda: both(random().permutation(ROWS) + 1),
        lambda: split(np.column_stack([1000 - COUNTED, BLOBS])),
        lambda: split(np.column_stack([BLOBS, COUNTED]), np.sort(LABELS)),
    ],
    "label-column": [
        lambda: both(LABELS),
        lambda: both(np.array([5.0, -1.0, 2.5])[LABELS]),
        lambda: split(np.column_stack([BLOBS, ONE_HOT])),
        lambda: split(np.column_stack([BLOBS, BINARY_LABELS]), BINARY_LABELS),
    ],
    "useless-columns": [
        lambda: both(np.full(ROWS, 3.0)),
        lambda: both(BLOBS[:, 2]),
        lambda: split(np.column_stack([BLOBS, np.zeros(ROWS), BLOBS[:, 0]])),
    ],
    "channels-first": [
        lambda: unsplit(np.moveaxis(RGB, -1, 1), LABELS),
        lambda: unsplit(PIXELS[:, None], LABELS),
        lambda: unsplit(np.stack([UNITS[:, :9]] * 4, axis=1), LABELS),
    ],
    "pixels-not-scaled": [lambda: split(PIXELS.astype("float32")), lambda: split(PIXELS.reshape(ROWS, -1).astype(int))],
    "pixels-zeroed": [lambda: unsplit(PIXELS // 255 * (COUNTED % 2)[:, None, None], LABELS)],
    "test-unlike-train": [
        lambda: split(UNITS, test=PIXELS[150:].astype("float32")),
        lambda: split(PIXELS.astype("uint8"), test=UNITS[150:]),
        lambda: split(PIXELS, test=255 - PIXELS[150:]),
        lambda: split(UNITS, test=1 - UNITS[150:]),
        lambda: split(UNITS, test=np.swapaxes(UNITS[150:], 1, 2)),
        lambda: split(PIXELS, test=PIXELS[150:, ::-1]),
        lambda: split(PIXELS, test=np.rot90(PIXELS[150:], 1, (1, 2))),
        lambda: split(RGB, test=RGB[150:, ..., ::-1]),
        lambda: standardised(50 * BLOBS + 900),
        lambda: standardised(3 * BLOBS + 80),
        lambda: split(
            np.column_stack([BLOBS, BLOBS[:, 1] + 30]), test=np.column_stack([BLOBS, 12 * (BLOBS[:, 1] + 30)])[150:]
        ),
        lambda: split(5 * sparse(LABELS), test=sparse(LABELS)[150:] / 100),
    ],
    "test-in-train": [
        lambda: split(test=BLOBS[100:150], test_labels=LABELS[100:150]),
        lambda: split(PIXELS, test=np.concatenate([PIXELS[145:]]), test_labels=LABELS[145:]),
        lambda: split(test=BLOBS[:60].astype("f8"), test_labels=LABELS[:60]),
    ],
    "no-better-than-chance": [
        lambda: unsplit(grouped(), random().permutation(300) % 3),
        lambda: unsplit(np.stack([grouped() / 255] * 3, axis=-1), random(9).permutation(300) % 3),
        lambda: unsplit(pictures(np.arange(1200) % 3), random().permutation(1200) % 3),
    ],
}
BY_HAND = {  # for mends that are words, not code
    "labels-alike": lambda arrays: {**arrays, "labels": LABELS},
    "numeric-target": lambda arrays: {
        **arrays,
        "labels": np.digitize(arrays["labels"], np.quantile(arrays["labels"], [1 / 3, 2 / 3])),
    },
    "similar-class-names": lambda arrays: {**arrays, "labels": np.char.lower(np.char.strip(arrays["labels"]))},
    "pixels-zeroed": lambda arrays: {**arrays, "inputs": PIXELS},
    "test-unlike-train": lambda arrays: split(),
    "no-better-than-chance": lambda arrays: {**arrays, "labels": np.arange(len(arrays["labels"])) % 3},
}


def found(inputs, labels, test_inputs, test_labels):
    test = None if test_inputs is None else (test_inputs, test_labels)
    return ds.doctor.data(inputs, labels, test=test)


def applied(rule, mend, arrays):
    """Run a mend that is code, and return the arrays; a mend of training rows is applied to test rows, too."""
    names = {**arrays, "numpy": np, "tf": tf}
    exec(mend, names)  # noqa: S102
    if arrays["test_inputs"] is not None:
        for place in ("inputs", "labels"):
            if mend.startswith(f"{place} = ") and f"test_{place}" not in mend and rule != "test-unlike-train":
                names[f"test_{place}"] = eval(mend.split(" = ", 1)[1], {**names, place: names[f"test_{place}"]})  # noqa: S307
    return {name: names[name] for name in arrays}


@pytest.mark.parametrize(("rule", "place"), [(rule, place) for rule in DATA for place in range(len(DATA[rule]))])
def test_data(rule, place):
    arrays = DATA[rule][place]()
    first, *others = found(**arrays)
    assert first.rule == rule
    assert first.cause == ""
    assert {finding.cause for finding in others} <= {rule, *(finding.rule for finding in others)}
    words = rule in BY_HAND and (rule != "test-unlike-train" or " = " not in first.mend)
    mended = BY_HAND[rule](arrays) if words else applied(rule, first.mend, arrays)
    assert found(**mended) == []


def test_an_empty_class_is_of_a_dataset():
    def data(*names):
        train, test = Split(BLOBS[:150], LABELS[:150]), Split(BLOBS[150:], LABELS[150:])
        return Dataset("made", train, test, names)

    (finding,) = ds.doctor.data(data("a", "b", "c", "none"))
    assert (finding.rule, finding.saw) == ("empty-class", "there is no row of class 'none'")
    assert ds.doctor.data(data("a", "b", "c")) == []


def test_findings_name_columns_of_a_table(tmp_path):
    path = tmp_path / "made.csv"
    codes, names = LABELS * 2, np.array(["x", "y", "z"])[LABELS]
    rows = [
        f"{','.join(f'{v:.3f}' for v in row)},{code},{name}"
        for row, code, name in zip(BLOBS, codes, names, strict=True)
    ]
    path.write_text("\n".join(["a,b,c,d,e,f,code,kind", *rows]))
    (finding,) = ds.doctor.file(str(path))
    assert (finding.rule, finding.mend) == ("label-column", option("drop", "code"))
    assert "'code' alone tells the class" in finding.saw
    assert ds.doctor.file(str(path), drop="code") == []


# Steps


def squares(labels, outputs):
    return tf.reduce_mean(tf.square(tf.cast(labels, outputs.dtype) - outputs))


def cross_entropy(labels, outputs):
    labels = tf.cast(labels, outputs.dtype)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=outputs))


def textbook(labels, outputs):
    return tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(outputs), axis=1))


def textbook_sum(labels, outputs):
    return -tf.reduce_sum(labels * tf.math.log(outputs))


def absolute(labels, outputs):
    return tf.reduce_mean(tf.abs(outputs - tf.cast(labels, outputs.dtype)))


def hidden(*last, start="glorot_uniform"):
    return model((6,), D(8, "relu", kernel_initializer=start), *last)


def frozen(*layers):
    made = model((6,), *layers)
    made.trainable = False
    return made


def product(inputs, last=tf.identity):
    W = tf.Variable(tf.zeros((6, 3)))
    return lambda x: last(tf.matmul(x, W)), SPARSE(True), inputs, LABELS, [W]


COLUMN = BINARY_LABELS[:, None].astype("float32")
SOFTMAX, SIGMOID = "softmax", "sigmoid"
STEPS = {  # pairs: with the mistake, and with the mend applied
    "nothing-trained": [
        (lambda: (frozen(D(3)), SPARSE(True), BLOBS, LABELS), lambda: (model((6,), D(3)), SPARSE(True), BLOBS, LABELS)),
    ],
    "broadcast-labels": [
        (lambda: (hidden(D(1)), squares, BLOBS, NUMBERS), lambda: (hidden(D(1)), squares, BLOBS, NUMBERS[:, None])),
        (lambda: (hidden(D(1)), absolute, BLOBS, LABELS), lambda: (hidden(D(1)), absolute, BLOBS, LABELS[:, None])),
        (
            lambda: (hidden(D(1), keras.layers.Reshape(())), squares, BLOBS, NUMBERS[:, None]),
            lambda: (hidden(D(1), keras.layers.Reshape(())), squares, BLOBS, NUMBERS),
        ),
        (
            lambda: (hidden(D(1)), cross_entropy, BLOBS, BINARY_LABELS),
            lambda: (hidden(D(1)), cross_entropy, BLOBS, COLUMN),
        ),
    ],
    "softmax-of-one": [
        (
            lambda: (hidden(D(1, SOFTMAX)), BINARY(), BLOBS, COLUMN),
            lambda: (hidden(D(1, SIGMOID)), BINARY(), BLOBS, COLUMN),
        ),
        (
            lambda: (hidden(D(1, SOFTMAX)), BINARY(), BLOBS, BINARY_LABELS),
            lambda: (hidden(D(2, SOFTMAX)), SPARSE(), BLOBS, BINARY_LABELS),
        ),
        (
            lambda: (hidden(D(1)), SPARSE(True), BLOBS, BINARY_LABELS),
            lambda: (hidden(D(2)), SPARSE(True), BLOBS, BINARY_LABELS),
        ),
    ],
    "softmax-twice": [
        (
            lambda: (hidden(D(3, SOFTMAX)), SPARSE(True), BLOBS, LABELS),
            lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS),
        ),
        (
            lambda: (hidden(D(3, SOFTMAX)), CATEGORICAL(True, label_smoothing=0.1), BLOBS, ONE_HOT),
            lambda: (hidden(D(3, SOFTMAX)), CATEGORICAL(label_smoothing=0.1), BLOBS, ONE_HOT),
        ),
        (lambda: product(BLOBS, tf.nn.softmax), lambda: product(BLOBS)),
    ],
    "sigmoid-twice": [
        (
            lambda: (hidden(D(1, SIGMOID)), BINARY(True), BLOBS, COLUMN),
            lambda: (hidden(D(1)), BINARY(True), BLOBS, COLUMN),
        ),
        (
            lambda: (hidden(D(1, SIGMOID)), cross_entropy, BLOBS, COLUMN),
            lambda: (hidden(D(1)), cross_entropy, BLOBS, COLUMN),
        ),
        (
            lambda: (hidden(D(3, SIGMOID)), BINARY(True), BLOBS, ONE_HOT),
            lambda: (hidden(D(3, SIGMOID)), BINARY(), BLOBS, ONE_HOT),
        ),
    ],
    "logits-as-probabilities": [
        (lambda: (hidden(D(3)), SPARSE(), BLOBS, LABELS), lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS)),
        (
            lambda: (hidden(D(3)), CATEGORICAL(), BLOBS, ONE_HOT),
            lambda: (hidden(D(3)), CATEGORICAL(True), BLOBS, ONE_HOT),
        ),
        (lambda: (hidden(D(1)), BINARY(), BLOBS, COLUMN), lambda: (hidden(D(1)), BINARY(True), BLOBS, COLUMN)),
        (lambda: (hidden(D(3)), textbook, BLOBS, ONE_HOT), lambda: (hidden(D(3, SOFTMAX)), textbook, BLOBS, ONE_HOT)),
        (
            lambda: (
                model((12, 12, 1), keras.layers.Conv2D(2, 3, padding="same")),
                SPARSE(),
                UNITS[..., None],
                PIXELS // 128,
            ),
            lambda: (
                model((12, 12, 1), keras.layers.Conv2D(2, 3, padding="same")),
                SPARSE(True),
                UNITS[..., None],
                PIXELS // 128,
            ),
        ),
    ],
    "activation-before-loss": [
        (
            lambda: (hidden(D(3, "relu")), SPARSE(True), BLOBS, LABELS),
            lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS),
        ),
        (
            lambda: (hidden(D(3, "tanh")), CATEGORICAL(True), BLOBS, ONE_HOT),
            lambda: (hidden(D(3)), CATEGORICAL(True), BLOBS, ONE_HOT),
        ),
        (
            lambda: (hidden(D(1), keras.layers.ReLU()), BINARY(True), BLOBS, COLUMN),
            lambda: (hidden(D(1)), BINARY(True), BLOBS, COLUMN),
        ),
        (lambda: (hidden(D(3, SIGMOID)), SPARSE(), BLOBS, LABELS), lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS)),
    ],
    "summed-cost": [
        (
            lambda: (hidden(D(3)), SPARSE(True, reduction="sum"), BLOBS, LABELS),
            lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS),
        ),
        (
            lambda: (hidden(D(3, SOFTMAX)), textbook_sum, BLOBS, ONE_HOT),
            lambda: (hidden(D(3, SOFTMAX)), textbook, BLOBS, ONE_HOT),
        ),
        (
            lambda: (hidden(D(1)), lambda y, o: tf.reduce_sum((y - o) ** 2), BLOBS, NUMBERS[:, None]),
            lambda: (hidden(D(1)), squares, BLOBS, NUMBERS[:, None]),
        ),
    ],
    "equal-units": [
        (
            lambda: (hidden(D(3, kernel_initializer="zeros"), start="zeros"), SPARSE(True), BLOBS, LABELS),
            lambda: (hidden(D(3, kernel_initializer="zeros")), SPARSE(True), BLOBS, LABELS),
        ),
        (
            lambda: (
                model((6,), D(8, "tanh", kernel_initializer="ones"), D(3, kernel_initializer="ones")),
                SPARSE(True),
                BLOBS,
                LABELS,
            ),
            lambda: (model((6,), D(8, "tanh"), D(3)), SPARSE(True), BLOBS, LABELS),
        ),
    ],
    "labels-out-of-range": [
        (lambda: (hidden(D(2)), SPARSE(True), BLOBS, LABELS), lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS)),
        (
            lambda: (hidden(D(1, SIGMOID)), BINARY(), BLOBS, SIGNS),
            lambda: (hidden(D(1, SIGMOID)), BINARY(), BLOBS, (SIGNS + 1) // 2),
        ),
        (lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS + 1), lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS)),
        (
            lambda: (hidden(D(1)), cross_entropy, BLOBS, COLUMN * 2),
            lambda: (hidden(D(1)), cross_entropy, BLOBS, COLUMN),
        ),
    ],
    "labels-alike": [
        (lambda: (hidden(D(3)), SPARSE(True), BLOBS, 0 * LABELS), lambda: (hidden(D(3)), SPARSE(True), BLOBS, LABELS)),
    ],
    "channels-first": [
        (
            lambda: (
                model((3, 12, 12), keras.layers.Conv2D(4, 2), F(), D(3)),
                SPARSE(True),
                np.moveaxis(RGB / 255, -1, 1),
                LABELS,
            ),
            lambda: (model((12, 12, 3), keras.layers.Conv2D(4, 2), F(), D(3)), SPARSE(True), RGB / 255, LABELS),
        ),
    ],
    "scaled-twice": [
        (
            lambda: (
                model((12, 12), keras.layers.Rescaling(1 / 255), F(), D(16, "relu"), D(3)),
                SPARSE(True),
                UNITS,
                LABELS,
            ),
            lambda: (model((12, 12), F(), D(16, "relu"), D(3)), SPARSE(True), UNITS, LABELS),
        ),
        (
            lambda: (
                model((12, 12, 1), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(8, 3), F(), D(3)),
                SPARSE(True),
                UNITS[..., None],
                LABELS,
            ),
            lambda: (model((12, 12, 1), keras.layers.Conv2D(8, 3), F(), D(3)), SPARSE(True), UNITS[..., None], LABELS),
        ),
        (
            lambda: (
                model((144,), keras.layers.Lambda(lambda x: x / 255), D(3)),
                SPARSE(True),
                UNITS.reshape(ROWS, -1),
                LABELS,
            ),
            lambda: (model((144,), D(3)), SPARSE(True), UNITS.reshape(ROWS, -1), LABELS),
        ),
    ],
    "mixed-dtypes": [
        (lambda: product(BLOBS.astype("f8")), lambda: product(BLOBS)),
    ],
}


@pytest.mark.filterwarnings("ignore:You are using a softmax", "ignore:.*received `from_logits=True`")
@pytest.mark.parametrize(("rule", "place"), [(rule, place) for rule in STEPS for place in range(len(STEPS[rule]))])
def test_steps(rule, place):
    wrong, right = STEPS[rule][place]
    first, *others = ds.doctor.step(*wrong())
    assert first.rule == rule
    assert all(finding.cause for finding in others)
    assert ds.doctor.step(*right()) == []


# Training


def trained(*arguments, **named):
    return lambda finding: faults._descent(*arguments, **named)


def suggested(finding):
    return faults._descent(
        learning_rate=float(finding.mend.removeprefix("--learning-rate ").removeprefix("learning_rate="))
    )


MENDED = {  # the evidence of each planted fault after its mend
    "labels-not-one-hot": lambda _: faults._loop(),
    "labels-from-1": trained(),
    "mixed-dtypes": lambda _: faults._loop(),
    "pixels-not-scaled": trained(),
    "buffer-on-sorted": lambda _: faults._descent(faults.trained_on(faults.sorted_by_class())),
    "none-gradients": lambda _: faults._loop(),
    "log-of-zero": lambda _: faults._loop(),
    "first-cost": trained(make=faults._layers(0, "zeros")),
    "vanishing-gradients": trained(make=faults._layers(2, activation="relu")),
    "exploding-gradients": trained(make=faults._layers(2, activation="relu", kernel_initializer="he_normal")),
    "dead-units": trained(make=faults._layers(1, activation="relu")),
    "retracing": lambda _: faults._counted(lambda number: tf.constant(number)),
    "rate-too-high": suggested,
    "rate-too-low": suggested,
    "imbalanced-classes": trained(),
    "test-unlike-train": trained(),
    "unseen-labels": trained(),
    "empty-class": trained(),
    "no-better-than-chance": trained(),
    "over-fitting": trained(faults.noisy(), **faults.MLP, epochs=60, validation_size=200, patience=3, dropout=0.3),
    "test-far-worse": trained(**faults.MLP, epochs=3),
    "scaled-twice": trained(make=faults._layers(1, activation="relu")),
    "equal-units": trained(make=faults._layers(1, activation="relu")),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", MENDED)
def test_training(rule):
    finding = examine(faults.FAULTS[rule].plant())[0]
    assert finding.rule == rule
    assert examine(MENDED[rule](finding)) == []


RATES = [
    {"rule": "momentum", "learning_rate": 5.0},
    {"rule": "adam", "learning_rate": 1e-8},
    {"model": "mlp", "rule": "adam", "learning_rate": 0.5},
    {"learning_rate": 3.0, "batch_size": 20, "epochs": 4},
]


@pytest.mark.slow
@pytest.mark.parametrize("settings", RATES, ids=str)
def test_the_rate_that_short_runs_suggest(settings):
    """The mend has the suggested learning rate, and a run with it has no finding."""
    finding = examine(faults._descent(**settings))[0]
    assert finding.rule == ("rate-too-low" if settings["learning_rate"] < 1e-3 else "rate-too-high")
    rate = float(finding.mend.removeprefix("learning_rate=").removeprefix("--learning-rate "))
    assert f"short runs at constant rates, of about 20 s in all at most, suggest {rate:.2g}" in finding.saw
    assert examine(faults._descent(**{**settings, "learning_rate": rate})) == []


def test_a_rate_that_there_is_no_time_to_search_for(monkeypatch):
    monkeypatch.setattr(descents, "FIND_SECONDS", 0)
    finding = examine(faults._descent(learning_rate=30.0))[0]
    assert finding.rule == "rate-too-high"
    assert "short runs" not in finding.saw
    advised = r"(learning_rate=|--learning-rate )3; or find one: descenso find-rate mnist --model softmax "
    assert re.match(advised, finding.mend)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3, 8])
def test_no_rate_is_suggested_where_none_learns(monkeypatch, seconds):
    """Of a model that learns nothing at any rate, short runs find no rate, however short they are."""
    monkeypatch.setattr(descents, "FIND_SECONDS", seconds)
    evidence = faults.FAULTS["dead-units"].plant()
    assert evidence.course.tested
    assert evidence.course.suggested_rate is None


def test_every_rule_has_a_mend():
    assert set(CHECKS) <= {*DATA, *STEPS, *MENDED}


def test_a_run_at_chance_on_rows_that_can_be_learned():
    """A run at chance level is not told that its rows and labels mismatch if a simple model learns from them."""
    evidence = faults._descent(learning_rate=1e-7)
    chance = [finding for finding in examine(evidence) if finding.rule == "no-better-than-chance"]
    assert all("a simple model is right in" in finding.saw and finding.cause == "rate-too-low" for finding in chance)


def test_imbalance_alone_is_no_mistake():
    rare = np.where(np.arange(ROWS) < 4, 1, 0)
    assert examine(Evidence(Rows(blobs(rare), rare))) == []
