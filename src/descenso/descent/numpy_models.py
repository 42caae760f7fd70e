"""Models in NumPy, which predict without TensorFlow: softmax regression and the multi-layer perceptron."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from descenso.config import TrainConfig
from descenso.data.dataset import Scaling
from descenso.descent import numpy_layers

Array = Any  # np.ndarray; NumPy's types are lost in these operations
Arrays = dict[str, Array]
Shapes = dict[str, tuple[int, ...]]
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": numpy_layers.relu,
    "tanh": np.tanh,
    "sigmoid": numpy_layers.sigmoid,
    "gelu": numpy_layers.gelu,
}


class NumpyModel(NamedTuple):
    """A map from scaled inputs to logits, as that of `Model`, for inference.

    Attributes:
        num_classes: number of logits of a row.
        shapes: of each parameter and each array of the state, by the names that they have in a run.
        apply: (params in the user's form, inputs (rows, num_inputs)) -> logits (rows, num_classes).
    """

    num_classes: int
    shapes: Shapes
    apply: Callable[[Arrays, Array], Array]


def build(config: TrainConfig, input_shape: tuple[int, ...], num_classes: int) -> NumpyModel | None:
    """Build the model that `config` names; None for one that TensorFlow alone computes as in training.

    These are convolutions, the user's own models, and products in bfloat16.
    """
    make = {"softmax": _softmax, "mlp": _mlp}.get(config.model)
    if make is None or config.dtype == "mixed_bfloat16":
        return None
    return make(config, math.prod(input_shape), num_classes)


def _softmax(config: TrainConfig, num_inputs: int, num_classes: int) -> NumpyModel:
    def apply(params: Arrays, x: Array) -> Array:
        return x @ params["W"] + params["b"]

    return NumpyModel(num_classes, {"W": (num_inputs, num_classes), "b": (num_classes,)}, apply)


def _mlp(config: TrainConfig, num_inputs: int, num_classes: int) -> NumpyModel:
    hidden = [int(units) for units in config.hidden.split(",") if units]
    endings = ["", *(f"_{number}" for number in range(1, len(hidden) + 1))]  # as Keras counts layers
    shapes: Shapes = {}
    for ending, (rows, columns) in zip(endings, pairwise([num_inputs, *hidden, num_classes]), strict=True):
        shapes |= {f"dense{ending}/kernel": (rows, columns), f"dense{ending}/bias": (columns,)}
    if config.dropout:
        shapes |= {f"dropout{ending}/draw": () for ending in endings[:-1]}  # without effect in inference

    def apply(params: Arrays, x: Array) -> Array:
        for ending in endings:
            x = x @ params[f"dense{ending}/kernel"] + params[f"dense{ending}/bias"]
            x = x if ending == endings[-1] else ACTIVATIONS[config.activation](x)
        return x

    return NumpyModel(num_classes, shapes, apply)


def logits_of(model: NumpyModel, params: Arrays, scaling: Scaling, inputs: Array) -> Array:
    """Compute logits, (rows, num_classes), from inputs as stored, (rows, *input_shape), in the type of the parameters.

    Inputs are scaled as by `descenso.descent.problem.scaled`: floats are shifted in their own precision.
    """
    dtype = next(iter(params.values())).dtype
    with np.errstate(all="ignore"):  # TensorFlow is silent about an overflow, too
        if np.any(scaling.shift):
            numbers = inputs if inputs.dtype.kind == "f" else inputs.astype(dtype)
            inputs = numbers - np.asarray(scaling.shift, numbers.dtype)
        x = inputs.astype(dtype) * np.asarray(scaling.scale, dtype)
        return model.apply(params, x.reshape(len(x), -1))
