import inspect
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import descenso as ds
from descenso.config import TrainConfig
from descenso.errors import ConfigError, DataError

ENGINES = ["graph", "eager", "function", "compiled"]
NO_SETTINGS_OF_AN_ESTIMATOR = {  # settings that concern only run directories, files or commands
    "data", "label", "drop", "test_fraction", "resize", "decimal", "encoding", "header", "numeric_only",
    "input_shape", "skip_unreadable",
    "checkpoint_every", "deterministic"}  # fmt: skip


def iris_classifier(**settings):
    return ds.Classifier(
        "softmax", **{"epochs": 20, "learning_rate": 0.5, "batch_size": 10, "engine": "eager", **settings}
    )


def digits():
    """Return 300 uint8 images and their labels; uint8 images are scaled alike, whichever rows are used."""
    X, y = load_digits(return_X_y=True)
    return (X[:300] * 15).astype(np.uint8).reshape(-1, 8, 8), y[:300]


def examine(model, engine):
    """Run all of scikit-learn's checks, none of which may fail.

    In float64, since the checks allow no float32 rounding. Without dropout, which would differ between a row of weight
    2 and two equal rows; and with full batches, in which these two are the same.
    """
    exact = {"dtype": "float64", "dropout": 0.0, "batch_size": "full"}
    results = check_estimator(ds.Classifier(model, engine=engine, epochs=20, **exact), on_skip=None)
    found = [result["status"] for result in results]  # check_estimator raises if a check fails
    assert set(found) <= {"passed", "skipped"}
    assert found.count("passed") > 30


@pytest.mark.slow
def test_it_passes_the_checks_of_scikit_learn():
    examine("softmax", "eager")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "mlp"])
def test_it_passes_them_with_the_compiled_engine_too(model):
    examine(model, "compiled")


def test_its_parameters_are_the_settings_of_train():
    parameters = set(inspect.signature(ds.Classifier).parameters)
    assert parameters - {"class_weight"} == set(TrainConfig.model_fields) - NO_SETTINGS_OF_AN_ESTIMATOR


def test_it_trains_the_same_weights_as_train(tmp_path):
    X, y = load_iris(return_X_y=True)
    data = ds.from_arrays(X, y, test_fraction=0.2)
    settings = {"model": "softmax", "rule": "momentum", "learning_rate": 0.01, "epochs": 3, "dtype": "float64"}
    run = ds.train(data, out=tmp_path / "run", **settings)
    classifier = ds.Classifier(**settings)
    classifier.fit(data.train.inputs, data.train.labels)
    np.testing.assert_array_equal(classifier.params_["W"], run.weights["W"])
    assert classifier.loss_curve_ == run.history.costs
    assert classifier.n_iter_ == 3


@pytest.mark.slow
def test_it_serves_in_a_pipeline_a_search_and_a_cross_validation():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(iris_classifier(epochs=5), {"learning_rate": [1e-4, 0.3]}, cv=3).fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.3}
    assert cross_val_score(make_pipeline(StandardScaler(), iris_classifier()), X, y, cv=3).min() > 0.9


@pytest.mark.slow
def test_images_go_through_convolutions():
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8)
    classifier = ds.Classifier("cnn", filters="8", hidden="32", epochs=8).fit(images[:1500], y[:1500])
    assert classifier.score(images[1500:], y[1500:]) > 0.9
    again = pickle.loads(pickle.dumps(classifier))  # noqa: S301 - of our own making
    np.testing.assert_array_equal(again.predict_proba(images[:5]), classifier.predict_proba(images[:5]))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", ["cross_entropy", "naive"])
