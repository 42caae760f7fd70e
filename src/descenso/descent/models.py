"""Models: softmax regression, written out; those with layers are Keras models."""

import math
from functools import lru_cache

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.descent.problem import Arrays, Model, Params, State, Tensor
from descenso.errors import ConfigError
from descenso.text import _


@lru_cache
def softmax(input_shape: tuple[int, ...], num_classes: int) -> Model:
    """Softmax regression: logits = x W + b, one weight for each pair of input and class, zero at the start.

    Users see W as (num_inputs, num_classes). `apply` holds it transposed, and adds b to columns: then both
    products of a step, W xᵀ and δ x, run over rows that lie one after the other in memory, which takes XLA's
    epoch on a CPU from about 100 to 35 ms (docs/performance.md).

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.
    """
    num_inputs = math.prod(input_shape)

    def init(seed: int) -> tuple[Arrays, Arrays]:
        return {"W": np.zeros((num_inputs, num_classes)), "b": np.zeros(num_classes)}, {}

    def apply(params: Params, state: State, inputs: Tensor, training: bool) -> tuple[Tensor, State]:
        rows = tf.reshape(inputs, [-1, num_inputs])  # (batch, num_inputs)
        columns = tf.matmul(params["W"], rows, transpose_b=True)  # (num_classes, batch)
        return tf.transpose(columns + params["b"][:, tf.newaxis]), state  # (batch, num_classes)

    def transposed(params: Arrays) -> Arrays:
        return {"W": np.ascontiguousarray(params["W"].T), "b": params["b"]}

    return Model(
        "softmax", input_shape, num_classes, init, apply, to_user=transposed, from_user=transposed, shared=True
    )


def build(config: TrainConfig, input_shape: tuple[int, ...], num_classes: int, given: Model | None = None) -> Model:
    """Build the model that `config` names, or check that the `given` one fits the data.

    Raises:
        ConfigError: for a model of another input shape or number of classes.
    """
    if given is None and config.model == "softmax":
        if config.dtype not in ("float32", "float64"):
            raise ConfigError(
                _("dtype: softmax has no layers that {dtype} would make faster; try --dtype float32").format(
                    dtype=config.dtype
                )
            )
        return softmax(tuple(input_shape), num_classes)
    from descenso.descent import keras_models, networks  # softmax needs no Keras, which takes a second to import

    if given is None and (make := networks.NETWORKS.get(config.model)):
        return make(config, tuple(input_shape), num_classes)
    model = given or keras_models.from_factory(config.model, config.dtype)
    if (model.input_shape, model.num_classes) != (tuple(input_shape), num_classes):
        raise ConfigError(
            _("model: {name} maps {mine} to {classes} classes, the data has {shape} and {num_classes}").format(
                name=model.name,
                mine="×".join(map(str, model.input_shape)),
                classes=model.num_classes,
                shape="×".join(map(str, input_shape)),
                num_classes=num_classes,
            )
        )
    return model
