"""A training problem, of model, loss, rule and schedule, and one step of it, as pure functions on tensors.

The arithmetic of a step stands here, once. An engine chooses how the gradient is taken and who runs the loop.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Scaling
from descenso.errors import ConfigError
from descenso.text import _

Tensor = Any  # tf.Tensor, which publishes no types
Params = dict[str, Tensor]
State = dict[str, Tensor]
RuleState = dict[str, Any]  # tensors by name, or by name and parameter
Arrays = dict[str, NDArray[np.generic]]
Schedule = Callable[[Tensor], Tensor]  # int32 step -> share of the learning rate, float64
Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # logits (batch, num_classes), labels, weights -> mean cost


class Model(NamedTuple):
    """A map from inputs to logits.

    Attributes:
        name: as in the configuration.
        input_shape: of one row.
        num_classes: number of logits of a row.
        init: seed -> (params, state), NumPy arrays in the user's form.
        apply: (params, state, inputs (batch, *input_shape), training) -> (logits (batch, num_classes), state).
        to_user: params as `apply` holds them -> params as textbooks write them, which users and files see.
        from_user: the inverse of `to_user`.
        xla: the kinds of device, CPU or GPU, on which XLA compiles it; on a CPU not convolutions
            (docs/performance.md), and some operations it cannot compile at all.
        layers: the keras.Model that `apply` calls, where there is one.
        shared: whether equal settings give this very record again, so that its compiled program can be reused.
    """

    name: str
    input_shape: tuple[int, ...]
    num_classes: int
    init: Callable[[int], tuple[Arrays, Arrays]]
    apply: Callable[[Params, State, Tensor, bool], tuple[Tensor, State]]
    to_user: Callable[[Arrays], Arrays] = dict
    from_user: Callable[[Arrays], Arrays] = dict
    xla: tuple[str, ...] = ("CPU", "GPU")
    layers: Any = None
    shared: bool = False


class _Rule(NamedTuple):
    init: Callable[[Params], RuleState]
    update: Callable[[Params, RuleState, Params, Tensor], tuple[Params, RuleState]]
    result: Callable[[Params, RuleState], Params]


class Rule(_Rule):
    """An update rule; the learning rate is an argument.

    State and updates are dicts of tensors, whose names, shapes and dtypes stay as they are from step to step; an update
    has the name, the shape and the dtype of its parameter.

    Attributes:
        init: params -> rule state.
        update: (gradients, rule state, params, learning_rate) -> (updates to add to params, rule state).
        result: (params, rule state) -> the params to evaluate and save: these, or an average of them.

    Raises:
        ConfigError: for one function alone, or what is none.
    """

    __slots__ = ()

    def __new__(cls, init: Any = None, update: Any = None, result: Any = lambda params, state: params) -> "Rule":
        if not (callable(init) and callable(update) and callable(result)):
            raise ConfigError(
                _(
                    "descenso.Rule takes two functions, init(params) and update(gradients, state, params, "
                    "learning_rate); without a state, init is lambda params: {{}}"
                ).format()
            )
        return super().__new__(cls, init, update, result)


class Own(NamedTuple):
    """What the user brings in the place of the entries of our tables; None where one of these serves.

    Attributes:
        model: the model.
        rule: the rule.
        schedule: number of steps -> schedule.
        loss: the loss.
        sources: digests of their source, by kind ("rule"): as far as it can be known whether they are the same.
    """

    model: Model | None = None
    rule: Rule | None = None
    schedule: Callable[[int], Schedule] | None = None
    loss: Loss | None = None
    sources: Mapping[str, str] = {}


class Problem(NamedTuple):
    """Everything that a step needs besides its state and a batch.

    Attributes:
        model: the model to train.
        loss: the mean cost of a batch.
        rule: turns gradients into updates.
        schedule: share of the learning rate at a step.
        dtype: "float32" or "float64", of every parameter and every product.
        scaling: of the inputs; arrays, or tensors where a compiled program takes them as arguments.
        learning_rate: the rate that training starts with, in (0, inf); from there on `TrainState` carries it.
        xla: whether XLA may compile parts of a step, such as the update, where it does not compile the model.
    """

    model: Model
    loss: Loss
    rule: Rule
    schedule: Schedule
    dtype: str
    scaling: Scaling
    learning_rate: float
    xla: bool = True

    def without_xla(self) -> "Problem":
        """Return the problem of which XLA is to compile nothing."""
        return self._replace(model=self.model._replace(xla=()), xla=False)


class TrainState(NamedTuple):
    """The state between two steps: any nesting of tensors that engines may carry through a loop.

    Attributes:
        step: int32 scalar, number of steps taken.
        rate: float64 scalar, the learning rate, of which the schedule takes a share at each step.
        params: by name, as `Model.apply` holds them.
        model_state: tensors that a model carries besides params.
        rule_state: tensors that the rule carries.
    """

    step: Tensor
    rate: Tensor
    params: Params
    model_state: State
    rule_state: RuleState


class Batch(NamedTuple):
    """Rows of one step.

    Attributes:
        inputs: (batch, *input_shape), as stored.
        labels: (batch,) int32.
        weights: (batch,) float, or None for 1 each.
    """

    inputs: Tensor
    labels: Tensor
    weights: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        """Apply `function` to the inputs, the labels, and the weights where there are any."""
        return Batch(*(None if rows is None else function(rows) for rows in self))


def start(problem: Problem, seed: int) -> TrainState:
    """Make the state before the first step."""
    params, model_state = problem.model.init(seed)
    held = {name: tf.constant(value, problem.dtype) for name, value in problem.model.from_user(params).items()}
    carried = {name: tf.constant(value) for name, value in model_state.items()}
    rate = tf.constant(problem.learning_rate, tf.float64)
    return TrainState(tf.constant(0, tf.int32), rate, held, carried, problem.rule.init(held))


def weights(problem: Problem, state: TrainState) -> Arrays:
    """Return the trained parameters of `state` in the user's form, as NumPy arrays."""
    result = problem.rule.result(state.params, state.rule_state)
    return problem.model.to_user({name: np.asarray(value) for name, value in result.items()})


