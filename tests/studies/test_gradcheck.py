"""Gradients computed in several ways: a planted fault is found and its component named; correct ones pass."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from command import run
from descenso.config import TrainConfig
from descenso.data.dataset import Split
from descenso.errors import ConfigError
from descenso.studies.gradcheck import check_problem
from descenso.training.plan import Plan

PARAMS = {"w": np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]), "b": np.array([0.1, 0.2])}


def loss(params):
    return tf.reduce_sum(tf.tanh(params["w"]) ** 2) + tf.reduce_sum(params["b"] ** 3)


def formula(params):
    tanh = np.tanh(params["w"])
    return {"w": 2 * tanh * (1 - tanh**2), "b": 3 * params["b"] ** 2}


def test_ways_agree_on_a_right_loss_and_formula():
    found = ds.gradcheck(loss, PARAMS, by_hand=formula)
    assert found.passed
    assert found.ways == ("tf.gradients", "tape", "by hand", "differences")
    for name, expected in formula(PARAMS).items():
        check = next(each for each in found.parameters if each.name == name)
        assert check.sampled == check.components == expected.size
        assert list(check.values.values()) == pytest.approx([expected[check.place]] * 4, rel=1e-7)


@pytest.mark.parametrize(("name", "index"), [("w", (1, 2)), ("w", (0, 0)), ("b", (1,))])
def test_a_wrong_sign_in_the_formula_is_found_and_named(name, index):
    def wrong(params):
        found = formula(params)
        found[name][index] *= -1
        return found

    found = ds.gradcheck(loss, PARAMS, by_hand=wrong)
    right = formula(PARAMS)[name][index]
    assert not found.passed
    assert (found.worst.name, found.worst.place) == (name, index)
    assert found.worst.values["by hand"] == pytest.approx(-right)
    assert found.worst.values["tape"] == pytest.approx(right)
    assert found.worst.difference == pytest.approx(2, rel=1e-6)
    assert found.worst.component in found.verdict
    assert found.verdict in repr(found)
    assert "disagree" in found.verdict


def test_a_wrong_sign_in_tensorflows_own_gradient_is_found_by_differences():
    @tf.custom_gradient
    def square(x):
        return x**2, lambda upstream: upstream * 2 * x * tf.constant([1.0, 1.0, -1.0], tf.float64)

    found = ds.gradcheck(lambda p: tf.reduce_sum(square(p["x"])), {"x": [1.0, 2.0, 3.0]})
    assert not found.passed
    assert found.worst.component == "x[2]"
    assert found.worst.values == pytest.approx({"tf.gradients": -6, "tape": -6, "differences": 6})


def test_a_gradient_that_does_not_flow_is_found():
    found = ds.gradcheck(lambda p: tf.reduce_sum(tf.stop_gradient(p["x"]) ** 2), {"x": [3.0]})
    assert found.worst.values == pytest.approx({"tf.gradients": 0, "tape": 0, "differences": 6})
    assert not found.passed


def test_a_gradient_that_is_not_finite_is_found():
    found = ds.gradcheck(lambda p: tf.reduce_sum(tf.where(p["x"] > 1, tf.math.log(p["x"]), 0)), {"x": [0.0, 5.0]})
    assert not found.passed
    assert found.worst.component == "x[0]"
    assert found.as_json()["worst"]["values"]["tape"] is None


def test_components_are_sampled_by_the_seed_and_counted():
    seeds = [0, 0, 1]
    taken = [ds.gradcheck(loss, PARAMS, components=2, seed=seed) for seed in seeds]
    assert [each.sampled for each in taken[0].parameters] == [2, 2]
    assert taken[0] == taken[1]
    assert "4 components" in taken[0].sentences()[0]
    assert "all 8" in taken[0].sentences()[0]

    def wrong(params):
        found = formula(params)
        found["w"] *= -1
        return found

    places = [ds.gradcheck(loss, PARAMS, by_hand=wrong, components=1, seed=seed).worst.place for seed in range(8)]
    assert len(set(places)) > 1  # among equally wrong components, the sampled one is the worst by rounding


def test_no_difference_is_told_where_none_was_taken():
    def wrong(params):
        found = formula(params)
        found["w"][1, 2] *= -1
        return found

    found = [ds.gradcheck(loss, PARAMS, by_hand=wrong, components=1, seed=seed) for seed in range(4)]
    assert {each.worst.place for each in found} == {(1, 2)}
    without = next(each for each in found if "differences" not in each.worst.values)
    assert "–" in repr(without)


@pytest.mark.parametrize(
    ("wrong", "params", "by_hand", "message"),
    [
        (lambda p: p["x"], {"x": [1.0, 2.0]}, None, r"finite float64 scalar, got float64 of shape \(2,\).*reduce_mean"),
        (lambda p: tf.cast(p["x"], "float32"), {"x": 1.0}, None, "got float32.*without casts to float32"),
        (lambda p: tf.math.log(p["x"]), {"x": -1.0}, None, "finite float64 scalar, got nan"),
        (lambda p: p["x"], {}, None, r"params is empty; give arrays by name, such as \{'w'"),
        (lambda p: p["x"], {"x": 1.0}, lambda p: {}, r"gradient of x has shape none, expected \(\)"),
        (lambda p: p["x"], {"x": 1.0}, lambda p: {"x": [1.0]}, r"gradient of x has shape \(1,\), expected \(\)"),
    ],
)
def test_what_cannot_be_checked_is_told(wrong, params, by_hand, message):
    with pytest.raises(ConfigError, match=message):
        ds.gradcheck(wrong, params, by_hand=by_hand)


def checked(data, problem_changes=None, **settings):
    problem = Plan.of(TrainConfig.of(dtype="float64", **settings), data).problem
    batch = Split(data.train.inputs[:20], data.train.labels[:20])
    return check_problem(problem._replace(**(problem_changes or {})), batch, 20, 1e-6, seed=0)


@pytest.mark.parametrize(
    "settings", [{}, {"loss": "naive"}, {"model": "mlp", "hidden": "5", "activation": "tanh"},
                 {"model": "cnn", "hidden": "5", "filters": "2", "dropout": 0.2}], ids=str
)  # fmt: skip
def test_models_pass(tiny, settings):
    found = checked(tiny, **settings)
    assert found.passed, found
    assert abs(found.cost - math.log(4)) > 1e-4  # at zero parameters all classes are alike, which would hide faults
    assert ("by hand" in found.ways) == (settings.get("model", "softmax") == "softmax")


def test_a_fault_in_one_weight_of_a_model_is_named_as_users_see_it(tiny):
    problem = Plan.of(TrainConfig.of(dtype="float64"), tiny).problem

    @tf.custom_gradient
    def flipped(W):  # stored as classes × inputs: component (2, 17) is W[17, 2] in textbooks
        sign = np.ones((4, 64))
        sign[2, 17] = -1
        return tf.identity(W), lambda upstream: upstream * sign

    def apply(params, state, inputs, training):
        return problem.model.apply({**params, "W": flipped(params["W"])}, state, inputs, training)

    found = checked(tiny, {"model": problem.model._replace(apply=apply)})
    assert not found.passed
    assert found.worst.component == "W[17, 2]"
    assert found.worst.values["tape"] == pytest.approx(-found.worst.values["by hand"])


def test_command(tiny_folder, monkeypatch):
    ended = run("gradcheck", tiny_folder, "-m", "softmax", "--components", 5, "-b", 10, "--json")
    assert ended.exit_code == 0
    answer = json.loads(ended.stdout)
    assert answer["passed"]
    assert answer["worst"] in answer["parameters"]
    assert [each["name"] for each in answer["parameters"]] == ["W", "b"]
    assert [each["sampled"] for each in answer["parameters"]] == [5, 4]

    ended = run("gradcheck", tiny_folder, "--components", 5, "--model", "mlp", "--hidden", 3)
    assert ended.exit_code == 0
    assert "mlp has no formula by hand here" in ended.stdout
    assert "dense_1/bias[" in ended.stdout

    wrong = {"W": np.zeros((64, 4)), "b": np.zeros(4)}
    monkeypatch.setattr("descenso.studies.gradcheck._softmax_by_hand", lambda *_: wrong)
    ended = run("gradcheck", tiny_folder, "-m", "softmax", "--components", 5)
    assert ended.exit_code == 1
    assert "The ways disagree; worst: " in ended.stdout
    assert "by hand 0" in ended.stdout
