"""Keras models as pure functions: names, initial parameters, state, and models that are refused."""

import re
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Scaling
from descenso.descent import models
from descenso.descent.keras_models import as_model, from_keras
from descenso.descent.own import completed
from descenso.errors import ConfigError
from descenso.training.plan import Plan
from walks import INPUT_SHAPE, make_case, make_model, make_problem, walk

L = keras.layers


def small():
    return keras.Sequential([L.Input((3,)), L.Dense(4), L.BatchNormalization(), L.Dense(2)])


def test_names_are_the_same_in_every_model_of_a_kind():
    names = [from_keras(small).init(0) for _ in range(2)]
    assert [list(part) for part in names[0]] == [list(part) for part in names[1]]
    params, state = names[0]
    assert list(params) == [
        *("dense/kernel", "dense/bias", "batch_normalization/gamma", "batch_normalization/beta"),
        *("dense_1/kernel", "dense_1/bias"),
    ]
    assert list(state) == ["batch_normalization/moving_mean", "batch_normalization/moving_variance"]


class Twins(L.Layer):
    """A layer with two layers of the same name, and a variable that Keras numbers across the whole process."""

    def __init__(self):
        super().__init__()
        self.one, self.two = L.Dense(3, name="dense"), L.Dense(3, name="dense")

    def build(self, shape):
        self.one.build(shape)
        self.two.build(shape)
        self.shift = self.add_weight(shape=(3,), initializer="ones")

    def call(self, inputs):
        return self.one(inputs) - self.two(inputs) * self.shift


def twins():
    return keras.Sequential([L.Input((3,)), Twins(), L.Dense(2)])


def test_variables_of_one_name_get_distinct_names_that_are_the_same_in_every_model():
    model = as_model(twins, "float32")
    params, _state = model.init(0)
    assert len(params) == len(model.layers.trainable_variables) == 7
    assert list(from_keras(twins).init(1)[0]) == list(params)
    held = {name: tf.constant(value) for name, value in params.items()}
    given = tf.constant(np.random.default_rng(0).normal(size=(5, 3)).astype("f4"))
    for variable, value in zip(model.layers.trainable_variables, params.values(), strict=True):
        variable.assign(value)
    np.testing.assert_allclose(model.apply(held, {}, given, False)[0], model.layers(given), rtol=1e-6)


def test_channels_come_last_whatever_keras_is_set_to():
    keras.config.set_image_data_format("channels_first")
    try:
        first, _state = make_model("cnn", "float32").init(0)
    finally:
        keras.config.set_image_data_format("channels_last")
    last, _state = make_model("cnn", "float32").init(0)
    assert {name: value.shape for name, value in first.items()} == {name: value.shape for name, value in last.items()}


def test_initial_parameters_follow_the_seed_in_both_precisions():
    single, double = (from_keras(small, dtype).init(3)[0]["dense/kernel"] for dtype in ("float32", "float64"))
    np.testing.assert_array_equal(single, double)
    assert (from_keras(small).init(4)[0]["dense/kernel"] != single).any()


def test_a_model_that_is_given_starts_from_its_weights():
    model = small()
    np.testing.assert_array_equal(from_keras(model).init(9)[0]["dense/kernel"], model.layers[0].kernel.numpy())


def test_statistics_move_in_training_only():
    model = from_keras(small)
    params, state = ({k: tf.constant(v) for k, v in part.items()} for part in model.init(0))
    inputs = tf.constant(np.random.default_rng(0).normal(5, 2, (64, 3)), tf.float32)
    _, kept = model.apply(params, state, inputs, False)
    _, moved = model.apply(params, state, inputs, True)
    name = "batch_normalization/moving_mean"
    np.testing.assert_array_equal(kept[name], state[name])
    assert (moved[name].numpy() != state[name].numpy()).all()


@pytest.mark.parametrize(
    ("shape", "padding", "inputs"),
    [
        ((28, 28), "auto", 4 * 4 * 32),
        ((28, 28), "same", 7 * 7 * 32),
        ((8, 8), "auto", 2 * 2 * 32),
        ((32, 11, 3), "auto", 8 * 3 * 32),  # 11 columns are too few, in the first block and so in all
        ((12, 12), "auto", 2 * 2 * 32),
    ],
)
def test_large_maps_are_not_padded(shape, padding, inputs):
    config = TrainConfig.of(model="cnn", padding=padding)
    params, _state = models.build(config, shape, 3).init(0)
    assert params["dense/kernel"].shape == (inputs, 128)


def test_layers_that_xla_cannot_compile_are_not_compiled():
    assert make_model("cnn", "float32", augment=1).xla == ()
    case = make_case(1, model="cnn")
    config = TrainConfig.of(model="cnn", augment=1, xla="on")
    with pytest.raises(ConfigError, match="xla: cnn holds layers that XLA cannot compile, such as that of --augment"):
        Plan.of(config, Dataset("made", case.train, case.train, tuple("01234"), Scaling(scale=1 / 255)))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_mixed_precision_keeps_float32_parameters_and_trains_alike(model):
    case = make_case(10, model=model, rule="adam")
    whole, mixed = (
        make_problem(case, "float32")._replace(model=make_model(model, dtype))
        for dtype in ("float32", "mixed_bfloat16")
    )
    found, reference = walk("compiled", mixed, case), walk("compiled", whole, case)
    assert {value.dtype for value in found.params.values()} == {np.dtype("float32")}
    rounding = 2.0**-8  # of bfloat16
    assert 0 < np.abs(found.costs / reference.costs - 1).max() < 10 * rounding


