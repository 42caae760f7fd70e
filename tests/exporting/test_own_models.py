"""Exports of users' Keras models: which layers a script supports, and what each format refuses."""

import runpy

import keras
import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from descenso.api import inference
from descenso.errors import ConfigError
from descenso.exporting import export
from samples import tiny_dataset
from takeaway import FAST, assert_same

L = keras.layers


@keras.saving.register_keras_serializable("tests")
class InverseErf(L.Layer):
    """Layer of an operation that neither ONNX nor LiteRT has."""

    def call(self, inputs):
        return tf.math.erfinv(tf.tanh(inputs) / 2)


def convolutional():
    """Return a model of strides, both paddings on odd sizes, batch normalisation without gamma or beta, etc."""
    return keras.Sequential(
        [
            L.Input((8, 8)),
            L.Reshape((8, 8, 1)),
            L.Conv2D(3, (3, 2), strides=(2, 1), padding="same", activation="tanh"),
            L.BatchNormalization(center=False),
            L.MaxPooling2D((2, 3), strides=(1, 2), padding="same"),
            L.BatchNormalization(scale=False),
            keras.Sequential([L.Input((4, 4, 3)), L.Conv2D(5, 2, use_bias=False), L.Activation("gelu")]),
            L.Dropout(0.1),
            L.GlobalAveragePooling2D(),
            L.Dense(4),
        ]
    )


def pooled():
    """Return a functional model with strided convolution and overlapping pooling."""
    inputs = L.Input((8, 8))
    x = L.Conv2D(6, 3, strides=3, padding="same", activation="sigmoid")(L.Reshape((8, 8, 1))(inputs))
    x = L.MaxPooling2D(2, strides=1, padding="valid")(x)
    return keras.Model(inputs, L.Dense(4)(L.GlobalMaxPooling2D()(x)))


def residual():
    inputs = L.Input((8, 8))
    x = L.Dense(8, activation="relu")(L.Flatten()(inputs))
    return keras.Model(inputs, L.Dense(4)(L.Dense(8)(x) + x))


def twice():
    inputs, shared = L.Input((8, 8)), L.Dense(64)
    return keras.Model(inputs, L.Dense(4)(shared(L.Activation("tanh")(shared(L.Flatten()(inputs))))))


def of(*layers):
    def made():
        return keras.Sequential([L.Input((8, 8)), L.Reshape((8, 8, 1)), *(layer() for layer in layers), L.Dense(4)])

    return made


def trained(factory, folder):
    ds.train(tiny_dataset(), out=folder, **{**FAST, "model": factory, "epochs": 1})
    return folder


@pytest.mark.parametrize("factory", [convolutional, pooled])
def test_a_script_of_ones_own_layers(factory, tmp_path):
    run = trained(factory, tmp_path / "run")
    script = runpy.run_path(str(export(run, "numpy-script", tmp_path / "model.py", model=factory)))
    rows = tiny_dataset().test.inputs
    wanted = inference.load_trained(run, factory).predictor.probabilities(rows)
    np.testing.assert_allclose(script["predict_proba"](rows), wanted, rtol=0, atol=1e-6)


UNKNOWN = [
    (of(L.Flatten, lambda: L.LayerNormalization(name="norm")), r"like norm \(LayerNormalization\)"),
    (of(L.Flatten, lambda: L.Dense(8, "silu", name="hid")), r"like hid \(Dense, activation=<function silu .*>\)"),
    (of(lambda: L.Conv2D(2, 2, dilation_rate=2, name="c"), L.Flatten), r"like c \(Conv2D, dilation_rate=\(2, 2\)\)"),
    (of(lambda: L.BatchNormalization(axis=1, name="b"), L.Flatten), r"like b \(BatchNormalization, axis=1\)"),
]


@pytest.mark.parametrize(("factory", "said"), UNKNOWN)
def test_a_script_refuses_layers_that_it_does_not_know(factory, said, tmp_path):
    run = trained(factory, tmp_path / "run")
    message = rf"^model: a numpy-script has no layer {said}; try --to onnx, litert, savedmodel or keras$"
    with pytest.raises(ConfigError, match=message):
        export(run, "numpy-script", tmp_path / "model.py", model=factory)
    assert not (tmp_path / "model.py").exists()


@pytest.mark.parametrize("factory", [residual, twice])
def test_a_script_refuses_layers_that_do_not_follow_one_after_the_other(factory, tmp_path):
    run = trained(factory, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"do not follow one after the other, .*; try --to onnx$"):
        export(run, "numpy-script", tmp_path / "model.py", model=factory)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "litert"])
def test_operations_that_a_format_has_not(to, tmp_path):
    factory = of(L.Flatten, InverseErf)
    run = trained(factory, tmp_path / "run")
    with pytest.raises(ConfigError, match=rf"cannot be written as {to} \(.+\); try --to savedmodel$"):
        export(run, to, tmp_path / "model", model=factory)
    assert export(run, "savedmodel", tmp_path / "model", model=factory).is_dir()


def test_layers_that_do_not_follow_one_after_the_other_in_onnx(tmp_path):
    import onnxruntime

    run = trained(residual, tmp_path / "run")
    session = onnxruntime.InferenceSession(export(run, "onnx", tmp_path / "model.onnx", model=residual))
    rows = tiny_dataset().test.inputs
    assert_same(
        session.run(None, {"inputs": rows})[0], inference.load_trained(run, residual).predictor.probabilities(rows)
    )


def test_a_model_of_ones_own_has_to_be_given(tmp_path):
    run = trained(pooled, tmp_path / "run")
    with pytest.raises(
        ConfigError,
        match=r"^model: the run was trained with test_own_models:pooled, .*; try --model test_own_models:pooled$",
    ):
        export(run, "onnx", tmp_path / "model.onnx")
    assert export(run, "npz", tmp_path / "model.npz").is_file()  # NPZ holds only the arrays, and needs no model


def test_a_layer_that_cannot_be_made_again(tmp_path):
    class Bare(L.Layer):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, inputs):
            return self.function(inputs)

        def get_config(self):
            raise NotImplementedError("no config")

    factory = of(L.Flatten, lambda: Bare(tf.nn.relu))
    run = trained(factory, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"cannot be copied by Keras \(no config\); try --to npz$"):
        export(run, "keras", tmp_path / "model.keras", model=factory)
