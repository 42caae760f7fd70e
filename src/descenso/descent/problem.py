"""The seams: a model, a loss, a rule and a schedule make a problem; a step of it stands here, once.

Everything is a pure function on tensors. `objective` and `descend` hold all the arithmetic of a step.
An engine adds two things only: who takes the gradient, and who turns the loop.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Tensor = Any  # tf.Tensor, which publishes no types
Params = dict[str, Tensor]
State = dict[str, Tensor]
RuleState = dict[str, Any]  # tensors by name, or by name and parameter
Arrays = dict[str, NDArray[np.generic]]
Schedule = Callable[[Tensor], Tensor]  # int32 step -> learning rate
Loss = Callable[[Tensor, Tensor], Tensor]  # logits (batch, num_classes), labels (batch,) -> mean cost


class Model(NamedTuple):
    """What maps inputs to logits.

    Attributes:
        name: as in the configuration.
        input_shape: of one row.
        num_classes: how many logits a row gets.
        init: seed -> (params, state), NumPy arrays as a textbook writes them.
        apply: (params, state, inputs (batch, *input_shape), training) -> (logits (batch, num_classes), state).
        textbook: arrays -> arrays, its own inverse: between how a textbook writes the parameters, which is
            how users and files see them, and how `apply` holds them.
        xla: the kinds of device, CPU or GPU, on which XLA serves it; on a CPU it does not serve convolutions
            (docs/performance.md), and some operations it cannot compile at all.
        layers: the keras.Model that `apply` walks through, where there is one.
    """

    name: str
    input_shape: tuple[int, ...]
    num_classes: int
    init: Callable[[int], tuple[Arrays, Arrays]]
    apply: Callable[[Params, State, Tensor, bool], tuple[Tensor, State]]
    textbook: Callable[[Arrays], Arrays] = dict
    xla: tuple[str, ...] = ("CPU", "GPU")
    layers: Any = None


class Rule(NamedTuple):
    """An update rule; the learning rate is an argument, never baked in.

    Attributes:
        init: params -> rule state.
        update: (gradients, rule state, params, learning_rate) -> (updates to add to params, rule state).
        read: (params, rule state) -> the params that are the descent's outcome: these, or an average of them.
    """

    init: Callable[[Params], RuleState]
    update: Callable[[Params, RuleState, Params, Tensor], tuple[Params, RuleState]]
    read: Callable[[Params, RuleState], Params] = lambda params, state: params


class Problem(NamedTuple):
    """All that a step needs besides a batch.

    Attributes:
        model: what is trained.
        loss: what is made small.
        rule: how gradients become updates.
        schedule: the learning rate of a step.
        dtype: "float32" or "float64", of every parameter and every product.
        input_scale: what inputs are multiplied by after the cast to dtype; a number, or an array of input_shape.
        input_shift: what is taken from them before, in their own precision.
    """

    model: Model
    loss: Loss
    rule: Rule
    schedule: Schedule
    dtype: str
    input_scale: float | NDArray[np.float64]
    input_shift: float | NDArray[np.float64] = 0.0


class TrainState(NamedTuple):
    """Where a descent stands. Any nesting of tensors that engines may carry through a loop.

    Attributes:
        step: int32 scalar, steps taken.
        params: by name, as `Model.apply` holds them.
        model_state: what a model carries besides params.
        rule_state: what the rule carries.
    """

    step: Tensor
    params: Params
    model_state: State
    rule_state: RuleState


def start(problem: Problem, seed: int) -> TrainState:
    """The state before the first step."""
    params, model_state = problem.model.init(seed)
    held = {name: tf.constant(value, problem.dtype) for name, value in problem.model.textbook(params).items()}
    carried = {name: tf.constant(value) for name, value in model_state.items()}
    return TrainState(tf.constant(0, tf.int32), held, carried, problem.rule.init(held))


def weights(problem: Problem, state: TrainState) -> Arrays:
    """The parameters that `state` comes to, as a textbook writes them, in NumPy."""
    read = problem.rule.read(state.params, state.rule_state)
    return problem.model.textbook({name: np.asarray(value) for name, value in read.items()})


def scaled(
    inputs: Tensor, dtype: str, scale: float | NDArray[np.float64], shift: float | NDArray[np.float64] = 0.0
) -> Tensor:
    """`inputs`, which arrive as stored (uint8), as a model takes them: (inputs − shift) · scale, in `dtype`.

    Floats are shifted in their own precision: a narrower one might not tell apart what lies far from 0.
    """
    if np.any(shift):
        numbers = inputs if inputs.dtype.is_floating else tf.cast(inputs, dtype)
        inputs = numbers - tf.constant(shift, numbers.dtype)
    return tf.cast(inputs, dtype) * tf.constant(scale, dtype)


def objective(
    problem: Problem, params: Params, model_state: State, inputs: Tensor, labels: Tensor
) -> tuple[Tensor, State]:
    """Mean cost of one batch. Inputs arrive as stored (uint8) and are scaled here, on the device."""
    given = scaled(inputs, problem.dtype, problem.input_scale, problem.input_shift)
    logits, model_state = problem.model.apply(params, model_state, given, True)
    return problem.loss(logits, labels), model_state


def descend(problem: Problem, state: TrainState, gradients: Params, model_state: State) -> TrainState:
    """The state one step further down `gradients`."""
    learning_rate = tf.cast(problem.schedule(state.step), problem.dtype)
    updates, rule_state = problem.rule.update(gradients, state.rule_state, state.params, learning_rate)
    params = {name: value + updates[name] for name, value in state.params.items()}
    return TrainState(state.step + 1, params, model_state, rule_state)


Descend = Callable[[Problem, TrainState, Params, State], TrainState]


def tape_step(
    problem: Problem, state: TrainState, inputs: Tensor, labels: Tensor, further: Descend = descend
) -> tuple[TrainState, Tensor]:
    """One step whose gradient a `tf.GradientTape` takes: (next state, cost before it); `further` is `descend`, as an
    engine may have compiled it.
    """
    with tf.GradientTape() as tape:
        tape.watch(state.params)
        cost, model_state = objective(problem, state.params, state.model_state, inputs, labels)
    gradients = tape.gradient(cost, state.params)
    return further(problem, state, gradients, model_state), cost
