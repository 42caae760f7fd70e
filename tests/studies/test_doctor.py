"""The doctor, asked: of arrays, files, runs, a step of one's own, a function; what it says, and what it lets pass."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from command import run
from descenso import doctor
from descenso.config import TrainConfig
from descenso.errors import ConfigError, DataError
from descenso.runs.directory import create
from descenso.runs.history import Epoch
from descenso.studies.doctor.evidence import Calls, Course, Evidence, Step
from descenso.studies.doctor.table import RULES, examine

RANDOM = np.random.default_rng(7)
LABELS = np.arange(60) % 3
INPUTS = RANDOM.normal(size=(60, 4)).astype(np.float32)
PIXELS = RANDOM.integers(0, 256, (60, 8, 8)).astype(np.uint8)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


def names(findings):
    return [finding.rule for finding in findings]


# Rows


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
    "a rare class": ((INPUTS, np.where(np.arange(60) < 4, 0, 1)), {}, ["imbalanced-classes"]),
    "a class of a tenth": ((INPUTS, np.where(np.arange(60) < 6, 0, 1)), {}, []),
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
        "Classes count from 0: the last one has no output, and the first output has no rows.", "labels = labels - 1",
    )  # fmt: skip


def test_a_dataset_knows_how_it_is_scaled():
    data = ds.Dataset("made", ds.Split(PIXELS, LABELS), ds.Split(PIXELS[:0], LABELS[:0]), ("a", "b", "c"), 1 / 255)
    assert doctor.data(data) == []
    assert names(doctor.data(data._replace(train=data.train._replace(inputs=PIXELS.astype("f4"))))) == []
    assert names(
        doctor.data(data._replace(train=data.train._replace(inputs=PIXELS.astype("f4")), input_scale=1.0))
    ) == ["pixels-not-scaled"]


def test_an_archive_is_looked_at_as_it_stands(tmp_path):
    path = tmp_path / "made.npz"
    np.savez(path, x_train=PIXELS.astype("f4"), y_train=ONE_HOT, x_test=PIXELS.astype("f4"), y_test=ONE_HOT)
    found = doctor.file(str(path))
    assert names(found) == ["labels-one-hot", "pixels-not-scaled", "test-in-train"]
    with pytest.raises(DataError, match="each row needs one label"):  # which is why it is not loaded first
        ds.load(str(path))


def test_a_table_is_loaded_as_it_is_trained_on(tmp_path):
    path = tmp_path / "made.csv"
    rows = [f"{a},{b},{'rare' if place < 9 else 'usual'}" for place, (a, b) in enumerate(RANDOM.normal(size=(300, 2)))]
    path.write_text("\n".join(["a,b,kind", *rows]))
    assert names(doctor.file(str(path), label="kind", test_fraction=0.2)) == ["imbalanced-classes"]


# One step of a loop of one's own


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
def test_what_the_loss_reads_is_found_out_by_asking_it(loss, labels, expected):
    assert names(doctor.step(model_of(PROBABILITIES), loss, INPUTS, labels)) == [expected]


def article(W, b):
    """Model and loss as tutorials write them."""

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
    """A step whose kernels have gradients of these norms."""
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


def test_a_function_that_changes_by_itself():
    changes = (("", "", ""),) * 4
    (finding,) = examine(Evidence(calls=Calls("step", 5, 5, changes)))
    assert finding.saw == "step was traced 5 times in 5 calls"
    assert "outside the loop" in finding.mend


def test_only_what_is_traced_is_watched():
    with pytest.raises(ConfigError, match=r"is no tf.function; try descenso.doctor.watch\(tf.function\(…\)\)"):
        doctor.watch(len)


# A run


def course(costs, outcome="completed", judged=(), suggested=None, steps=1000, early=(), **settings):
    return Course(TrainConfig.of(**settings), 10, steps, list(costs), list(judged), outcome, tuple(early), suggested)


COURSES = {
    "falling": (course([1.1, 0.6, 0.5, 0.45]), []),
    "noise at the bottom": (course([0.3, 0.01, 0.012, 0.01, 0.013, 0.01]), []),
    "up and down": (course([1.1, 0.6, 0.9, 0.5, 0.8, 0.5]), ["rate-too-high"]),
    "up and down, and no smaller rate is better": (course([1.1, 0.6, 0.9, 0.5, 0.8], suggested=0.02), []),
    "one bad epoch": (course([1.1, 0.6, 0.9, 0.5, 0.4, 0.3]), []),
    "worse than knowing nothing": (course([2.4, 2.8, 2.7]), ["rate-too-high"]),
    "worse than the start at first": (course([1.9, 1.8], early=[2.3, *[7.5] * 30]), ["rate-too-high"]),
    "better than the start at first": (course([1.9, 1.8], early=[2.3, 4.0, *[2.0] * 30]), []),
    "too few first steps to tell": (course([1.9, 1.8], early=[2.3, *[7.5] * 5]), []),
    "learned all the same": (course([1.9, 0.2], early=[2.3, *[7.5] * 30]), []),
    "diverged": (course([math.nan], "diverged"), ["rate-too-high"]),
    "diverged by log 0": (course([math.nan], "diverged", loss="naive"), ["log-of-zero"]),
    "falling from a first cost that was absurd": (course([18.0, 10.0], early=[28.0, *[20.0] * 30], suggested=0.4), []),
    "stuck, a larger rate is better": (course([2.3, 2.3], suggested=0.1), ["rate-too-low"]),
    "stuck, a smaller rate is better": (course([2.3, 2.3], suggested=0.001), ["rate-too-high"]),
    "stuck, no rate is better": (course([2.3, 2.3]), []),
    "just begun": (course([2.3], suggested=0.1, steps=50), []),
    "over-fitted": (course([1.0, 0.5, 0.2, 0.1], judged=[0.9, 0.6, 0.8, 1.0]), ["over-fitting"]),
    "validation wavers": (course([1.0, 0.5, 0.2, 0.1], judged=[0.9, 0.6, 0.62, 0.61]), []),
    "both costs rise": (course([0.5, 0.2, 0.21, 0.22], judged=[0.9, 0.6, 0.8, 1.0]), []),
}


@pytest.mark.parametrize("case", COURSES)
def test_courses(case):
    given, expected = COURSES[case]
    assert names(examine(Evidence(course=given))) == expected


def test_the_rate_that_is_suggested_is_measured(tiny_folder, tmp_path):
    ds.train(str(tiny_folder), out=tmp_path / "slow", learning_rate=1e-7, epochs=60, batch_size=100, engine="function")
    (finding,) = doctor.run(tmp_path / "slow")
    assert finding.rule == "rate-too-low"
    rate = float(finding.mend.removeprefix("--learning-rate "))
    mended = ds.train(str(tiny_folder), out=tmp_path / "mended", learning_rate=rate, epochs=60, engine="function")
    assert mended.history.costs[-1] < 0.5 * math.log(4)
    assert doctor.run(tmp_path / "mended") == []


def test_a_rate_that_hides_in_the_mean_of_an_epoch(tmp_path):
    """Its costs fall from epoch to epoch, and end well below that of knowing nothing; its first steps tell."""
    mnist = ds.load("mnist")
    few = mnist._replace(train=ds.Split(mnist.train.inputs[:2000], mnist.train.labels[:2000]))
    descent = ds.train(few, out=tmp_path / "run", learning_rate=3.0, epochs=4, batch_size=20, engine="function")
    assert descent.history.costs == sorted(descent.history.costs, reverse=True)
    assert descent.history.costs[-1] < 0.5 * math.log(10)
    (finding,) = doctor.run(tmp_path / "run", few)
    assert finding.rule == "rate-too-high"
    assert finding.saw.startswith("the first cost is 2.303, that of the next 99 steps 4.3")


def test_a_diverged_run_kept_no_weights(tiny_folder, tmp_path):
    ds.train(str(tiny_folder), out=tmp_path / "run", learning_rate=1e38, rule="momentum", epochs=3, engine="function")
    found = doctor.run(tmp_path / "run")
    assert names(found) == ["rate-too-high"]
    assert found[0].saw.startswith("the cost stopped being finite, at a learning rate of 1e+38")


def test_rows_that_are_not_those_a_run_learned_from(tiny, tmp_path):
    ds.train(tiny, out=tmp_path / "run", epochs=1, engine="function")
    flat = tiny._replace(train=ds.Split(tiny.train.inputs.reshape(-1, 64), tiny.train.labels))
    with pytest.raises(DataError, match="tiny, training rows: inputs of shape 64, expected 8×8"):
        doctor.run(tmp_path / "run", flat)
    with pytest.raises(DataError, match="there is no run"):
        doctor.run(tmp_path)


def test_units_that_died_on_the_way_are_seen_at_the_end(tiny, tmp_path):
    settings = {"model": "mlp", "rule": "sgd", "schedule": "constant", "learning_rate": 30.0, "epochs": 3}
    ds.train(tiny, out=tmp_path / "run", batch_size=50, engine="function", **settings)
    assert "dead-units" in names(doctor.run(tmp_path / "run", tiny))


def test_a_run_is_followed_while_it_is_written(tiny_folder, tmp_path, monkeypatch):
    """Each pause of the doctor's is an epoch of the run's."""
    config = TrainConfig.of(data=str(tiny_folder), epochs=4, batch_size=1, order="permutation", patience=0)
    directory = create(config, {}, tmp_path / "run")
    judged, heard = [0.5, 0.4, 0.6, 0.9], []

    def epoch(_seconds):
        done = len(directory.history.epochs)
        if done == len(judged):
            directory.write("status.json", {"outcome": "interrupted"})
        else:
            directory.append(Epoch(done, 1 / (done + 1), 0.1, judged[done], 0.5))

    monkeypatch.setattr(doctor.time, "sleep", epoch)
    for finding in doctor.follow(tmp_path / "run"):
        heard.append((finding.rule, len(directory.history.epochs)))
    directory.close()
    assert heard == [("over-fitting", 3)]  # not only at the end, and not twice


# The command


def test_the_command_on_data(tmp_path):
    path = tmp_path / "made.npz"
    np.savez(path, x_train=INPUTS, y_train=LABELS + 1)
    shown = run("doctor", path)
    assert shown.exit_code == 1
    assert shown.stdout.split("\n")[0] == "labels-from-1 (error)"
    assert "mend labels = labels - 1" in shown.stdout
    told = run("doctor", path, "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (1, {
        "findings": [finding._asdict() for finding in doctor.data(INPUTS, LABELS + 1)]
    })  # fmt: skip
    assert list(json.loads(told.stdout)["findings"][0]) == ["rule", "severity", "saw", "why", "mend"]


def test_the_command_on_sorted_data(tmp_path):
    path = tmp_path / "made.npz"
    np.savez(path, x_train=INPUTS, y_train=np.sort(LABELS))
    well = run("doctor", path)
    assert (well.exit_code, well.stdout) == (0, "Nothing found.\n")
    assert run("doctor", path, "--json").stdout == '{"findings": []}\n'
    assert "buffer-on-sorted" in run("doctor", path, "--order", "buffer:6").stdout


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_the_command_on_a_run(tiny_folder, tmp_path, follow):
    ds.train(str(tiny_folder), out=tmp_path / "run", learning_rate=1e-7, epochs=60, engine="function")
    shown = run("doctor", tmp_path / "run", *follow)
    assert shown.exit_code == 1
    assert "rate-too-low (warning)" in shown.stdout


def test_a_lesson():
    shown = run("doctor", "--break", "labels-from-1")
    assert shown.exit_code == 1
    assert shown.stdout.startswith("The mistake: labels = labels + 1\n\nlabels-from-1 (error)\n")
    told = json.loads(run("doctor", "--break", "labels-from-1", "--json").stdout)
    assert [finding["rule"] for finding in told["findings"]] == ["labels-from-1"]


def test_a_lesson_that_there_is_not():
    with pytest.raises(ConfigError, match=r"no rule 'labels-from-0' \(did you mean 'labels-from-1'\?\); the rules are"):
        doctor.lesson("labels-from-0")


@pytest.mark.parametrize("arguments", [[], ["mnist", "--break", "retracing"]])
def test_the_command_asks_for_one_thing(arguments):
    with pytest.raises(
        ConfigError, match="give a run, data or a rule to break, one of them; try descenso doctor mnist"
    ):
        run("doctor", *arguments)


def test_the_command_wants_an_order_that_there_is():
    with pytest.raises(ConfigError, match="order must be permutation, sequential or buffer:N"):
        run("doctor", "mnist", "--order", "shuffled")


def test_every_rule_is_told_in_full():
    for name, rule in RULES.items():
        assert rule.severity in ("error", "warning"), name
        assert rule.why.endswith("."), name
        assert rule.source, name
