"""User-defined rules, schedules and losses: the same numbers on every engine; invalid ones are refused."""

import math
import sys
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from command import run
from descenso import text
from descenso.config import TrainConfig
from descenso.descent import models
from descenso.descent.digests import digest
from descenso.descent.models import cross_entropy
from descenso.descent.own import name_of
from descenso.engines.base import clear
from descenso.engines.compiled import runs_apart
from descenso.errors import CheckpointError, ConfigError
from descenso.studies.gradcheck import check_model

SMALL = {"model": "softmax", "epochs": 2, "batch_size": 29, "learning_rate": 0.1, "dtype": "float64"}


def zeros(params):
    return {name: tf.zeros_like(value) for name, value in params.items()}


def velocities(gradients, velocity, params, learning_rate):
    velocity = {name: 0.9 * velocity[name] - learning_rate * g for name, g in gradients.items()}
    return velocity, velocity


heavy = ds.Rule(zeros, velocities)


def heavy_ball():
    return heavy


def line(step, steps):
    return 1 - step / steps


def plain(logits, labels):
    return -tf.reduce_sum(tf.one_hot(labels, 4, dtype=logits.dtype) * tf.nn.log_softmax(logits), axis=1)


def weighted(logits, labels, weights):
    return cross_entropy(logits, labels, weights)


def sgd(change=lambda updates, state: (updates, state), init=lambda params: {}):
    """Return gradient descent with changed updates or another state."""

    def update(gradients, state, params, learning_rate):
        return change({name: -learning_rate * g for name, g in gradients.items()}, state)

    return ds.Rule(init, update)


@pytest.mark.parametrize("engine", ["graph", "eager", "function", "compiled"])
def test_custom_rules_give_the_numbers_of_the_built_in_ones_on_every_engine(tiny, tmp_path, engine):
    mine = ds.train(tiny, rule=heavy, loss=plain, engine=engine, out=tmp_path / "mine", **SMALL)
    ours = ds.train(tiny, rule="momentum", engine=engine, out=tmp_path / "ours", **SMALL)
    assert (mine.config.rule, mine.config.loss) == ("test_own:heavy", "test_own:plain")
    np.testing.assert_allclose(mine.history.costs, ours.history.costs, rtol=1e-12)
    np.testing.assert_allclose(mine.weights["W"], ours.weights["W"], rtol=1e-9, atol=1e-13)


def test_custom_rules_and_losses_work_with_wrappers_and_sample_weights(tiny):
    X, y, each = tiny.train.inputs.reshape(203, -1), tiny.train.labels, np.linspace(0.5, 2, 203)
    settings = {**SMALL, "engine": "function", "clip_norm": 0.5, "average": 0.9, "weight_decay": 0.01}
    found = [
        ds.Classifier(rule=rule, loss=loss, **settings).fit(X, y, sample_weight=each).params_["W"]
        for rule, loss in (("momentum", None), (heavy, plain), (heavy_ball, weighted))
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-9, atol=1e-13)
    with pytest.raises(ConfigError, match="the rows have weights, which a mean over the rows cannot take"):
        mean = lambda logits, labels: tf.reduce_mean(plain(logits, labels))  # noqa: E731
        ds.Classifier(loss=mean, **settings).fit(X, y, sample_weight=each)


def test_a_schedule_is_a_share_of_the_rate(tiny, tmp_path):
    given = {**SMALL, "engine": "function", "epochs": 1}
    costs = [
        ds.train(tiny, schedule=schedule, out=tmp_path / str(place), **given).weights["W"]
        for place, schedule in enumerate(["warm-up:rise=1", lambda step, steps: (step + 1) / steps,
                                          lambda step: (step + 1) / 7])
    ]  # fmt: skip
    np.testing.assert_allclose(costs[1], costs[0], rtol=1e-12)
    np.testing.assert_allclose(costs[2], costs[0], rtol=1e-12)


