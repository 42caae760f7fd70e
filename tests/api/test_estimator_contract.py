"""Estimators in unusual use: weights, failed calls, threads, inputs of another type."""

import keras
import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError

import descenso as ds
from descenso.errors import ConfigError, DataError

X, y = load_iris(return_X_y=True)


def eager(**settings):
    return ds.Classifier(**{"epochs": 20, "learning_rate": 0.5, "batch_size": 10, "engine": "eager", **settings})


def test_scaling_weighs_rows_too():
    """An outlier of weight 0 does not change the scaling; a row of weight 2 counts as two rows."""
    whole = eager(batch_size="full", dtype="float64")
    far = clone(whole).fit(np.r_[X, [[1e6] * 4]], np.r_[y, 0], sample_weight=np.r_[np.ones(150), 0])
    np.testing.assert_allclose(far.params_["W"], clone(whole).fit(X, y).params_["W"], rtol=1e-12)
    weights = np.random.default_rng(0).integers(1, 4, 150)
    repeated = clone(whole).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    weighed = clone(whole).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(weighed.params_["W"], repeated.params_["W"], rtol=1e-9)


@pytest.mark.slow
def test_validation_weighs_rows_too():
    wrong = np.r_[np.ones(150), np.full(75, 1e-9)]
    patient = eager(validation_size=0.2, patience=2, epochs=30)
    misled = clone(patient).fit(np.r_[X, X[::2]], np.r_[y, (y[::2] + 1) % 3])
    weighed = clone(patient).fit(np.r_[X, X[::2]], np.r_[y, (y[::2] + 1) % 3], sample_weight=wrong)
    assert misled.score(X, y) < 0.9 < weighed.score(X, y)
    assert weighed.n_iter_ > misled.n_iter_
    assert len(weighed.validation_scores_) == weighed.n_iter_
    assert eager().fit(X, y).validation_scores_ is None


@pytest.mark.slow
def test_weights_of_calls_of_partial_fit_count_together():
    """If weights were normalised in each call, all rows passed one at a time would have the same weight."""
    learned = []
    for settings, weight in (({}, 1.0), ({}, 1e-6), ({"class_weight": {0: 1.0, 1: 1e-6, 2: 1e-6}}, 1.0)):
        classifier = eager(**settings)
        for row in np.random.default_rng(0).permutation(150):
            classifier.partial_fit(X[[row]], y[[row]], classes=[0, 1, 2], sample_weight=[weight])
        learned.append(classifier.params_["W"])
    plain, light, first_only = learned
    assert np.abs(light).max() < 1e-3 < 1 < np.abs(plain).max()
    assert np.abs(first_only - plain).max() > 0.5
    with pytest.raises(ConfigError, match="no call of partial_fit knows what is balanced"):
        eager(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.parametrize("size", [150, 151, 1000])
def test_validation_leaves_rows_to_learn_from(size):
    with pytest.raises(ConfigError, match=f"validation_size must leave training rows, got {size} of 150"):
        eager(validation_size=size).fit(X, y)


def test_a_failed_first_call_leaves_the_classifier_unfitted():
    classifier = eager()
    with pytest.raises(DataError, match="not among the classes"):
        classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    assert classifier.partial_fit(X, y, classes=[0, 1, 2]).n_iter_ == 1


def test_a_failed_fit_keeps_the_previous_weights():
    classifier = eager().fit(X, y)
    before = classifier.predict_proba(X)
    with pytest.raises(ConfigError, match="the cost stopped being finite"):
        classifier.set_params(learning_rate=1e38, loss="naive").fit(1e3 * X + 5, 2 - y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


@pytest.mark.slow
def test_settings_changed_after_fit_do_not_change_predictions():
    classifier = ds.Classifier("mlp", hidden="8", epochs=5, engine="eager").fit(X, y)
    expected = clone(classifier).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(classifier.set_params(activation="tanh").predict_proba(X), expected)


@pytest.mark.slow
def test_pictures_may_come_in_another_type_than_was_learned_from():
    pictures = load_digits().images
    classifier = eager(epochs=3).fit(pictures, load_digits().target)
    np.testing.assert_allclose(
        classifier.predict_proba(pictures.astype(np.uint8)), classifier.predict_proba(pictures), rtol=1e-5, atol=1e-7
    )


@pytest.mark.slow
def test_threads_do_not_share_seeds_or_precision():
    """Four fits in threads with one seed equal a single fit, and Keras's global precision is unchanged."""
    classifier = ds.Classifier("mlp", hidden="8", epochs=2, engine="eager", dtype="float64", seed=7)
    alone = clone(classifier).fit(X, y).predict_proba(X)
    fits = Parallel(n_jobs=4, backend="threading")(delayed(clone(classifier).fit)(X, y) for _ in range(4))
    for each in fits:
        np.testing.assert_allclose(each.predict_proba(X), alone, rtol=1e-9)
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")
