"""One step, opened up: each quantity from the inputs to the update, with its formula and its numbers."""

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Dataset
from descenso.descent import numpy_models
from descenso.descent.problem import TrainState, scaled, weights
from descenso.lab.answers import Activations, Opened, Stage
from descenso.lab.looks import OneStep, one_step
from descenso.registry import RULES
from descenso.runs.checkpoints import Position
from descenso.text import mark
from descenso.training.control import Progress
from descenso.training.evaluation import Predictor
from descenso.training.plan import Plan

Array = NDArray[Any]


def in_float64(plan: Plan, data: Dataset) -> Plan:
    """Return the same training run with every product in float64; `plan` itself if its model is the user's own."""
    if plan.own.model is not None:
        return plan
    return Plan.of(plan.config.model_copy(update={"dtype": "float64"}), data)


def opened(plan: Plan, wide: Plan, progress: Progress, row: int) -> Opened | None:
    """Open up the step on the next batch that a training row is part of, from the state of `progress`.

    Args:
        plan: the training run.
        wide: from `in_float64`, in which the numbers are computed.
        progress: the newest one.
        row: number of a training row.

    Returns:
        None where there is no such row, or no state.
    """
    if not 0 <= row < len(plan.train.labels):
        return None
    position, rows = _batch_with(plan, progress.position, row)
    place, state = int(np.flatnonzero(rows == row)[0]), _cast(progress.state, wide)
    step = one_step(wide, state, rows)
    share = float(wide.problem.schedule(state.step))
    layers = list(_layers(wide, state, step))
    logits = np.asarray(layers[-1][2], np.float64)
    stages = [Stage(name, formula, values.shape, values.dtype.name, values[place]) for name, formula, values in layers]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    labels = plan.train.labels[rows]
    wanted = np.eye(logits.shape[1])[labels]
    with np.errstate(divide="ignore"):
        costs = -np.log(probabilities[np.arange(len(rows)), labels])
    stages += [
        _of_row("probabilities", "p = exp(z − max z) / Σ exp(z − max z)", probabilities, place),
        _of_row("cost", "C = −log p[y]", costs, place),
        _of_row("gradient of the logits", "δ = (p − onehot(y)) / B", (probabilities - wanted) / len(rows), place),
        *_of_parameters(wide, step),
    ]
    contributions, last, bias = _contributions(wide, state, layers, place)
    return Opened(
        *position, row, place, rows, np.array(plan.train.inputs[row]), int(labels[place]), tuple(stages),
        contributions, last, bias, logits[place], probabilities[place], float(costs[place]), step.cost,
        float(state.rate) * share,
    )  # fmt: skip


def _of_row(name: str, formula: str, values: Array, place: int) -> Stage:
    return Stage(name, formula, values.shape, values.dtype.name, np.asarray(values[place]))


def _batch_with(plan: Plan, position: Position, row: int) -> tuple[Position, NDArray[np.int32]]:
    """Return the position and the rows of the next batch that has `row` in it."""
    epoch, first = position
    for each in (epoch, epoch + 1):
        for step, rows in enumerate(plan.order(each)):
            if (step >= first or each > epoch) and (rows == row).any():
                return Position(each, step), rows
    raise AssertionError(row)  # an epoch has every row once


def _cast(state: TrainState, plan: Plan) -> TrainState:
    """Bring a state to the types of `plan`."""
    begin = plan.start()
    return tf.nest.map_structure(lambda value, like: tf.cast(value, like.dtype), state, begin)  # type: ignore[no-any-return]


def _layers(plan: Plan, state: TrainState, step: OneStep) -> Iterator[tuple[str, str, Array]]:
    """Yield name, formula and values of the inputs, and of each layer's outputs on the batch, up to the logits."""
    inputs = scaled(step.batch.inputs, plan.problem.dtype, plan.problem.scaling)
    yield "inputs", mark("x = (inputs − shift) · scale"), np.asarray(inputs)
    model = plan.problem.model
    if model.layers is not None and plan.own.model is None:
        *hidden, _last = _outputs(model, state, inputs, training=True)
        for name, values in hidden:
            yield name, _formula(name), values
    logits, _state = model.apply(state.params, state.model_state, inputs, True)
    yield "logits", "z = h W + b" if model.layers is not None else "z = x W + b", np.asarray(logits)


