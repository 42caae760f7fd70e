"""Workers: several processes or devices each take a part of every batch, and exchange gradients in each step.

Every process computes the same order of rows, and its parts of each batch; so each holds the same state after each
step. The gradient of a part is that of its rows' share in the mean cost, so that the sum over all parts is the gradient
of the batch, however unequal they are.

Source: Dean et al., Large Scale Distributed Deep Networks (2012), section 4, in its synchronous form; TensorFlow's
collective operations add up in a ring.
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Scaling, Split
from descenso.data.order import Order
from descenso.descent.problem import (
    Batch,
    Costs,
    Gradient,
    MakeStep,
    Model,
    Params,
    Problem,
    State,
    Step,
    Tensor,
    TrainState,
    Update,
    descend,
    make_step,
    start,
    tape_gradient,
)
from descenso.engines.base import Trace, Walk
from descenso.engines.compiled import Compiled, runs_apart, updating_by_xla, walk, xla_serves
from descenso.engines.team import Team, team
from descenso.errors import ConfigError, WorkerError
from descenso.text import _

SAME_GRADIENT = {"float64": 1e-9, "float32": 1e-3}  # how far the parts' gradient may be from the whole batch's
SMALLEST = np.finfo(np.float32).tiny  # in place of a gradient that is zero
PROVED = 1024  # rows of the batch whose gradient is computed both ways, at most
SAME_IN_LAYERS = 0.03  # in float32: rounding decides which of nearly equal values is the maximum; cnn is off by 4e-3
SAME_IN_BFLOAT16 = 0.1  # of products with three digits


def part(rows: int, first: int, last: int, parts: int) -> slice:
    """Return the rows of the parts in [first, last) of a batch, which has so many `rows` and `parts`.

    >>> [part(10, k, k + 1, 3) for k in range(3)]
    [slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)]
    """
    return slice(rows * first // parts, rows * last // parts)


class Workers(Compiled):
    """Runs a block of steps as one program, of which XLA compiles the gradient and the update."""

    def __init__(
        self, problem: Problem, train: Split, batch_rows: int, step: MakeStep, like: TrainState | None
    ) -> None:
        if step is not make_step:
            raise ConfigError(_("engine: workers trains one run at a time; try --engine compiled"))
        self._team, self._sizes = team(), (batch_rows, len(train.labels) % batch_rows)
        super().__init__(problem, train, batch_rows, step, like)
        self._prove(problem, like or start(problem, 0), Batch(*train.rows(slice(0, min(batch_rows, PROVED)))))

    def _computing(self) -> AbstractContextManager[None]:
        """Return the context in which the team's processes are watched."""
        return self._team.computing()

    def _mine(self, rows: int) -> slice:
        """Return the rows of a batch that this process computes."""
        mine = self._team.mine
        return part(rows, mine.start, mine.stop, self._team.parts)

    def _traced_program(self, problem: Problem, step: MakeStep) -> Any:
        full, rest = self._sizes
        update = updating_by_xla(problem) if problem.xla else descend
        apart = runs_apart(problem.model, xla=False)

        @tf.function(autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
        def program(
            state: TrainState, scaling: Scaling, batches: Batch, last: Batch, steps: Tensor, closing: Tensor
        ) -> tuple[TrainState, Tensor]:
            scaled = problem._replace(scaling=scaling)
            with _synchronized(problem.model):
                on_full, on_rest = (_step(self._team, scaled, rows, update) for rows in (full, rest))
                return walk(on_full, state, batches, last, steps, closing, on_rest if rest else None, apart)

        return program

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        for order in orders:  # one by one: all processes cut the next chunk by the time of this one
            with self._computing():
                state, trace = next(super().walk(state, [order]))
            yield state, (trace := self._agreed(state, trace))
            if not trace.finite:
                return

    def _agreed(self, state: TrainState, trace: Trace) -> Trace:
        """Return the trace with the chief's time, by which all processes cut the next chunk.

        Raises:
            WorkerError: if the processes do not hold the same state.
        """
        told = self._team.exchange([trace.seconds, _digest(state, trace)])
        for index, (_seconds, digest) in enumerate(told):
            if digest != told[0][1]:
                message = _("worker {index} does not hold the weights of worker 0 after step {step}; something in the "
                            "model depends on more than its parameters and its rows")  # fmt: skip
                raise WorkerError(message.format(index=index, step=int(state.step)))
        return trace._replace(seconds=told[0][0])

    def _prove(self, problem: Problem, state: TrainState, batch: Batch) -> None:
        """Compare the gradient of some rows by parts with that of all of them as one batch.

        Raises:
            ConfigError: if they differ, as where a loss is no mean over rows.
        """
        rows = len(batch.labels)
        mine = batch.map(lambda array: tf.constant(array[self._mine(rows)]))

        @tf.function(autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
        def by_parts(state: TrainState, mine: Batch) -> Costs:
            with _synchronized(problem.model):
                costs: Costs = _on_devices(
                    self._team, rows, problem, mine, lambda batch, gradient: _sum(*gradient(problem, state, batch))
                )
                return costs

        with self._computing():
            found = tf.nest.map_structure(np.asarray, by_parts(state, mine)[:2])
        whole = tf.function(partial(tape_gradient, problem), autograph=False)
        expected = tf.nest.map_structure(np.asarray, whole(state, batch.map(tf.constant))[:2])
        apart = max(_apart([found[0]], [expected[0]]), _apart(found[1].values(), expected[1].values()))
        if apart > (limit := _allowed(problem)):
            message = _(
                "engine: the gradient of a batch in {parts} parts is not that of the whole batch: they differ by "
                "{apart:.2g}, where {limit:g} is allowed. The loss must be a mean over rows; besides "
                "descenso.descent.layers.Dropout and keras.layers.BatchNormalization, no layer may draw at random or "
                "depend on other rows; try --engine compiled"
            )
            raise ConfigError(message.format(parts=self._team.parts, apart=apart, limit=limit))


def _allowed(problem: Problem) -> float:
    """Return how far the gradient of parts may be from that of the whole batch."""
    layers = problem.model.layers
    if layers is None or problem.dtype != "float32":
        return SAME_GRADIENT[problem.dtype]
    return SAME_IN_BFLOAT16 if layers.dtype_policy.compute_dtype == "bfloat16" else SAME_IN_LAYERS


def _step(team: Team, problem: Problem, rows: int, update: Update) -> Step:
    """Make the step of this process, on its part of a batch of so many `rows` in all."""

    def step(state: TrainState, mine: Batch) -> tuple[TrainState, Tensor]:
        def on_device(batch: Batch, gradient: Gradient) -> tuple[TrainState, Tensor]:
            return make_step(problem, gradient=gradient, reduce=_sum, update=update)(state, batch)

        stepped: tuple[TrainState, Tensor] = _on_devices(team, rows, problem, mine, on_device)
        return stepped

    return step


def _on_devices(
    team: Team, rows: int, problem: Problem, mine: Batch, function: Callable[[Batch, Gradient], Any]
) -> Any:
    """Call `function` with the rows of each device of this process and the gradient for them; return its result, which
    is the same on all devices.
    """
    first = part(rows, team.mine.start, team.mine.stop, team.parts).start

    def on_device() -> Any:
        index = int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
        own = part(rows, index, index + 1, team.parts)
        batch = mine.map(lambda array: array[own.start - first : own.stop - first])
        return function(batch, _gradient(problem, own, rows))

    of_devices = team.strategy.run(on_device)
    return tf.nest.map_structure(lambda value: team.strategy.experimental_local_results(value)[0], of_devices)


def _gradient(problem: Problem, own: slice, rows: int) -> Gradient:
    """Return the function that takes the gradient of the share that the rows `own` have in the mean cost of a batch."""
    count, layers = own.stop - own.start, problem.model.layers

    def share(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        if not count:
            return tf.reduce_sum(logits)  # of no rows: 0
        return problem.loss(logits, labels, weights) * (count / rows)

    def gradient(problem: Problem, state: TrainState, batch: Batch) -> Costs:
        with _rows_from(own.start) if layers is not None else nullcontext():
            return tape_gradient(problem._replace(loss=share), state, batch)

    if not xla_serves(problem.model) or (layers is not None and _normalises(layers)):
        return gradient

    def by_xla(problem: Problem, state: TrainState, batch: Batch) -> Costs:
        compiled = tf.function(partial(gradient, problem), jit_compile=True, autograph=False)
        costs: Costs = compiled(state._replace(rule_state={}), batch)
        return costs

    return by_xla


def _sum(cost: Tensor, gradients: Params, model_state: State) -> Costs:
    """Add up the shares of all devices, as one array."""
    shares = [cost, *gradients.values()]
    packed = tf.concat([tf.reshape(share, [-1]) for share in shares], axis=0)
    total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, packed)
    split = tf.split(total, [share.shape.num_elements() for share in shares])
    cost, *sums = (tf.reshape(piece, share.shape) for piece, share in zip(split, shares, strict=True))
    return cost, dict(zip(gradients, sums, strict=True)), model_state


def _synchronized(model: Model) -> AbstractContextManager[None]:
    if model.layers is None:
        return nullcontext()
    from descenso.descent.layers import synchronized  # softmax needs no Keras, which takes a second to import

    return synchronized(model.layers)


def _rows_from(first: int) -> AbstractContextManager[None]:
    from descenso.descent.layers import rows_from

    return rows_from(first)


def _normalises(layers: Any) -> bool:
    from descenso.descent.layers import normalising

    return bool(normalising(layers))


def _digest(state: TrainState, trace: Trace) -> str:
    """Return a digest of a state and of the costs that led to it."""
    found = hashlib.sha256(trace.costs.tobytes())
    for value in tf.nest.flatten(state):
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


def _apart(found: Iterable[NDArray[Any]], expected: Iterable[NDArray[Any]]) -> float:
    """Compute the largest difference of arrays, relative to the largest value of all that are expected."""
    pairs = [
        (np.abs(one - other).max(initial=0), np.abs(other).max(initial=0))
        for one, other in zip(found, expected, strict=True)
    ]
    differences, values = zip(*pairs, strict=True)
    return float(max(differences) / max(max(values), np.finfo(np.float32).tiny))