def test_a_run_resumes_to_the_same_bits_with_the_same_code_only(tiny, tmp_path):
    given = {**SMALL, "engine": "function"}
    straight = ds.train(tiny, rule=heavy, out=tmp_path / "straight", **{**given, "epochs": 4})
    path = ds.train(tiny, rule=heavy, out=tmp_path / "cut", **given).path
    with pytest.raises(
        ConfigError, match=r"^rule: the run was trained with test_own:heavy, .*try --rule test_own:heavy$"
    ):
        ds.resume(path, data=tiny, epochs=4)
    with pytest.raises(CheckpointError, match="for this changed: source rule: "):
        ds.resume(path, data=tiny, rule=sgd(init=zeros), epochs=4)
    resumed = ds.resume(path, data=tiny, rule=heavy, epochs=4)
    assert (resumed.status["fingerprint"], resumed.status["exact"]) == (straight.status["fingerprint"], True)
    assert ds.doctor.run(path, tiny, rule="test_own:heavy") is not None
    with pytest.raises(ConfigError, match="rule: the run was trained with"):
        ds.doctor.run(path, tiny)


@pytest.mark.slow
def test_a_rule_that_cannot_be_imported_is_passed_again(tiny, tmp_path):
    path = ds.train(tiny, rule=sgd(), out=tmp_path / "run", engine="function", **SMALL).path
    with pytest.raises(ConfigError, match=r"which a Python program made and no module holds: .* Python, rule=…; or"):
        ds.doctor.run(path, tiny)
    assert ds.doctor.run(path, tiny, rule=sgd()) is not None


@pytest.mark.slow
def test_comparisons_name_custom_rules(tiny):
    given = {**SMALL, "engine": "function", "epochs": 1, "repeats": 1}
    found = ds.compare(tiny, rules=[heavy, sgd(), sgd(), "momentum"], **given)
    assert [each.name for each in found.results] == ["test_own:heavy", "sgd", "sgd 2", "momentum"]
    np.testing.assert_allclose(found.results[0].costs, found.results[3].costs, rtol=1e-12)
    assert ds.compare(tiny, rule=heavy, engines=["graph", "function"], epochs=1, repeats=1, batch_size=29).coincide


def test_the_gradient_of_a_custom_loss_is_checked_without_a_formula(tiny):
    settings = {"dtype": "float64", "loss": "test_own:plain"}
    found = check_model(TrainConfig.of(**settings), tiny, 5, 1e-6)
    assert found.passed
    assert "by hand" not in found.ways


def vanished(updates, state):
    return {name: value / (0 * value) for name, value in updates.items()}, state


RULES = {
    r"expected a descenso.Rule, or a function that makes one, got int; write descenso.Rule\(init, update\)": 5,
    "expected a descenso.Rule, or a function that makes one, got tuple": (zeros, velocities),
    "is a Keras optimizer, which updates variables in place; try --rule adam": keras.optimizers.Adam(),
    r"takes \(a\), and is called without any": lambda a: sgd(),
    "it made the Python number 3, expected a descenso.Rule": lambda: 3,
    r"init takes \(\), expected \(params\)": ds.Rule(lambda: {}, velocities),
    r"update takes \(g, s\), expected \(gradients, state, params, learning_rate\)": ds.Rule(zeros, lambda g, s: (g, s)),
    r"init returned a value of type NoneType, expected a dict .*; return \{\} for no state": sgd(init=lambda p: None),
    r"init: t is the Python number 0, expected a tensor; try tf.constant\(0\)": sgd(init=lambda p: {"t": 0}),
    r"returned a value of type dict, expected \(updates, state\)": sgd(lambda updates, state: updates),
    r"updates: the keys are W, expected W, b \(missing: b; further: none\)": sgd(lambda u, s: ({"W": u["W"]}, s)),
    r"W is float64 of shape \(\), expected float64 of shape \(4, 64\)": sgd(
        lambda u, s: ({name: tf.reduce_sum(value) for name, value in u.items()}, s)
    ),
    r"W is float32 of .*; try tf.cast\(…, tf.float64\)": sgd(
        lambda u, s: ({name: tf.cast(value, tf.float32) for name, value in u.items()}, s)
    ),
    "W is the Python number 1, expected a tensor": sgd(lambda u, s: (dict.fromkeys(u, 1), s)),
    r"state: the keys are t, expected none \(missing: none; further: t\)": sgd(lambda u, s: (u, {"t": tf.constant(1)})),
    "its first updates of W, b are not finite": sgd(vanished),
    "update raised KeyError: 'X'": sgd(lambda u, s: (u["X"], s)),
    "update raised .*; it must work in a graph: try tf.where": sgd(
        lambda u, s: (u if u["W"][0, 0] > 0 else dict(u), s)
    ),
}


