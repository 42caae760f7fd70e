"""Names that users of Keras and scikit-learn try: they work, or the error suggests a line that works."""

import re

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

import descenso as ds
from descenso.config import TrainConfig
from descenso.elsewhere import ATTRIBUTES, FIRST, SAID, TRANSLATED
from descenso.errors import ConfigError

GUESSES = [  # settings passed, and the settings that the error suggests
    ({"lr": 0.5}, {"learning_rate": 0.5}),
    ({"lr": -1}, {"learning_rate": 0.1}),
    ({"learning_rate": "0,5"}, {"learning_rate": 0.5}),
    ({"learning_rate_init": 0.5}, {"learning_rate": 0.5}),
    ({"learningrate": 0.5}, None),
    ({"optimizer": "adam"}, {"rule": "adam"}),
    ({"optimizer": "RMSProp"}, {"rule": "rmsprop"}),
    ({"optimizer": keras.optimizers.Adam(0.01)}, {"rule": "adam", "learning_rate": 0.01}),
    ({"rule": "Adam"}, {"rule": "adam"}),
    ({"rule": keras.optimizers.Lion()}, {"rule": "lion"}),
    ({"solver": "sgd"}, {"rule": "sgd"}),
    ({"momentum": 0.5}, {"rule": "momentum:momentum=0.5"}),
    ({"nesterov": True}, {"rule": "nesterov"}),
    ({"beta_1": 0.8}, {"rule": "adam:beta_1=0.8"}),
    ({"batchsize": 32}, {"batch_size": 32}),
    ({"batch": 32}, {"batch_size": 32}),
    ({"batch_size": None}, {"batch_size": 100}),
    ({"n_epochs": 3}, {"epochs": 3}),
    ({"epoch": 3}, {"epochs": 3}),
    ({"max_iter": 3}, {"epochs": 3}),
    ({"validation_split": 0.2}, {"validation_size": 0.2}),
    ({"validation_data": ([[1]], [0])}, {"validation_size": 0.1}),
    ({"early_stopping": True}, {"patience": 5, "validation_size": 0.1}),
    ({"test_size": 0.3}, {"test_fraction": 0.3}),
    ({"random_state": 7}, {"seed": 7}),
    ({"shuffle": False}, {"order": "sequential"}),
    ({"loss": "categorical_crossentropy"}, {"loss": "cross_entropy"}),
    ({"loss": keras.losses.SparseCategoricalCrossentropy()}, None),
    ({"activation": "ReLU"}, {"activation": "relu"}),
    ({"activation": keras.activations.tanh}, {"activation": "tanh"}),
    ({"activation": "swish"}, {"activation": "gelu"}),
    ({"hidden_layer_sizes": (64, 32)}, {"hidden": (64, 32)}),
    ({"units": 64}, {"hidden": 64}),
    ({"n_layers": 2}, {"hidden": (64, 64)}),
    ({"layers": (32, 16)}, {"hidden": (32, 16)}),
    ({"hidden_layers": 100}, {"hidden": 100}),
    ({"dropout_rate": 0.3}, {"dropout": 0.3}),
    ({"l2": 0.01}, {"weight_decay": 0.01}),
    ({"clipnorm": 1.0}, {"clip_norm": 1.0}),
    ({"lr_schedule": "cosine"}, {"schedule": "cosine"}),
    ({"schedule": keras.optimizers.schedules.CosineDecay(0.1, 10)}, None),
    ({"dtype": "float16"}, {"dtype": "mixed_bfloat16"}),
    ({"jit_compile": False}, {"xla": "off"}),
    ({"run_eagerly": True}, {"engine": "eager"}),
    ({"steps_per_epoch": 10}, {"batch_size": 100}),
    ({"tol": 1e-4}, {"patience": 5, "validation_size": 0.1}),
    ({"image_size": (28, 28)}, {"resize": "28x28"}),
    ({"model": "LogisticRegression"}, {"model": "softmax"}),
    ({"model": "MLP"}, {"model": "mlp"}),
    ({"verbose": 0}, {"progress": False}),
    ({"log_dir": "logs"}, {"tensorboard": "logs"}),
    ({"class_weight": {0: 1.0}}, None),
    ({"metrics": ["accuracy"]}, None),
    ({"metric": "accuracy"}, None),
    ({"decay": 0.1}, None),
    ({"test": ([[1]], [0])}, None),
    ({"name": "first"}, {"out": "runs/first"}),
    ({"epohcs": 3}, None),
    ({"colour": 3}, None),
]


