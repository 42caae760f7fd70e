"""Models. Softmax regression is written out, since it is the lesson; those with layers are Keras's."""

import math

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.descent.problem import Arrays, Model, Params, State, Tensor
from descenso.errors import ConfigError
from descenso.text import _


def softmax(input_shape: tuple[int, ...], num_classes: int) -> Model:
    """Softmax regression: logits = x W + b, one weight for each pair of input and class, zero at the start.

    A user sees W as (num_inputs, num_classes). `apply` holds it transposed, and adds b to columns: then both
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

    def textbook(params: Arrays) -> Arrays:
        return {"W": np.ascontiguousarray(params["W"].T), "b": params["b"]}

    return Model("softmax", tuple(input_shape), num_classes, init, apply, textbook)


def build(config: TrainConfig, input_shape: tuple[int, ...], num_classes: int, own: Model | None = None) -> Model:
    """The model that `config` asks for, or one's `own`, once it fits the data.

    Raises:
        ConfigError: for one that reads another shape, or tells another number of classes.
    """
    if own is None and config.model == "softmax":
        if config.dtype not in ("float32", "float64"):
            raise ConfigError(
                _("dtype: softmax has no layers that {dtype} would make faster; try --dtype float32").format(
                    dtype=config.dtype
                )
            )
        return softmax(input_shape, num_classes)
    from descenso.descent import keras_models  # Keras takes a second to import, which softmax regression need not wait

    if config.model in ("mlp", "cnn") and own is None:
        make = keras_models.mlp if config.model == "mlp" else keras_models.cnn
        return make(config, input_shape, num_classes)
    model = own or keras_models.from_factory(config.model, config.dtype)
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