def scaled(inputs: Tensor, dtype: str, scaling: Scaling) -> Tensor:
    """Scale inputs, which arrive as stored (uint8): (inputs − shift) · scale, in `dtype`.

    Floats are shifted in their own precision: a narrower one might not tell apart what lies far from 0.
    """
    shift, scale = scaling
    if tf.is_tensor(shift) or np.any(shift):
        numbers = inputs if inputs.dtype.is_floating else tf.cast(inputs, dtype)
        inputs = numbers - _constant(shift, numbers.dtype)
    return tf.cast(inputs, dtype) * _constant(scale, dtype)


def _constant(value: Any, dtype: Any) -> Tensor:
    return tf.cast(value, dtype) if tf.is_tensor(value) else tf.constant(value, dtype)


def constant(step: Tensor) -> Tensor:
    """Take the whole learning rate at every step."""
    return tf.ones_like(step, tf.float64)


Step = Callable[[TrainState, Batch], tuple[TrainState, Tensor]]  # -> the next state, and the cost before the update
MakeStep = Callable[[Problem], Step]
Costs = tuple[Tensor, Params, State]  # mean cost of a batch, its gradient by parameter, the model's next state
Gradient = Callable[[Problem, TrainState, Batch], Costs]
Update = Callable[[Problem, TrainState, Params, State], TrainState]


def objective(problem: Problem, params: Params, model_state: State, batch: Batch) -> tuple[Tensor, State]:
    """Compute the mean cost of a batch, and the model's next state. Inputs are scaled here, on the device."""
    inputs = scaled(batch.inputs, problem.dtype, problem.scaling)
    logits, model_state = problem.model.apply(params, model_state, inputs, True)
    return problem.loss(logits, batch.labels, batch.weights), model_state


def descend(problem: Problem, state: TrainState, gradients: Params, model_state: State) -> TrainState:
    """Apply the rule to the gradients; the learning rate is the state's, times the schedule's share."""
    rate = state.rate if problem.schedule is constant else state.rate * problem.schedule(state.step)
    learning_rate = tf.cast(rate, problem.dtype)
    updates, rule_state = problem.rule.update(gradients, state.rule_state, state.params, learning_rate)
    params = {name: value + updates[name] for name, value in state.params.items()}
    return TrainState(state.step + 1, state.rate, params, model_state, rule_state)


def tape_gradient(problem: Problem, state: TrainState, batch: Batch) -> Costs:
    """Take the gradient with a `tf.GradientTape`."""
    with tf.GradientTape() as tape:
        tape.watch(state.params)
        cost, model_state = objective(problem, state.params, state.model_state, batch)
    gradients = tape.gradient(cost, state.params, unconnected_gradients="zero")
    return cost, {name: _dense(gradient) for name, gradient in gradients.items()}, model_state


def graph_gradient(problem: Problem, state: TrainState, batch: Batch) -> Costs:
    """Take the gradient with `tf.gradients`, inside a static graph."""
    cost, model_state = objective(problem, state.params, state.model_state, batch)
    gradients = tf.gradients(cost, list(state.params.values()), unconnected_gradients="zero")
    return cost, dict(zip(state.params, map(_dense, gradients), strict=True)), model_state


def _dense(gradient: Tensor) -> Tensor:
    """Return a gradient as a tensor; that of an embedding comes as some of its rows."""
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def make_step(
    problem: Problem,
    *,
    gradient: Gradient = tape_gradient,
    reduce: Callable[[Tensor, Params, State], Costs] | None = None,
    update: Update = descend,
) -> Step:
    """Make the step of `problem`.

    Args:
        problem: what to train.
        gradient: how the gradient is taken.
        reduce: (cost, gradients, model state) of some rows -> those of the whole batch, where several processes
            have a part of it each; None where the batch is whole.
        update: `descend`, or a compiled form of it.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Tensor]:
        cost, gradients, model_state = gradient(problem, state, batch)
        if reduce is not None:
            cost, gradients, model_state = reduce(cost, gradients, model_state)
        return update(problem, state, gradients, model_state), cost

    return step
