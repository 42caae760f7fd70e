"""One step of gradient descent as a pure function of state and batch; its arithmetic stands here, once.

An engine chooses how the gradient is taken and who runs the loop; it adds no arithmetic.
"""

from collections.abc import Callable

import tensorflow as tf

from descenso.descent.problem import Batch, Params, Problem, State, Tensor, TrainState, scaled

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
    learning_rate = tf.cast(state.rate * problem.schedule(state.step), problem.dtype)
    updates, rule_state = problem.rule.update(gradients, state.rule_state, state.params, learning_rate)
    params = {name: value + updates[name] for name, value in state.params.items()}
    return TrainState(state.step + 1, state.rate, params, model_state, rule_state)


def tape_gradient(problem: Problem, state: TrainState, batch: Batch) -> Costs:
    """Take the gradient with a `tf.GradientTape`."""
    with tf.GradientTape() as tape:
        tape.watch(state.params)
        cost, model_state = objective(problem, state.params, state.model_state, batch)
    return cost, tape.gradient(cost, state.params), model_state


def graph_gradient(problem: Problem, state: TrainState, batch: Batch) -> Costs:
    """Take the gradient with `tf.gradients`, inside a static graph."""
    cost, model_state = objective(problem, state.params, state.model_state, batch)
    gradients = tf.gradients(cost, list(state.params.values()))
    return cost, dict(zip(state.params, gradients, strict=True)), model_state


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