def test_softmax_regression_has_no_layers_for_mixed_precision():
    with pytest.raises(ConfigError, match="dtype: softmax has no layers that mixed_bfloat16 would make faster"):
        make_model("softmax", "mixed_bfloat16")


def logits_and_softmax():
    return keras.Sequential([L.Input((3,)), L.Dense(2, activation="softmax")])


def logits_and_a_layer():
    return keras.Sequential([L.Input((3,)), L.Dense(2), L.Softmax()])


def logits_and_an_operation():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.ops.softmax(L.Dense(2)(inputs)))


def logits_and_a_model_within():
    return keras.Sequential([L.Input((3,)), keras.Sequential([L.Dense(2), L.Softmax()])])


def pictures():
    return keras.Sequential([L.Input((4, 4, 1)), L.Conv2D(2, 3)])


def two_inputs():
    one, other = L.Input((3,)), L.Input((2,))
    return keras.Model([one, other], L.Dense(2)(L.Concatenate()([one, other])))


def regularised():
    return keras.Sequential([L.Input((3,)), L.Dense(2, kernel_regularizer="l2")])


@pytest.mark.parametrize(
    ("made_of", "said"),
    [
        (logits_and_softmax, "ends in softmax"),
        (logits_and_a_layer, "ends in softmax"),
        (logits_and_an_operation, "ends in softmax"),
        (logits_and_a_model_within, "ends in softmax"),
        (pictures, "expected one row of logits"),
        (two_inputs, "has 2 inputs, expected one, the rows of the data"),
        (regularised, "adds losses of its own; try --weight-decay"),
        (lambda: keras.Sequential([L.Dense(2)]), "has no input shape; begin it with keras.Input"),
        (lambda: 3, "made a int, expected a keras.Model"),
        (7, "model must be a name, a keras.Model"),
    ],
)
def test_models_that_cannot_be_trained_are_refused(made_of, said):
    with pytest.raises(ConfigError, match=said):
        as_model(made_of, "float32")


def test_a_model_of_another_precision_is_refused():
    with pytest.raises(ConfigError, match="computes in float32, the run in float64; try --dtype float32"):
        from_keras(small(), "float64")


def bare():
    class Bare(keras.Model):
        def call(self, inputs):
            return inputs

    return Bare()


def test_a_subclass_is_to_be_wrapped():
    said = r"has no input shape; give keras.Model\(x, model\(x\)\) with x = keras.Input\(SHAPE\)"
    with pytest.raises(ConfigError, match=said):
        as_model(bare, "float32")


@pytest.mark.parametrize("path", ["nowhere.at.all:make", "keras:no_such_function"])
def test_a_missing_factory(path):
    with pytest.raises(ConfigError, match=f"model: {path} cannot be imported"):
        completed(TrainConfig.of(model=path))


@pytest.mark.parametrize(
    ("mine", "theirs", "fits"),
    [
        ((4, 3), (4, 3), True),
        ((4, 3, 1), (4, 3), True),
        ((12,), (4, 3), True),
        ((4, 3), (12,), True),
        ((4, 3, 1), (12,), True),
        ((3, 4), (4, 3), False),  # the same number of values in another order
        ((3, 2, 2), (2, 2, 3), False),
        ((2, 2, 3), (12,), False),  # channels may be first or last
        ((4, 4), (4, 3), False),
    ],
)
def test_rows_are_reshaped_where_their_order_is_unambiguous(mine, theirs, fits):
    own = from_keras(lambda: keras.Sequential([L.Input(mine), L.Flatten(), L.Dense(5)]))
    build = partial(models.build, TrainConfig.of(model="a:b"), theirs, 5, own)
    if not fits:
        with pytest.raises(
            ConfigError, match=rf"the data has .*; begin it with keras.Input\({re.escape(str(theirs))}\)"
        ):
            build()
        return
    model, rows = build(), np.arange(24, dtype=np.float32).reshape(2, *theirs)
    assert model.input_shape == theirs
    params, state = model.init(0)
    found, _state = model.apply(params, state, tf.constant(rows), False)
    wanted = rows.reshape(2, -1) @ params["dense/kernel"] + params["dense/bias"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    with pytest.raises(
        ConfigError, match=r"has 5 outputs, the data has 7 classes; end it with keras.layers.Dense\(7\)"
    ):
        models.build(TrainConfig.of(model="a:b"), theirs, 7, own)


def test_cnn_reads_images():
    assert make_model("cnn", "float32").input_shape == INPUT_SHAPE
    assert make_model("cnn", "float32").xla == ("GPU",)
    assert make_model("mlp", "float32").xla == ("CPU", "GPU")