@pytest.mark.parametrize("said", RULES)
def test_an_invalid_rule_leaves_no_run(tiny, tmp_path, said):
    with pytest.raises(ConfigError, match=rf"^rule.*{said}"):
        ds.train(tiny, rule=RULES[said], engine="eager", out=tmp_path / "run", **SMALL)
    assert not list(tmp_path.iterdir())


def model(*layers, **settings):
    made = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), *layers, keras.layers.Dense(4)])
    for name, value in settings.items():
        setattr(made, name, value)
    return made


@keras.saving.register_keras_serializable("tests")
class Broken(keras.layers.Layer):
    def call(self, inputs, training=False):
        return tf.reshape(inputs, [3, -1]) if training else inputs


OTHERS = {
    "model: nothing in .* is trained; set model.trainable = True": {"model": lambda: model(trainable=False)},
    "model: .* fails in its first step": {"model": lambda: model(Broken())},
    "expected a function of the step, got the Python number 3": {"schedule": 3},
    "its share at step 0 of 14 is -1.0": {"schedule": lambda step: -1.0},
    "its share at step 0 of 14 is nan": {"schedule": lambda step: float("nan")},
    r"returned float32 of shape \(3,\), expected the share": {"schedule": lambda step: tf.zeros(3)},
    "returns a learning rate, not a share of it": {"schedule": keras.optimizers.schedules.CosineDecay(1.0, 10)},
    r"takes \(y_true, y_pred.*, expected \(logits, labels\)": {"loss": keras.losses.sparse_categorical_crossentropy},
    "returned float32 of shape .*, expected the cost of each row": {"loss": lambda z, y: tf.cast(z, tf.float32)},
    "does not depend on the parameters": {"loss": lambda z, y: tf.reduce_sum(0 * tf.cast(tf.argmax(z, 1), z.dtype))},
    "the cost of the first batch is nan": {"loss": lambda z, y: tf.math.log(-1 - z[:, 0] ** 2)},
}


@pytest.mark.parametrize("said", OTHERS)
def test_other_invalid_settings_leave_no_run(tiny, tmp_path, said):
    with pytest.raises(ConfigError, match=said):
        ds.train(tiny, engine="eager", out=tmp_path / "run", **{**SMALL, **OTHERS[said]})
    assert not list(tmp_path.iterdir())


def test_code_that_xla_cannot_compile_runs_without_it_and_warns(tiny, tmp_path):
    def turning():
        layers = keras.Input((8, 8, 1)), keras.layers.RandomRotation(0.1), keras.layers.Flatten()
        return keras.Sequential([*layers, keras.layers.Dense(4)])

    given = {**SMALL, "dtype": "float32"}
    with pytest.warns(UserWarning, match=r"XLA cannot compile .* \(ImageProjectiveTransformV3\); TensorFlow runs"):
        found = ds.train(tiny, out=tmp_path / "run", **{**given, "model": turning})
    assert found.outcome == "completed"

    def written(logits, labels):  # XLA refuses it only when the engine compiles it
        return plain(logits, labels) * tf.cast(tf.strings.length(tf.as_string(labels)), logits.dtype)

    with pytest.warns(UserWarning, match="XLA cannot compile softmax"):
        found = ds.train(tiny, loss=written, out=tmp_path / "other", **given)
    assert found.outcome == "completed"


CNN = {"model": "cnn", "filters": "2", "hidden": "", "epochs": 1, "batch_size": 33}  # with a smaller batch at the end


@pytest.mark.slow
@pytest.mark.parametrize("augment", [0, 1])
def test_an_update_that_xla_cannot_compile_runs_without_it(tiny, tmp_path, augment):
    def written(updates, state):
        return {name: tf.strings.to_number(tf.as_string(each)) for name, each in updates.items()}, state

    with pytest.warns(UserWarning, match="XLA cannot compile cnn"):
        found = ds.train(tiny, rule=sgd(written), augment=augment, out=tmp_path / "run", **CNN)
    assert found.outcome == "completed"