def test_a_row_of_weight_two_counts_as_two_rows(engine, loss):
    X, y = digits()
    classifier = ds.Classifier(engine=engine, loss=loss, batch_size="full", dtype="float64", epochs=5)
    twice, doubled = np.r_[np.arange(len(y)), np.flatnonzero(y == 3)], np.where(y == 3, 2.0, 1.0)
    repeated = clone(classifier).fit(X[twice], y[twice])
    weighed = clone(classifier).fit(X, y, sample_weight=doubled)
    by_class = clone(classifier).set_params(class_weight={3: 2}).fit(X, y)
    np.testing.assert_allclose(weighed.params_["W"], repeated.params_["W"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighed.loss_curve_, repeated.loss_curve_, rtol=1e-12)
    np.testing.assert_array_equal(by_class.params_["W"], weighed.params_["W"])
    plain = clone(classifier).fit(X, y)
    assert np.abs(plain.params_["W"] - weighed.params_["W"]).max() > 1e-4


def test_a_row_without_weight_is_as_if_it_were_not_there():
    X, y = digits()
    classifier = ds.Classifier(engine="eager", batch_size="full", dtype="float64", epochs=5)
    with_nines = clone(classifier).fit(X, np.r_[9, y[1:]], sample_weight=np.r_[0, np.ones(len(y) - 1)])
    without = clone(classifier).fit(X[1:], y[1:])
    np.testing.assert_allclose(with_nines.params_["W"], without.params_["W"], rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_balanced_weights_are_those_of_scikit_learn():
    X, y = make_classification(n_samples=300, weights=[0.95], class_sep=0.5, random_state=0)
    recalls = [
        np.mean(iris_classifier(class_weight=way).fit(X, y).predict(X)[y == 1] == 1) for way in (None, "balanced")
    ]
    assert recalls[0] < 0.5 < recalls[1]


def test_each_call_of_partial_fit_trains_one_epoch():
    X, y = load_iris(return_X_y=True)
    classifier = iris_classifier(rule="adam", learning_rate=0.05)
    for _time in range(20):
        classifier.partial_fit(X, y, classes=[0, 1, 2])
    assert classifier.score(X, y) > 0.95
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 20
    assert classifier.loss_curve_[-1] < 0.2 < classifier.loss_curve_[0]


def test_partial_fit_continues_after_fit():
    X, y = load_iris(return_X_y=True)
    classifier = iris_classifier().fit(X, y)
    cost = classifier.loss_curve_[-1]
    assert classifier.partial_fit(X, y).n_iter_ == 21
    assert classifier.loss_curve_[-1] < 1.05 * cost


@pytest.mark.parametrize("more", [{}, {"average": 0.9}])
def test_partial_fit_keeps_the_state_of_its_rule(more):
    X, y = load_iris(return_X_y=True)
    settings = {"rule": "adam", "learning_rate": 0.05, "dtype": "float64", **more}
    whole = iris_classifier(**settings, epochs=3).fit(X, y)
    in_calls = iris_classifier(**settings)
    for _time in range(3):
        in_calls.partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_allclose(in_calls.params_["W"], whole.params_["W"], rtol=1e-12)


def test_patience_keeps_the_best_weights():
    X, y = digits()
    classifier = ds.Classifier(engine="eager", learning_rate=3, epochs=60, validation_size=0.2, patience=2)
    assert classifier.fit(X, y).n_iter_ < 60
    assert classifier.score(X, y) > 0.9


def test_names_of_columns_and_classes_are_those_of_the_frame():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = pd.Series(["setosa", "versicolor", "virginica"])[y].to_numpy()
    classifier = iris_classifier().fit(X, names)
    assert list(classifier.feature_names_in_) == list(X.columns)
    assert list(classifier.classes_) == ["setosa", "versicolor", "virginica"]
    assert set(classifier.predict(X)) == set(classifier.classes_)


def test_what_cannot_be_learned_is_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ConfigError, match="learning_rate must be a number in"):
        iris_classifier(learning_rate=-1).fit(X, y)
    with pytest.raises(DataError, match="y: one class only"):
        iris_classifier().fit(X, np.zeros(150))
    with pytest.raises(DataError, match="weights: all are zero"):
        iris_classifier(class_weight={0: 0, 1: 0, 2: 0}).fit(X, y)
    with pytest.raises(ConfigError, match="classes must be given in the first call of partial_fit"):
        iris_classifier().partial_fit(X, y)
    with pytest.raises(DataError, match="y: labels 2 are not among the classes, 0, 1"):
        iris_classifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(DataError, match=r"X: rows of shape \(4, 2\), expected \(4,\) as in the first ones"):
        iris_classifier().fit(X, y).predict(np.ones((3, 4, 2)))
    with pytest.raises(ConfigError, match="the cost stopped being finite; try a smaller learning_rate, such as 0.01"):
        iris_classifier(learning_rate=1e38, loss="naive").fit(X, y)


@pytest.mark.slow
def test_without_scikit_learn_it_says_what_to_install():
    ask = "import sys; sys.modules['sklearn'] = None\nimport descenso\ntry: descenso.Classifier\nexcept "
    ask += "descenso.errors.ConfigError as error: print(error)"
    said = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith("which is not installed; try pip install 'descenso[sklearn]'")


def test_partial_fit_refuses_parameters_that_are_not_finite():
    """The cost before the step is finite; the parameters after it are not."""
    X, y = [[1e3, 1.0], [-1e3, 2.0], [3.0, 1e3], [2.0, -1e3]], [0, 1, 0, 1]
    classifier = ds.Classifier(learning_rate=1e308, rule="momentum", batch_size="full")
    with pytest.raises(ConfigError, match="the cost stopped being finite"):
        classifier.partial_fit(X, y, classes=[0, 1])
    assert not hasattr(classifier, "params_")


@pytest.mark.parametrize(
    ("method", "given", "mended"),
    [
        ("fit", {"epochs": 3}, "try Classifier(epochs=3).fit(X, y)"),
        ("fit", {"n_epochs": 3}, "try Classifier(epochs=3).fit(X, y)"),
        ("fit", {"epcohs": 3}, "try Classifier(epochs=3).fit(X, y)"),
        ("fit", {"class_weight": "balanced"}, "try Classifier(class_weight='balanced').fit(X, y)"),
        ("fit", {"validation_data": ([[1]], [1])}, "try Classifier(validation_size=0.1).fit(X, y)"),
        ("fit", {"verbose": 0}, "an estimator shows no progress"),
        ("fit", {"seeds": 3}, "several values belong to a sweep"),
        ("partial_fit", {"lr": 0.5}, "try Classifier(learning_rate=0.5).partial_fit(X, y, classes)"),
        ("score", {"shuffle": False}, "try Classifier(order='sequential').fit(X, y)"),
    ],
)
def test_a_setting_given_to_a_method_is_told_where_it_belongs(method, given, mended):
    with pytest.raises(ConfigError, match=re.escape(mended)):
        getattr(iris_classifier(), method)([[1.0]], [0], **given)
    with pytest.raises(ConfigError, match=re.escape(f"try {type(iris_classifier()).__name__}(batch_size=8)")):
        iris_classifier().predict([[1.0]], batch_size=8)


def test_a_name_that_means_no_setting_is_refused_as_python_does():
    """Names near a parameter of the method, too: sample_weights is no setting with a slip."""
    for name in ("colour", "sample_weights", "classes"):
        with pytest.raises(TypeError, match=name):
            iris_classifier().fit([[1.0]], [0], **{name: 1})
    for method in ("fit", "score"):
        assert "sample_weight" in inspect.signature(getattr(ds.Classifier, method)).parameters
