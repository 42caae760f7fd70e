"""Softmax regression: its initial parameters, its logits, and the user's layout of its weights."""

import numpy as np
import pytest
import tensorflow as tf

from descenso.descent.models import softmax
from descenso.registry import MODELS
from walks import make_model

INPUT_SHAPE = (4, 3)
NUM_CLASSES = 5
on_every_model = pytest.mark.parametrize("name", list(MODELS))


def arrays(seed):
    random = np.random.default_rng(seed)
    return {"W": random.normal(size=(12, NUM_CLASSES)), "b": random.normal(size=NUM_CLASSES)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("rows", [1, 6])
def test_softmax_logits_are_inputs_times_w_plus_b(rows, training, dtype):
    model, params = softmax(INPUT_SHAPE, NUM_CLASSES), arrays(0)
    inputs = np.random.default_rng(1).normal(size=(rows, *INPUT_SHAPE))
    held = {name: tf.constant(value, dtype) for name, value in model.from_user(params).items()}
    logits, state = model.apply(held, {}, tf.constant(inputs, dtype), training)
    expected = inputs.reshape(rows, 12) @ params["W"] + params["b"]
    assert logits.dtype == dtype
    np.testing.assert_allclose(logits, expected, atol=20 * np.finfo(dtype).eps)
    assert state == {}


def test_softmax_starts_from_zeros_in_the_users_shape():
    params, state = softmax((28, 28), 10).init(5)
    assert {name: value.shape for name, value in params.items()} == {"W": (784, 10), "b": (10,)}
    assert not any(value.any() for value in params.values())
    assert state == {}


def test_softmax_reads_rows_of_any_shape():
    model = softmax((12,), NUM_CLASSES)
    assert model.input_shape == (12,)
    held = model.from_user(arrays(0))
    flat, _ = model.apply(held, {}, np.ones((2, 12)), True)
    square, _ = softmax(INPUT_SHAPE, NUM_CLASSES).apply(held, {}, np.ones((2, 4, 3)), True)
    np.testing.assert_array_equal(flat, square)


@on_every_model
def test_to_user_is_the_inverse_of_from_user(name):
    model = make_model(name, "float64")
    random = np.random.default_rng(0)
    params = {key: random.normal(size=value.shape) for key, value in model.init(0)[0].items()}
    back = model.to_user(model.from_user(params))
    assert back.keys() == params.keys()
    for key, value in params.items():
        np.testing.assert_array_equal(back[key], value)
        assert model.to_user(params)[key].flags.c_contiguous  # as weights are saved


@on_every_model
def test_a_model_has_a_name_and_returns_logits_for_every_row(name):
    model = make_model(name, "float64")
    assert (model.name, model.input_shape, model.num_classes) == (name, INPUT_SHAPE, NUM_CLASSES)
    params, state = model.init(0)
    logits, _ = model.apply(model.from_user(params), state, np.ones((3, *INPUT_SHAPE)), True)
    assert logits.shape == (3, NUM_CLASSES)


@on_every_model
def test_one_seed_one_start(name):
    model = make_model(name, "float64")
    for key, value in model.init(7)[0].items():
        np.testing.assert_array_equal(value, model.init(7)[0][key])