@pytest.mark.slow
def test_an_update_by_xla_is_traced_once_for_all_batches(tiny, tmp_path):
    symbolic = []

    def noting(updates, state):
        symbolic.extend(not hasattr(each, "numpy") for each in list(updates.values())[:1])
        return updates, state

    ds.train(tiny, rule=sgd(noting), out=tmp_path / "run", **CNN)
    assert sum(symbolic) == 2  # in the trial, and by XLA


@pytest.mark.slow
def test_steps_are_the_same_where_tensorflow_does_not_keep_them_functions(tiny, tmp_path, monkeypatch):
    given = {**CNN, "dtype": "float64"}
    kept = ds.train(tiny, out=tmp_path / "kept", **given)
    function, asked = tf.function, []

    def without_attributes(*function_and, **options):
        if "experimental_attributes" in options:
            asked.append(options)
            raise TypeError
        return function(*function_and, **options)

    clear()
    monkeypatch.setattr(tf, "function", without_attributes)
    inlined = ds.train(tiny, out=tmp_path / "inlined", **given)
    np.testing.assert_allclose(inlined.history.costs, kept.history.costs, rtol=1e-9)
    assert asked


@pytest.mark.parametrize(("model", "apart"), [("softmax", False), ("mlp", False), ("cnn", True)])
def test_steps_with_convolutions_stay_functions_in_a_loop_that_xla_does_not_compile(model, apart):
    built = models.build(TrainConfig.of(model=model), (8, 8), 4)
    assert (runs_apart(built, xla=False), runs_apart(built, xla=True)) == (apart, False)


MODULE = """
import descenso as ds
def slow():
    return ds.Rule(lambda p: {}, lambda g, s, p, rate: ({k: -rate * v for k, v in g.items()}, s))
"""


@pytest.mark.slow
def test_the_command_finds_custom_rules_in_the_working_directory(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])  # as for an installed command
    (tmp_path / "slow_rules.py").write_text(MODULE, encoding="utf-8")
    small = ("-m", "softmax", "-e", 1, "-b", 29, "--engine", "function")
    assert run("train", tiny_folder, "--rule", "slow_rules:slow", *small, "--out", "r").exit_code == 0
    with pytest.raises(ConfigError, match="try --rule slow_rules:slow$"):
        run("resume", "r", "--epochs", 2)
    assert run("resume", "r", "--epochs", 2, "--rule", "slow_rules:slow").exit_code == 0
    assert run("evaluate", "r").exit_code == 0
    for typed, said in (("slow_rules:slw", "try --rule slow_rules:slow$"),
                        ("no_such_module:slow", "cannot be imported")):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            run("train", tiny_folder, "--rule", typed, *small)
    assert run("train", tiny_folder, "--rule", "slow_rules.py:slow", *small, "--out", "by_path").exit_code == 0
    sys.modules.pop("slow_rules")


def test_names_tell_how_to_import_custom_functions():
    assert name_of("rule", heavy) == "test_own:heavy"
    assert name_of("rule", heavy_ball) == "test_own:heavy_ball"
    assert name_of("rule", sgd()) == "python:sgd"
    assert name_of("schedule", lambda step: 1) == "python:schedule"
    assert name_of("loss", partial(plain)) == "python:plain"
    assert name_of("model", keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)], name="mine")) == "python:mine"


RATE = 0.5


def test_a_digest_depends_on_source_closures_and_numbers_of_the_module(monkeypatch):
    def made(number):
        return lambda step: number * RATE * step

    def other(number):
        return lambda step: number * RATE + step

    assert digest(made(1)) == digest(made(1))
    assert len({digest(made(1)), digest(made(2)), digest(other(1)), digest(partial(made(1), step=3))}) == 4
    before = digest(made(1))
    monkeypatch.setitem(globals(), "RATE", 0.25)
    assert digest(made(1)) != before
    layers = [keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kind)]) for kind in ("relu", "relu", "tanh")]
    assert digest(layers[0]) == digest(layers[1]) != digest(layers[2])


