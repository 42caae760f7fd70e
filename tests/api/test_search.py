"""SweepCV finds what GridSearchCV finds, and trains the candidates of a fold together."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import descenso as ds
from descenso.errors import ConfigError
from descenso.studies.sweep import walk

X, y = load_iris(return_X_y=True)
GRID = {"learning_rate": [0.01, 0.5], "rule": ["sgd", "momentum"], "weight_decay": [0, 1e-2]}


def classifier(**settings):
    return ds.Classifier(**{"epochs": 2, "dtype": "float64", "batch_size": 30, **settings})


@pytest.fixture
def groups(monkeypatch):
    """Sizes of the groups of candidates that are trained as one program."""
    sizes, start = [], walk.Group.start
    monkeypatch.setattr(walk.Group, "start", lambda self: sizes.append(len(self.plans)) or start(self))
    return sizes


def compared(estimator, grid, inputs=X, labels=y, fit=None, **settings):
    """Search with SweepCV and with GridSearchCV, and check that all results are equal; return the SweepCV."""
    found, expected = (
        search(estimator, grid, **{"cv": 3, **settings}).fit(inputs, labels, **(fit or {}))
        for search in (ds.SweepCV, GridSearchCV)
    )
    assert set(found.cv_results_) == set(expected.cv_results_)
    for name, values in expected.cv_results_.items():
        if name == "params" or name.startswith("param_"):
            assert list(found.cv_results_[name]) == list(values)
        elif not name.endswith("_time"):
            np.testing.assert_allclose(found.cv_results_[name], values, rtol=1e-9, err_msg=name)
    assert found.best_params_ == expected.best_params_
    assert found.best_score_ == pytest.approx(expected.best_score_, rel=1e-9)
    np.testing.assert_array_equal(found.predict(inputs), expected.predict(inputs))
    np.testing.assert_allclose(found.predict_proba(inputs), expected.predict_proba(inputs), rtol=1e-9)
    return found


@pytest.mark.slow
def test_it_finds_what_a_grid_search_finds(groups):
    scoring = {"cost": "neg_log_loss", "right": "accuracy"}
    found = compared(classifier(), GRID, scoring=scoring, refit="cost", return_train_score=True)
    assert groups == [8, 8, 8]
    assert len(set(found.cv_results_["mean_fit_time"])) == 1  # candidates of a group share their time
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - of our own making
    np.testing.assert_array_equal(again.predict(X), found.predict(X))
    assert clone(found).get_params()["estimator__epochs"] == 2


@pytest.mark.slow
def test_weights_validation_and_patience(groups):
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    patient = classifier(validation_size=0.2, class_weight={2: 3.0}, epochs=6)
    grid = {"learning_rate": [0.01, 0.5], "patience": [1, 2], "average": [0, 0.9]}
    compared(patient, grid, fit={"sample_weight": weights}, scoring="neg_log_loss")
    assert groups == [8, 8, 8]


@pytest.mark.slow
def test_what_is_not_on_the_same_batches_is_in_other_groups(groups):
    grid = {"learning_rate": [0.1, 0.5], "batch_size": [10, 30], "class_weight": [None, "balanced"]}
    imbalanced = np.r_[0:50, 50:80, 100:150]
    compared(classifier(), grid, X[imbalanced], y[imbalanced], scoring="neg_log_loss")
    assert groups == 3 * [2, 2] + 3 * [2, 2]
    groups.clear()
    compared(classifier(), [{"model": ["softmax"], "learning_rate": [0.1, 0.2]}, {"model": ["mlp"], "hidden": ["4"]}])
    assert groups == [2, 2, 2]


@pytest.mark.slow
def test_a_pipeline_on_both_sides(groups):
    frame = pd.DataFrame(X, columns=list("abcd"))
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    inner = make_pipeline(StandardScaler(), classifier())
    grid = {"classifier__learning_rate": [0.01, 0.5], "standardscaler__with_mean": [True, False]}
    assert list(compared(inner, grid, frame, names).feature_names_in_) == list("abcd")
    assert groups == [2] * 6
    outer = make_pipeline(StandardScaler(), ds.SweepCV(classifier(), {"learning_rate": [1e-6, 0.5]}, cv=3))
    assert outer.fit(frame, names).score(frame, names) > 0.8
    assert outer[-1].best_params_ == {"learning_rate": 0.5}
    assert type(outer[-1].best_estimator_) is ds.Classifier


@pytest.mark.slow
def test_candidates_that_fail_have_no_score(groups):
    """One candidate diverges in its group, one has a setting out of range; the results of the others do not change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", "One or more of the test scores")
        found = compared(classifier(loss="naive"), {"learning_rate": [0.01, 1e30, -1.0, 0.5]}, 1e3 * X)
    assert list(np.isnan(found.cv_results_["mean_test_score"])) == [False, True, True, False]
    assert groups == [3, 3, 3]
    with pytest.raises(ConfigError, match="the cost stopped being finite"):
        ds.SweepCV(classifier(loss="naive"), {"learning_rate": [0.1, 1e30]}, error_score="raise").fit(1e3 * X, y)


@pytest.mark.slow
def test_a_fold_of_all_rows_is_trained_alone(groups):
    everything = [(np.arange(len(y)), np.arange(len(y)))]
    compared(classifier(), {"learning_rate": [0.1, 0.5]}, cv=everything)
    assert groups == []
    compared(classifier(), {"learning_rate": [0.1, 0.5]}, cv=PredefinedSplit(np.arange(len(y)) % 2))
    assert groups == [2, 2]


def test_it_takes_classifiers_only():
    with pytest.raises(ConfigError, match=r"estimator must be a descenso.Classifier.*try GridSearchCV\("):
        ds.SweepCV(SGDClassifier(), {"alpha": [1e-4]}).fit(X, y)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # by scikit-learn: infinite label
def test_it_passes_the_checks_of_scikit_learn():
    exact = {"dtype": "float64", "batch_size": "full", "epochs": 20, "engine": "eager"}  # compiled: two minutes
    search = ds.SweepCV(ds.Classifier(**exact), {"learning_rate": [0.5, 0.1]}, cv=2, error_score="raise")
    found = [result["status"] for result in check_estimator(search, on_skip=None)]
    assert set(found) <= {"passed", "skipped"}
    assert found.count("passed") > 30