def line_of(message):
    """Return the settings that an error suggests, evaluated as Python."""
    mend = message.partition("; try ")[2].partition("; ")[0].replace(" with ", ", ")
    return eval(f"dict({mend})", {"descenso": ds})  # noqa: S307 - of our own making


@pytest.mark.parametrize(
    ("given", "line"),
    GUESSES,
    ids=lambda each: ",".join(map(str, each))[:40] if isinstance(each, dict | tuple) else str(each)[:40],
)
def test_a_guess_is_answered_with_a_line_that_works(given, line):
    with pytest.raises(ConfigError) as told:
        ds.train("mnist", **given)
    message = str(told.value)
    assert "--" not in message
    if line is not None:
        assert line_of(message) == line
        settings = {name: value for name, value in line.items() if name in TrainConfig.model_fields}
        model = {"model": "mlp"} if settings.keys() & {"hidden", "dropout", "activation"} else {}
        TrainConfig.of(**model, **settings)


def test_every_name_elsewhere_is_answered_by_one_here():
    known = set(TrainConfig.model_fields) | {"progress", "out", "tensorboard"}
    assert set(FIRST.values()) <= known
    assert {translate(1)[0] for translate in TRANSLATED.values()} <= known
    assert not set(TrainConfig.model_fields) & (set(FIRST) | set(TRANSLATED) | set(SAID))


def test_unknown_settings_are_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match=r"^there is no setting 'epohcs' \(did you mean 'epochs'\?\)$"):
        ds.train("mnist", epohcs=3)
    with pytest.raises(ConfigError, match=r"^there is no setting 'colour'; the settings are data, label, drop, "):
        ds.train("mnist", colour=3)


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"model": "mlp", "hidden": (64, 32)}, ("hidden", "64,32")),
        ({"model": "mlp", "hidden": [64]}, ("hidden", "64")),
        ({"model": "mlp", "hidden": 64}, ("hidden", "64")),
        ({"model": "mlp", "hidden": np.array([64, 32])}, ("hidden", "64,32")),
        ({"model": "mlp", "hidden": ()}, ("hidden", "")),
        ({"model": "cnn", "filters": (8, 16)}, ("filters", "8,16")),
        ({"drop": ["id", "date"]}, ("drop", "id,date")),
        ({"resize": (28, 32)}, ("resize", "28x32")),
        ({"checkpoint_every": 500}, ("checkpoint_every", "500")),
    ],
    ids=lambda each: ",".join(map(str, each))[:40] if isinstance(each, dict | tuple) else str(each)[:40],
)
def test_several_values_are_given_as_python_has_them(given, typed):
    name, text = typed
    assert getattr(TrainConfig.of(**given), name) == text


@pytest.mark.parametrize("given", [{"hidden": (64.5,)}, {"hidden": (True,)}, {"drop": ["a,b"]}, {"resize": (28,)}])
def test_values_that_could_be_taken_for_others_are_refused(given):
    with pytest.raises(ConfigError, match=r"must be .*; try "):
        TrainConfig.of(model="mlp", **given)


