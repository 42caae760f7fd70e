"""Checks of data, of one step, and of the calls of a function: findings, and cases without a finding."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from descenso import doctor
from descenso.data import file_rows, streams
from descenso.data.batches import take
from descenso.data.dataset import Scaling
from descenso.doctor.checks import examine
from descenso.doctor.evidence import Calls, Evidence, Step
from descenso.doctor.reading import read_and_check
from descenso.errors import ConfigError, DataError

RANDOM = np.random.default_rng(7)
LABELS = np.arange(60) % 3
INPUTS = RANDOM.normal(size=(60, 4)).astype(np.float32)
PIXELS = RANDOM.integers(0, 256, (60, 8, 8)).astype(np.uint8)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


def names(findings):
    return [finding.rule for finding in findings]


# Rows


def test_of_rows_that_stay_in_files_a_sample_is_looked_at(tmp_path, monkeypatch):
    for module in (file_rows, streams):
        monkeypatch.setattr(module, "MOST_IN_MEMORY", 60_000)
    monkeypatch.setattr(streams, "SAMPLE_BYTES", 400 * 64)
    monkeypatch.setattr("descenso.data.formats.array_files.CHUNK_BYTES", 2000)
    rows = RANDOM.integers(0, 256, (1600, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "X.npy", rows)
    np.save(tmp_path / "y.npy", np.arange(1600) // 400)
    findings, notes = read_and_check(str(tmp_path / "X.npy"), order="blocks:100x1")
    assert "of these were looked at, drawn at random: 400 of 1280" in notes[-1]
    assert names(findings) == ["buffer-on-sorted"]
    data = ds.load(str(tmp_path / "X.npy"))
    assert names(doctor.data(data, order="blocks:100x1")) == ["buffer-on-sorted"]
    assert names(doctor.data(data, order="blocks:1x1024")) == []


DATA = {
    "labels from 0": ((INPUTS, LABELS), {}, []),
    "labels from 1": ((INPUTS, LABELS + 1), {}, ["labels-from-1"]),
    "labels with a gap": ((INPUTS, LABELS * 2 + 1), {}, []),
    "labels that are words": ((INPUTS, np.array(["a", "b", "c"])[LABELS]), {}, []),
    "one-hot, where integers belong": ((INPUTS, ONE_HOT), {}, ["labels-one-hot"]),
    "one-hot, where it belongs": ((INPUTS, ONE_HOT), {"one_hot": True}, []),
    "integers, where one-hot belongs": ((INPUTS, LABELS), {"one_hot": True}, ["labels-not-one-hot"]),
    "shares of classes": ((INPUTS, np.full((60, 3), 1 / 3, np.float32)), {}, []),
    "two precisions": ((INPUTS.astype(np.float64), ONE_HOT), {"one_hot": True}, ["mixed-dtypes"]),
    "float64 alone": ((INPUTS.astype(np.float64), LABELS), {}, []),
    "pixels as stored": ((PIXELS, LABELS), {}, []),
    "pixels as floats": ((PIXELS.astype(np.float32), LABELS), {}, ["pixels-not-scaled"]),
    "pixels laid out flat": ((PIXELS.reshape(60, 64).astype(np.float32), LABELS), {}, ["pixels-not-scaled"]),
    "pixels scaled": ((PIXELS / np.float32(255), LABELS), {}, []),
    "a table of whole numbers": ((PIXELS[:, 0].astype(np.float32), LABELS), {}, []),
    "pixels in black and white": (((PIXELS > 127).astype(np.uint8), LABELS), {}, []),
    "pixels divided by //": ((PIXELS // 255 * (np.arange(60) % 2)[:, None, None], LABELS), {}, ["pixels-zeroed"]),
    "a rare class": ((INPUTS, np.where(np.arange(60) < 4, 0, 1)), {}, []),
    "sorted, shuffled whole": ((INPUTS, np.sort(LABELS)), {}, []),
    "sorted, as they stand": ((INPUTS, np.sort(LABELS)), {"order": "sequential"}, ["buffer-on-sorted"]),
    "sorted, a small buffer": ((INPUTS, np.sort(LABELS)), {"order": "buffer:6"}, ["buffer-on-sorted"]),
    "sorted, a buffer of all": ((INPUTS, np.sort(LABELS)), {"order": "buffer:60"}, []),
    "mixed, as they stand": ((INPUTS, LABELS), {"order": "sequential"}, []),
    "other test rows": ((INPUTS[:40], LABELS[:40]), {"test": (INPUTS[40:], LABELS[40:])}, []),
    "test rows learned from": ((INPUTS, LABELS), {"test": (INPUTS[40:], LABELS[40:])}, ["test-in-train"]),
    "the same in float64": ((INPUTS, LABELS), {"test": (INPUTS[40:].astype("f8"), LABELS[40:])}, ["test-in-train"]),
    "one test row by chance": ((INPUTS, LABELS), {"test": (INPUTS[:1], LABELS[:1])}, []),
    "rows of few values": ((INPUTS.round() > 0, LABELS), {"test": (INPUTS[:20].round() > 0, LABELS[:20])}, []),
}  # fmt: skip


@pytest.mark.parametrize("case", DATA)
def test_rows(case):
    arrays, named, expected = DATA[case]
    assert names(doctor.data(*arrays, **named)) == expected


@pytest.mark.parametrize("labels", [None, LABELS[:9], 3, ONE_HOT[:, :, None]], ids=["none", "few", "one", "cubes"])
def test_every_row_needs_a_label(labels):
    with pytest.raises(DataError, match=r"data: inputs of shape \(60, 4\) and labels of shape .*; each row needs one"):
        doctor.data(INPUTS, labels)
    with pytest.raises(DataError, match="test: inputs of shape"):
        doctor.data(INPUTS, LABELS, test=(INPUTS, labels))


def test_a_finding_says_what_was_seen_why_it_matters_and_what_mends_it():
    (finding,) = doctor.data(INPUTS, LABELS + 1)
    assert finding == doctor.Finding(
        "labels-from-1", "error", "labels from 1 to 3, and none is 0",
        "Classes count from 0: the last class has no output, and the first output has no rows.", "labels = labels - 1",
    )  # fmt: skip


def test_a_dataset_knows_how_it_is_scaled():
    data = ds.Dataset(
        "made", ds.Split(PIXELS, LABELS), ds.Split(PIXELS[:0], LABELS[:0]), ("a", "b", "c"), Scaling(scale=1 / 255)
    )
    assert doctor.data(data) == []
    assert names(doctor.data(data._replace(train=data.train._replace(inputs=PIXELS.astype("f4"))))) == []
    assert names(
        doctor.data(data._replace(train=data.train._replace(inputs=PIXELS.astype("f4")), scaling=Scaling()))
    ) == ["pixels-not-scaled"]


def test_an_archive_that_cannot_be_read_is_looked_at_as_it_stands(tmp_path):
    path = tmp_path / "made.npz"
    np.savez(path, x_train=PIXELS.astype("f4"), y_train=ONE_HOT, x_test=PIXELS.astype("f4"), y_test=ONE_HOT)
    found, notes = read_and_check(str(path))
    assert names(found) == ["labels-one-hot", "pixels-not-scaled", "test-in-train"]
    with pytest.raises(DataError, match="expected one label a row") as refusal:
        ds.load(str(path))
    assert notes == (str(refusal.value),)


def test_a_refusal_that_no_check_explains_is_raised(tmp_path):
    for inputs, told in ((PIXELS[1:], "each row needs one"), (np.moveaxis(PIXELS, 0, -1), r"numpy\.moveaxis\(inputs")):
        np.savez(tmp_path / "made.npz", x=inputs, y=LABELS)
        with pytest.raises(DataError, match=told):
            doctor.file(str(tmp_path / "made.npz"))


@pytest.mark.parametrize(("labels", "mend"), [(LABELS - 1, "labels = labels + 1"), (LABELS - 5, "labels = labels + 5"),
                                              (2 * (LABELS % 2) - 1, "labels = (labels + 1) // 2")])  # fmt: skip
def test_labels_below_0_are_mended_without_joining_classes(labels, mend):
    (finding,) = doctor.data(RANDOM.normal(size=(60, 3)), labels)
    assert finding.mend == mend
    mended = eval(mend.split(" = ")[1], {"labels": labels})  # noqa: S307
    assert np.array_equal(np.unique(mended), np.arange(len(np.unique(labels))))


@pytest.mark.parametrize(
    "arrays",
    [{"x": np.stack([PIXELS] * 3, axis=1), "y": LABELS}, {"x": PIXELS, "y": LABELS + 1}, {"x": PIXELS, "y": LABELS - 1},
     {"x": PIXELS.astype("f4"), "y": LABELS[:, None]}],
)  # fmt: skip
def test_what_the_reader_understands_is_no_mistake(arrays, tmp_path):
    np.savez(tmp_path / "made.npz", **arrays)
    found, notes = read_and_check(str(tmp_path / "made.npz"))
    assert names(found) == []
    assert notes == ds.load(str(tmp_path / "made.npz")).notes
    assert names(doctor.data(np.stack([PIXELS] * 3, axis=1), LABELS)) == ["channels-first"]  # of arrays in Python


def test_a_table_is_loaded_as_it_is_trained_on(tmp_path):
    path = tmp_path / "made.csv"
    rows = [f"{a},{b},{a},{place % 2}" for place, (a, b) in enumerate(RANDOM.normal(size=(300, 2)))]
    path.write_text("\n".join(["a,b,c,kind", *rows]))
    (finding,) = doctor.file(str(path), label="kind", test_fraction=0.2)
    assert (finding.rule, finding.saw) == ("useless-columns", "column 'c': the same values as another column")
    assert doctor.file(str(path), label="kind", test_fraction=0.2, drop="c") == []


# Datasets of TensorFlow


def pairs(inputs=INPUTS, labels=LABELS):
    return tf.data.Dataset.from_tensor_slices((inputs, labels))


WITH_WEIGHTS = tf.data.Dataset.from_tensor_slices((INPUTS, LABELS + 1, np.ones(60))).batch(7)
DATASETS = {
    "batches": (pairs().batch(32), {}, []),
    "rows": (pairs(), {}, []),
    "one-hot rows": (pairs(labels=ONE_HOT), {"one_hot": True}, []),
    "endless": (pairs(labels=LABELS + 1).repeat().batch(10_000), {}, ["labels-from-1"]),
    "weights": (WITH_WEIGHTS, {}, ["labels-from-1"]),
    "sorted": (pairs(labels=np.sort(LABELS)).batch(8), {}, ["buffer-on-sorted"]),
    "sorted, shuffled": (pairs(labels=np.sort(LABELS)).shuffle(60, seed=1).batch(8), {}, []),
    "test rows": (pairs().take(40).batch(8), {"test": pairs().skip(20).batch(8)}, ["test-in-train"]),
}


@pytest.mark.parametrize("case", DATASETS)
def test_datasets_of_tensorflow(case):
    dataset, named, expected = DATASETS[case]
    assert names(doctor.data(dataset, **named)) == expected


def test_a_step_takes_the_first_rows_of_a_dataset():
    right, wrong = pairs().batch(32), pairs(labels=ONE_HOT)
    assert doctor.step(model_of(PROBABILITIES), SPARSE(), right) == []
    assert names(doctor.step(model_of(PROBABILITIES), SPARSE(), wrong)) == ["labels-one-hot"]


@pytest.mark.parametrize("side", [(3,), (3, 3), (2, 3)], ids=str)
def test_rows_of_a_dataset_with_as_many_columns_as_classes_are_no_batches(side):
    """Three numbers and a one-hot label of three classes have the shapes of a batch of three."""
    labels = np.arange(60) % 3
    inputs, one_hot = np.arange(60 * np.prod(side)).reshape(60, *side).astype("f4"), np.eye(3, dtype="f4")[labels]
    for dataset in (pairs(inputs, one_hot), pairs(inputs, one_hot).batch(3, drop_remainder=True)):
        taken, known = take(dataset, "made")
        assert (taken.tolist(), known.tolist()) == (inputs.tolist(), one_hot.tolist())
    taken, known = take(pairs(inputs, labels).batch(3, drop_remainder=True), "made")
    assert (taken.shape, known.tolist()) == (inputs.shape, labels.tolist())


@pytest.mark.parametrize("dataset", [tf.data.Dataset.range(3), pairs({"a": INPUTS}, LABELS)], ids=["numbers", "dicts"])
def test_a_dataset_without_pairs(dataset):
    with pytest.raises(DataError, match="data: a tf.data.Dataset of .*; expected pairs of inputs and labels"):
        doctor.data(dataset)
    with pytest.raises(DataError, match="step: a tf.data.Dataset of"):
        doctor.step(model_of(PROBABILITIES), SPARSE(), dataset)


MASKS = RANDOM.integers(0, 3, (60, 8, 8))


@pytest.mark.parametrize("batched", [False, True])
def test_labels_of_pixels_are_no_batch_of_rows(batched):
    """An image (8, 8, 1) and its labels (8, 8) have the shapes of 8 rows with one-hot labels of 8 classes."""
    images = PIXELS[..., None] / np.float32(255)
    dataset = pairs(images, MASKS)
    dataset = dataset.batch(20) if batched else dataset
    with pytest.raises(DataError, match=r"\(60, 8, 8, 1\) and .* \(60, 8, 8\); .*one number; labels of each pixel"):
        doctor.data(dataset)
    with pytest.raises(DataError, match="test: .*labels of each pixel"):
        doctor.data(INPUTS, LABELS, test=dataset)
    for labels in (MASKS, MASKS[..., None]):
        own = pairs(images, labels).batch(20) if batched else pairs(images, labels)
        model = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(3, 1)])
        assert doctor.step(model, SPARSE(from_logits=True), own) == []
    one_hot = np.eye(8, dtype=np.float32)[MASKS[:, 0, 0]]
    assert doctor.data(pairs(images[:, 0, :, 0], one_hot).batch(8, drop_remainder=True), one_hot=True) == []


def test_labels_of_the_steps_of_a_sequence_stay_in_their_batches():
    """A batch of 8 sequences of 5 steps has the shapes of an image (8, 5, 2) with a label for each pixel."""
    sequences, labels = RANDOM.normal(size=(64, 5, 2)).astype("f4"), RANDOM.integers(0, 3, (64, 5))
    dataset = pairs(sequences, labels).batch(8, drop_remainder=True)
    inputs, kernel = [], tf.Variable(np.zeros((2, 3), "f4"))
    doctor.step(lambda x: inputs.append(x) or x @ kernel, SPARSE(from_logits=True), dataset, variables=[kernel])
    assert {each.shape[1:] for each in inputs if hasattr(each, "shape")} == {(5, 2)}
    model = keras.Sequential([keras.layers.Input((5, 2)), keras.layers.Dense(3)])
    assert doctor.step(model, SPARSE(from_logits=True), dataset) == []


def test_an_empty_dataset():
    with pytest.raises(DataError, match="data: an empty tf.data.Dataset"):
        doctor.data(pairs().take(0))


# One step of a user's training loop


def model_of(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


PROBABILITIES = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")
SPARSE = keras.losses.SparseCategoricalCrossentropy
CATEGORICAL = keras.losses.CategoricalCrossentropy


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize(("kind", "labels"), [(SPARSE, LABELS), (CATEGORICAL, ONE_HOT)])
def test_a_loop_that_is_right(kind, labels, logits):
    last = keras.layers.Dense(3, activation=None if logits else "softmax", kernel_initializer="zeros")
    assert doctor.step(model_of(last), kind(from_logits=logits), INPUTS, labels) == []


@pytest.mark.parametrize(
    ("loss", "labels", "expected"),
    [
        (SPARSE(from_logits=True), LABELS, "softmax-twice"),
        (CATEGORICAL(from_logits=True), ONE_HOT, "softmax-twice"),
        (SPARSE(from_logits=False), ONE_HOT, "labels-one-hot"),
        (CATEGORICAL(from_logits=False), LABELS, "labels-not-one-hot"),
    ],
)
def test_the_labels_and_outputs_that_a_loss_expects_are_detected(loss, labels, expected):
    assert names(doctor.step(model_of(PROBABILITIES), loss, INPUTS, labels)) == [expected]


def article(W, b):
    """Return model and loss as tutorials write them."""

    def cost(labels, outputs):
        return tf.reduce_mean(-tf.reduce_sum(labels * tf.math.log(outputs), axis=1))

    return lambda inputs: tf.nn.softmax(tf.matmul(inputs, W) + b), cost


def test_a_loop_of_plain_tensors_that_its_tape_watches():
    W, b = tf.zeros((4, 3), tf.float64), tf.zeros(3, tf.float64)
    given = INPUTS.astype(np.float64), ONE_HOT.astype(np.float64)
    assert doctor.step(*article(W, b), *given, [W, b], watched=True) == []
    (finding,) = doctor.step(*article(W, b), *given, [W, b])
    assert finding.rule == "none-gradients"
    assert "variables[0], variables[1]; plain tensors" in finding.saw
    assert finding.mend.startswith("variables[0] = tf.Variable(variables[0])")


def test_the_two_errors_of_tutorials():
    W, b = tf.Variable(tf.zeros((4, 3), tf.float64)), tf.Variable(tf.zeros(3, tf.float64))
    wide = INPUTS.astype(np.float64)
    assert names(doctor.step(*article(W, b), wide, tf.constant(LABELS, tf.float64), [W, b])) == ["labels-not-one-hot"]
    (finding,) = doctor.step(*article(W, b), wide, tf.constant(ONE_HOT), [W, b])
    assert finding.rule == "mixed-dtypes"
    assert "float64: inputs, variables[0], variables[1]; float32: labels" in finding.saw
    assert finding.mend == 'labels = tf.cast(labels, "float64")'


def test_what_keras_converts_by_itself_is_no_mistake():
    assert doctor.step(model_of(PROBABILITIES), SPARSE(), INPUTS.astype(np.float64), LABELS) == []


def test_a_model_that_scales_by_itself():
    plain = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    scaling = keras.Sequential([keras.Input((8, 8)), keras.layers.Rescaling(1 / 255), *plain.layers])
    assert "pixels-not-scaled" in names(doctor.step(plain, SPARSE(), PIXELS, LABELS))
    assert doctor.step(scaling, SPARSE(), PIXELS, LABELS) == []


def test_a_mean_over_classes_too():
    def loss(labels, outputs):
        return tf.reduce_mean(-labels * tf.math.log(outputs))

    (finding,) = doctor.step(model_of(PROBABILITIES), loss, INPUTS, ONE_HOT)
    assert finding.rule == "first-cost"
    assert f"{math.log(3) / 3:.3g}" in finding.saw
    assert "axis=1" in finding.mend
    assert doctor.step(model_of(PROBABILITIES), loss, INPUTS, ONE_HOT, first=False) == []


def test_a_variable_that_the_cost_does_not_use():
    idle = tf.Variable(1.0)
    model = model_of(PROBABILITIES)
    (finding,) = doctor.step(model, SPARSE(), INPUTS, LABELS, [*model.trainable_variables, idle])
    assert (finding.rule, finding.saw) == ("none-gradients", "the gradient is None for variables[2]")


def test_an_error_that_no_rule_explains_is_raised():
    with pytest.raises(ZeroDivisionError):
        doctor.step(lambda inputs: 1 / 0, SPARSE(), INPUTS, LABELS, [tf.Variable(1.0)])


def test_a_model_without_variables():
    with pytest.raises(ConfigError, match=r"nothing is trained; try variables=\[W, b\]"):
        doctor.step(lambda inputs: inputs, SPARSE(), INPUTS, LABELS)


def gradients(*norms, width=8):
    """Return a step whose kernels have gradients of these norms."""
    return Step(1.0, None, None, {f"dense_{i}/kernel": np.full((width, width), n / width) for i, n in enumerate(norms)})


STEPS = {
    "of one size": (gradients(1, 2, 1), []),
    "a hundredth": (gradients(0.01, 0.1, 1), []),
    "vanished": (gradients(1e-4, 0.1, 1), ["vanishing-gradients"]),
    "large": (gradients(99, 1), []),
    "exploded": (gradients(101, 1), ["exploding-gradients"]),
    "not finite": (gradients(math.nan, 1, 1), []),
    "half dead": (Step(1.0, None, None, {"k": np.eye(4)[:, [0, 1, 1, 1]] * [1, 1, 0, 0]}), ["dead-units"]),
    "a quarter dead": (Step(1.0, None, None, {"k": np.ones((4, 4)) * [1, 1, 1, 0]}), []),
    "a log of zero": (Step(math.inf, np.array([[1.0, 0.0]]), None, {}), ["log-of-zero"]),
    "logits too far apart": (Step(math.nan, np.array([[0, 200.0]], np.float32), None, {}), ["log-of-zero"]),
    "the same in float64": (Step(math.nan, np.array([[0, 200.0]]), None, {}), []),
    "outputs not finite": (Step(math.nan, np.array([[0, math.nan]]), None, {}), []),
}


@pytest.mark.parametrize("case", STEPS)
def test_steps(case):
    step, expected = STEPS[case]
    assert names(examine(Evidence(step=step._replace(first=False)))) == expected


# A function, watched


def test_a_function_that_is_traced_for_each_number():
    step = doctor.watch(tf.function(lambda images, number: images * number))
    with pytest.warns(UserWarning, match="number changed each time, last from 2 to 3; try number = tf.constant"):
        answers = [float(step(tf.constant(2.0), number)) for number in range(6)]
    assert answers == [0, 2, 4, 6, 8, 10]
    (finding,) = step.findings()
    assert "traced 6 times in 6 calls; number changed each time, last from 4 to 5" in finding.saw


def test_a_function_that_is_traced_for_each_shape():
    step = doctor.watch(tf.function(lambda images, scale: images * scale, reduce_retracing=False))
    with pytest.warns(UserWarning, match="images changed each time"):
        [step(np.zeros((rows, 2), np.float32), scale=2.0) for rows in range(1, 6)]
    assert step.findings()[0].mend.endswith("reduce_retracing=True)")
    assert "from tensor float32 (4, 2) to tensor float32 (5, 2)" in step.findings()[0].saw


def test_a_function_with_a_smaller_last_batch():
    step = doctor.watch(tf.function(lambda batch: tf.reduce_sum(batch["images"])))
    for rows in (100, 100, 60) * 5:
        step({"images": tf.zeros((rows, 2))})
    assert step.findings() == []
    assert step.calls.traces == 2


def test_traces_before_it_is_watched_do_not_count():
    function = tf.function(lambda images, number: images * number)
    for number in range(5):
        function(tf.constant(2.0), number)
    step = doctor.watch(function)
    for _ in range(9):
        step(tf.constant(2.0), 4)
    assert (step.findings(), step.calls.traces) == ([], 0)


def test_a_function_that_changes_by_itself():
    changes = (("", "", ""),) * 4
    (finding,) = examine(Evidence(calls=Calls("step", 5, 5, changes)))
    assert finding.saw == "step was traced 5 times in 5 calls"
    assert "outside the loop" in finding.mend


def test_only_what_is_traced_is_watched():
    with pytest.raises(ConfigError, match=r"is no tf.function; try descenso.doctor.watch\(tf.function\(…\)\)"):
        doctor.watch(len)