def test_common_mistakes_in_rules_and_schedules_are_named(tiny, tmp_path):
    def train(**settings):
        ds.train(tiny, out=tmp_path / "run", **settings, **SMALL)

    with pytest.raises(ConfigError, match=r"descenso\.Rule takes two functions, .* init is lambda params: \{\}"):
        ds.Rule(heavy.update)
    with pytest.raises(ConfigError, match=r"returned its state first; end it with return updates, state$"):
        train(rule=sgd(lambda updates, state: (state, updates), lambda params: {"velocity": zeros(params)}))
    for cosine, name in ((np.cos, "np.cos"), (math.cos, "math.cos")):
        module = name.partition(".")[0]
        scope = {module: {"np": np, "math": math}[module]}
        made = eval(f"lambda step, steps: 1 + {name}(step / steps)", scope)  # noqa: S307 - as a user writes it
        with pytest.raises(ConfigError, match=rf"try tf\.cos in the place of {name}$"):
            train(schedule=made)
        assert cosine(0) == 1


@pytest.mark.slow
def test_a_constant_share_warns(tiny, tmp_path, recwarn):
    text.use_flags(False)
    told = r"it is 0\.5 at every step, a share of the learning rate, which thus is 0\.05; .* learning_rate=0\.5$"
    with pytest.warns(UserWarning, match=told):
        ds.train(tiny, out=tmp_path / "run", schedule=lambda step: 0.5, **SMALL)
    recwarn.clear()
    ds.train(tiny, out=tmp_path / "one", schedule=lambda step: 1.0, **SMALL)
    ds.train(tiny, out=tmp_path / "falling", schedule=line, **SMALL)
    assert [each for each in recwarn if "share" in str(each.message)] == []


@pytest.mark.slow
def test_a_rate_in_place_of_a_share_warns(tiny, tmp_path, recwarn):
    told = r"its largest share of the learning rate is 0\.1, so that the rate is at most 0\.01; .* f\(step\) / f\(0\)$"
    with pytest.warns(UserWarning, match=told):
        ds.train(tiny, out=tmp_path / "run", schedule=lambda step: 0.1 / (1 + step / 100), **SMALL)
    recwarn.clear()
    rising = lambda step, steps: tf.minimum((step + 1) / (0.1 * steps), 0.9 * (1 - step / steps))  # noqa: E731
    ds.train(tiny, out=tmp_path / "rising", schedule=rising, **SMALL)
    assert [each for each in recwarn if "share" in str(each.message)] == []


def test_a_model_is_given_by_the_path_of_its_file(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.py").write_text(
        "import keras\n\n\ndef make():\n    return keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), "
        "keras.layers.Dense(4)])\n\n\ndef needs(shape):\n    return make()\n"
    )
    quick = ("--engine", "eager", "-e", 1, "-b", 20)
    made = run("train", tiny_folder, "--model", "models/mine.py:make", "--out", "run", *quick)
    assert made.exit_code == 0, made.output
    assert ds.open_run("run").config.model == "models.mine:make"
    assert run("evaluate", "run", "--model", "./models/mine.py:make").exit_code == 0
    with pytest.raises(ConfigError, match=r"got 'models/mine\.py:make'; try --model models\.mine:make$"):
        ds.train(tiny_folder, model="models/mine.py:make")
    with pytest.raises(ConfigError, match="needs is called without arguments, and raised TypeError: .*'shape'"):
        run("train", tiny_folder, "--model", "models/mine.py:needs", "--out", "other", *quick)


class _Wrapped:
    """An object with values and functions, used in a closure."""

    def __init__(self, units, function):
        self.units, self.function, self.shape, self.other = units, function, (8, 8), object()


def test_the_digest_of_code_that_closes_over_an_object_is_that_of_its_values():
    def factory(wrapped):
        return lambda: wrapped

    def double(x):
        return 2 * x

    def triple(x):
        return 3 * x

    first = digest(factory(_Wrapped(4, double)))
    assert digest(factory(_Wrapped(4, double))) == first
    assert digest(factory(_Wrapped(5, double))) != first
    assert digest(factory(_Wrapped(4, triple))) != first