@pytest.mark.parametrize(
    ("callback", "mend"),
    [
        (keras.callbacks.EarlyStopping(), "try patience=5 with validation_size=0.1"),
        (keras.callbacks.ModelCheckpoint("x.keras"), "try checkpoint_every=500"),
        (keras.callbacks.TensorBoard(), "try tensorboard='logs'"),
        (keras.callbacks.ReduceLROnPlateau(), "try schedule='cosine', or control=descenso.Control()"),
        (keras.callbacks.LambdaCallback(), "derive it from descenso.Callback; its methods are on_epoch"),
        (print, "derive it from descenso.Callback; its methods are on_epoch"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_callbacks_of_keras_are_answered(callback, mend, tmp_path):
    with pytest.raises(ConfigError, match=r"^callbacks must be of descenso.Callback, got .*" + re.escape(mend)):
        ds.train("mnist", callbacks=[callback], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"learning_rate_init": 0.5}, "learning_rate=0.5"),
        ({"max_iter": 5}, "epochs=5"),
        ({"hidden_layer_sizes": (4, 3)}, "hidden=(4, 3)"),
        ({"solver": "adam"}, "rule='adam'"),
        ({"alpha": 0.01}, "weight_decay=0.01"),
        ({"early_stopping": True}, "patience=5, validation_size=0.1"),
        ({"random_state": 3}, "seed=3"),
    ],
    ids=lambda each: ",".join(map(str, each))[:40] if isinstance(each, dict | tuple) else str(each)[:40],
)
def test_an_estimator_answers_too(given, line):
    ((name, _value),) = given.items()
    with pytest.raises(ConfigError, match=f"^{name}: descenso calls it .*; try {re.escape(line)}$"):
        ds.Classifier(**given)
    ds.Classifier(**eval(f"dict({line})"))  # noqa: S307 - of our own making


def test_an_estimator_refuses_settings_that_it_does_not_use():
    with pytest.raises(ConfigError, match="^verbose: an estimator shows no progress, .* see loss_curve_$"):
        ds.Classifier(verbose=1)
    with pytest.raises(ConfigError, match=r"^callbacks: an estimator makes no run, .*; descenso\.train\(X, y\) makes"):
        ds.Classifier(callbacks=[])
    with pytest.raises(ConfigError, match="there is no setting 'colour'; the settings are model, class_weight, preset"):
        ds.Classifier(colour=3)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"optimizers": ["sgd", "adam"]}, "rules=['sgd', 'adam']"),
        ({"lrs": [0.1, 0.2]}, "learning_rates=[0.1, 0.2]"),
        ({"optimizer": "adam"}, "rule='adam'"),
    ],
)
def test_a_comparison_answers_too(given, line, tiny):
    ((name, _value),) = given.items()
    for explain in (False, True):
        with pytest.raises(ConfigError, match=f"^{name}: descenso calls it .*; try {re.escape(line)}$"):
            ds.compare(tiny, explain=explain, **given)


def test_a_folder_for_tensorboard_is_a_path():
    with pytest.raises(ConfigError, match="^tensorboard must be a folder, got True; try tensorboard='logs'$"):
        ds.train("mnist", tensorboard=True)


def test_what_users_look_for_in_results_is_answered(tiny, tmp_path):
    run = ds.train(tiny, model="softmax", epochs=1, out=tmp_path / "run", progress=False)
    inputs, labels = tiny.test.inputs, tiny.test.labels
    results = {"descenso": ds, "Run": run, "History": run.history, "Evaluation": run.evaluate(),
               "Predictions": run.predict(inputs)}  # fmt: skip
    assert results.keys() == ATTRIBUTES.keys()
    named = {"descenso": ds, "run": run, "X": inputs, "y": labels, "evaluation": results["Evaluation"],
             "predictions": results["Predictions"], "path": run.path}  # fmt: skip
    for holder, there in ATTRIBUTES.items():
        for name, line in there.items():
            assert not hasattr(results[holder], name)
            with pytest.raises(AttributeError, match=f"^'{holder}' has no attribute '{name}'; try {re.escape(line)}"):
                getattr(results[holder], name)
            if not re.match(r"descenso\.(train|find_rate|compare|landscape)|run\.(resume|export)", line):
                eval(line, named)  # noqa: S307 - of our own making
        with pytest.raises(AttributeError, match=f"^'{holder}' has no attribute 'colour'$"):
            _ = results[holder].colour
    with pytest.raises(TypeError, match=r"^'History' has no item 'loss'; try run\.history\.costs$"):
        run.history["loss"]
    with pytest.raises(TypeError, match=r"^'Evaluation' has no item 'acc'; try evaluation\.accuracy$"):
        results["Evaluation"]["acc"]
    assert run.history[0] == run.history.epochs
    np.testing.assert_array_equal(results["Predictions"][1:3], results["Predictions"].probabilities[1:3])


