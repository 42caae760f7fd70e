"""Try the user's own code on one batch, before a run is made: eagerly for its numbers, and in a graph."""

import warnings

import numpy as np
import tensorflow as tf

from descenso.data.dataset import Split
from descenso.descent.problem import (
    Batch,
    Own,
    Params,
    Problem,
    Tensor,
    TrainState,
    descend,
    graph_gradient,
    make_step,
    objective,
    start,
)
from descenso.engines.base import warn_of_xla
from descenso.errors import ConfigError, DescensoError
from descenso.text import _

ROWS = 32  # of the batch that is tried
LOOKS = 40  # steps at which a schedule's share is checked
LEAST_PEAK = 0.5  # a schedule whose shares stay below seems to return the rate itself
NOT_IN_XLA = {"ImageProjectiveTransformV3", "PyFunc", "EagerPyFunc"}  # of layers such as RandomRotation; of Python


def tried(problem: Problem, own: Own, rows: Split, seed: int, steps: int) -> Problem:
    """Take two steps on some rows, and trace one into a graph, as engines do.

    Args:
        problem: what is to be trained.
        own: what of it is the user's own, at which errors are blamed.
        rows: the first batch, or more.
        seed: of the start.
        steps: number of steps of the whole training.

    Returns:
        The problem, with a model that XLA does not compile where it cannot.

    Raises:
        ConfigError: where they fail, or are not finite.
    """
    batch, state = Batch(*rows.rows(slice(0, ROWS))), start(problem, seed)
    if not state.params:
        message = _("model: nothing in {name} is trained; set model.trainable = True, or add a keras.layers.Dense")
        raise ConfigError(message.format(name=problem.model.name))
    try:
        if own.schedule:
            _refuse_shares(problem, steps)
        for _step in range(2):  # the second starts from the state after the first
            state = _stepped(problem, own, state, batch.map(tf.constant))
        return _compilable(problem, _trace(problem, state, batch))
    except DescensoError:
        raise
    except Exception as error:  # the user's layers may raise anything
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        message = _("model: {name} fails in its first step ({kind}: {reason})")
        raise ConfigError(message.format(name=problem.model.name, kind=type(error).__name__, reason=reason)) from error


def _stepped(problem: Problem, own: Own, state: TrainState, batch: Batch) -> TrainState:
    with tf.GradientTape() as tape:
        tape.watch(state.params)
        cost, model_state = objective(problem, state.params, state.model_state, batch)
    found: Params = tape.gradient(cost, state.params)
    if all(gradient is None for gradient in found.values()):
        message = _(
            "loss: its cost does not depend on the parameters by operations that have a gradient, so nothing would be "
            "learned; compute it from the logits, without tf.argmax, tf.round and .numpy()"
        )
        raise ConfigError(message if own.loss else message.replace("loss:", "model:", 1))
    zeros = {name: tf.zeros_like(value) for name, value in state.params.items()}
    gradients = {name: zeros[name] if g is None else tf.convert_to_tensor(g) for name, g in found.items()}
    finite = _finite([cost, *gradients.values()])
    if own.loss and not finite:
        message = _("loss: the cost of the first batch is {cost}, or its gradient is not finite; start from what is")
        raise ConfigError(message.format(cost=float(cost)))
    following = descend(problem, state, gradients, model_state)
    if own.rule and finite and not _finite(list(following.params.values())):
        names = [name for name, value in following.params.items() if not _finite([value])]
        message = _(
            "rule: its first updates of {names} are not finite, and the gradient is; add a small ε where it divides"
        )
        raise ConfigError(message.format(names=", ".join(names)))
    return following


def _refuse_shares(problem: Problem, steps: int) -> None:
    """Refuse shares that are no numbers from 0 on; warn where they were meant to be the rate itself, and not shares."""
    looked_at = sorted({1, *np.linspace(0, max(steps - 1, 0), LOOKS, dtype=int).tolist()})
    shares = {step: float(problem.schedule(tf.constant(step))) for step in looked_at}
    for step, share in shares.items():
        if not (np.isfinite(share) and share >= 0):
            message = _("schedule: its share at step {step} of {steps} is {share}, expected a number in [0, inf)")
            raise ConfigError(message.format(step=step, steps=steps, share=share))
    share = shares[0]
    if len({*shares.values()}) == 1 and share != 1:
        message = _(
            "schedule: it is {share:g} at every step, a share of the learning rate, which thus is {product:g}; "
            "for a learning rate of {share:g}, leave the schedule out, and give --learning-rate {share:g}"
        )
        warnings.warn(message.format(share=share, product=share * problem.learning_rate), stacklevel=2)
    elif max(shares.values()) < LEAST_PEAK:
        message = _(
            "schedule: its largest share of the learning rate is {share:g}, so that the rate is at most {product:g}; "
            "a schedule returns shares, 1 for the whole rate; if it returns the rate itself, write f(step) / f(0)"
        )
        share = max(shares.values())
        warnings.warn(message.format(share=share, product=share * problem.learning_rate), stacklevel=2)


def _trace(problem: Problem, state: TrainState, batch: Batch) -> set[str]:
    """Trace a step into a graph, and return the kinds of its operations."""
    placeholder = tf.compat.v1.placeholder
    with tf.Graph().as_default() as graph:
        held = tf.nest.map_structure(lambda value: placeholder(value.dtype, value.shape), state)
        rows = batch.map(lambda value: placeholder(value.dtype, (None, *value.shape[1:])))
        make_step(problem, gradient=graph_gradient)(held, rows)
    return {operation.type for operation in graph.get_operations()}


def _compilable(problem: Problem, kinds: set[str]) -> Problem:
    """Leave XLA out where it is known to have no such operation; what else it cannot compile, the engine finds."""
    if not problem.model.xla or not kinds & NOT_IN_XLA:
        return problem
    warn_of_xla(problem.model.name, ", ".join(sorted(kinds & NOT_IN_XLA)))
    return problem._replace(model=problem.model._replace(xla=()))


def _finite(values: list[Tensor]) -> bool:
    return all(bool(np.isfinite(np.asarray(value)).all()) for value in values)