def _outputs(model: Any, state: TrainState, inputs: Any, training: bool) -> list[tuple[str, Array]]:
    """Compute the output of each layer of a Keras model."""
    import keras

    from descenso.descent.keras_models import variable_names

    layers = [layer for layer in model.layers.layers if not isinstance(layer, keras.layers.InputLayer)]
    peek = keras.Model(model.layers.inputs, [layer.output for layer in layers])
    trained, carried = variable_names(model.layers)
    params = {id(v): state.params[name] for v, name in zip(model.layers.trainable_variables, trained, strict=True)}
    states = zip(model.layers.non_trainable_variables, carried, strict=True)
    params |= {id(v): state.model_state[name] for v, name in states}
    given = ([params[id(v)] for v in each] for each in (peek.trainable_variables, peek.non_trainable_variables))
    outputs, _changed = peek.stateless_call(*given, inputs, training=training)
    names = _numbered([re.sub(r"_\d+$", "", layer.name) for layer in layers])
    return [(name, np.asarray(values)) for name, values in zip(names, outputs, strict=True)]


def _numbered(names: list[str]) -> list[str]:
    """Number the layers of a kind anew, as those of the first model of a process: dense, dense_1."""
    return [
        f"{name}_{names[:place].count(name)}" if name in names[:place] else name for place, name in enumerate(names)
    ]


FORMULAS = {  # those with words are marked for the catalogue
    "flatten": mark("one row of numbers"),
    "dense": "h = f(x W + b)",
    "dropout": mark("some units times 0, the others by 1 / (1 − share)"),
    "conv2d": "h = K ∗ x",
    "max_pooling2d": mark("h = max of each 2×2"),
    "batch_normalization": mark("h = γ (x − mean) / √(variance + ε) + β"),
    "activation": "h = f(x)",
}


def _formula(name: str) -> str:
    return next((formula for kind, formula in FORMULAS.items() if name.startswith(kind)), "")


def _of_parameters(plan: Plan, step: OneStep) -> list[Stage]:
    """Return gradient and update of each parameter, in the user's form."""
    model, rule = plan.problem.model, plan.config.rule.partition(":")[0]
    formula = RULES[rule].formula if rule in RULES else ""
    gradients, updates = (model.to_user(dict(each)) for each in (step.gradients, step.updates))
    stages = []
    for name in gradients:
        product = "∂C/∂W = xᵀ δ" if gradients[name].ndim == 2 else "∂C/∂b = Σ δ" if gradients[name].ndim == 1 else ""
        for what, said, arrays in (("gradient", product, gradients), ("update", formula, updates)):
            array = np.asarray(arrays[name])
            stages.append(Stage(f"{what} of {name}", said, array.shape, array.dtype.name, array))
    return stages


def _contributions(
    plan: Plan, state: TrainState, layers: list[tuple[str, str, Array]], place: int
) -> tuple[Array | None, Array | None, Array]:
    """Return what each input, or each unit before the last layer, adds to each logit, and the bias.

    None where the sum is not the logit, as with a model that ends otherwise.
    """
    model = plan.problem.model
    arrays = model.to_user({name: np.asarray(value, np.float64) for name, value in state.params.items()})
    logits = np.asarray(layers[-1][2][place], np.float64)
    *_others, kernel, bias = (np.asarray(array, np.float64) for array in arrays.values())
    before = np.asarray(layers[-2][2][place], np.float64).reshape(-1)
    zero = np.zeros(len(logits))
    if kernel.ndim != 2 or len(before) != len(kernel):
        return None, None, zero
    parts = (before[:, None] * kernel).T  # (classes, units)
    if not np.allclose(parts.sum(axis=1) + bias, logits, rtol=1e-5, atol=1e-5):
        return None, None, zero
    if model.layers is None and math.prod(model.input_shape) == len(before):
        return parts.reshape(-1, *model.input_shape), None, bias
    return None, parts, bias


def activations(plan: Plan, progress: Progress, data: Dataset, row: int) -> Activations | None:
    """Compute each layer of a model with convolutions for a test row; None for other models and rows."""
    model, state = plan.problem.model, progress.state
    if plan.config.model != "cnn" or not 0 <= row < len(data.test.labels):
        return None
    inputs = scaled(tf.constant(data.test.inputs[row : row + 1]), plan.problem.dtype, plan.problem.scaling)
    layers = tuple((name, values[0].astype(np.float32)) for name, values in _outputs(model, state, inputs, False))
    return Activations(row, np.array(data.test.inputs[row]), int(data.test.labels[row]), layers)


def probabilities(plan: Plan, progress: Progress, image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Predict the probabilities of a picture, (height, width) uint8; None for a model that reads something else."""
    if plan.problem.model.input_shape != image.shape or plan.train.inputs.dtype != np.uint8:
        return None
    config, model = plan.config, plan.problem.model
    built = numpy_models.build(config, model.input_shape, model.num_classes) if plan.own.model is None else None
    predictor = Predictor.of_state(plan.problem, progress.state)
    if built is not None:  # NumPy does not wait for the threads that train
        params = weights(plan.problem, progress.state)
        predictor = Predictor(model.num_classes, partial(numpy_models.logits_of, built, params, plan.problem.scaling))
    return np.asarray(predictor.probabilities(image[None])[0], np.float64)