@pytest.mark.slow
def test_sweeps_take_inputs_and_labels_as_train_does(tiny, tmp_path):
    inputs, labels = tiny.train.inputs, tiny.train.labels
    settings = {"learning_rates": [0.1, 0.2], "model": "softmax", "epochs": 1, "verify": "none"}
    found = [
        ds.sweep(*data, out=tmp_path / str(len(data)), **settings) for data in ((inputs, labels), ((inputs, labels),))
    ]
    assert found[0].records.keys() == found[1].records.keys() == {0, 1}
    assert found[0].records[0].costs == found[1].records[0].costs


def test_an_estimator_takes_units_as_a_tuple():
    X, y = load_iris(return_X_y=True)
    classifier = ds.Classifier("mlp", hidden=(8,), epochs=1, engine="eager")
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.set_params(hidden=(4, 3)).fit(X, y).params_["dense_1/kernel"].shape == (4, 3)


def test_python_suggests_a_name_of_the_package():
    with pytest.raises(AttributeError) as told:
        _ = ds.trian
    assert (told.value.name, told.value.obj) == ("trian", ds)


@pytest.mark.parametrize(
    ("given", "said", "line"),
    [
        ({"rules": ["adma", "sgd"]}, r"^rules: there is no 'adma'", {"rules": ["adam", "sgd"]}),
        ({"engines": ["grahp", "eager"]}, r"^each of engines must be one of", {"engines": ["graph", "eager"]}),
        ({"learning_rates": [0.1, -1]}, r"^each of learning_rates must be", {"learning_rates": [0.1, 0.01]}),
        ({"batch_sizes": np.array([10, 0])}, r"^each of batch_sizes must be", {"batch_sizes": [10, 100]}),
        ({"rule": ["adma", "sgd"]}, r"^rules: there is no 'adma'", {"rules": ["adam", "sgd"]}),
    ],
)
def test_a_wrong_value_in_a_list_is_answered_with_the_list(given, said, line):
    for study in (ds.compare, ds.sweep) if "engines" not in given else (ds.compare,):
        with pytest.raises(ConfigError, match=said) as told:
            study("mnist", **given)
        assert line_of(str(told.value)) == line


@pytest.mark.parametrize(
    ("study", "given", "said"),
    [
        (ds.compare, {"models": ["softmax", "mlp"]}, r"^models: one model is trained at a time; train each of them, "),
        (ds.sweep, {"models": ["softmax", "mlp"]}, r"^models: one model is trained at a time; "),
        (ds.train, {"rules": ["sgd", "adam"]}, r"^rules: several values belong to a sweep: descenso\.sweep\(data, "),
        (ds.compare, {"seeds": 3}, r"^seeds: several values belong to a sweep: "),
        (ds.sweep, {"engines": ["eager", "graph"]}, r"^engines: several are compared: descenso\.compare\(data, "),
        (ds.sweep, {"lrs": [0.1, 0.2]}, r"^lrs: descenso calls it learning_rates; try learning_rates=\[0\.1, 0\.2\]$"),
    ],
)
def test_a_list_where_there_is_none_is_answered_with_the_function_that_takes_it(study, given, said):
    with pytest.raises(ConfigError, match=said):
        study("mnist", **given)
