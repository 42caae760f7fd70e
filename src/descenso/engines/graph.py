"""Graph: the first of the two classic programs. A static graph is built once, and a Session runs it.

Placeholders, `tf.gradients`, assign operations and `feed_dict`, all inside a `tf.Graph` of its own: no
process-wide switch is thrown, and eager code works before, meanwhile and afterwards.
"""

from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Scaling, Split
from descenso.data.order import Order
from descenso.descent.problem import Batch, MakeStep, Problem, Tensor, TrainState, graph_gradient, make_step, start
from descenso.engines.base import Rows, Walk, arguments, shapes_of, shared, specs, step_by_step

v1 = tf.compat.v1
graph_step = partial(make_step, gradient=graph_gradient)


class Built(NamedTuple):
    """A finalised graph, and its tensors to feed and to fetch.

    Attributes:
        graph: the graph.
        begin: operation that assigns a state and a scaling, fed by `given`, to the variables.
        given: placeholders of that state, and of that scaling, where no shift is the number 0.
        batch: placeholders of a batch.
        cost: cost of the batch.
        assign: operation that assigns the next state to the variables.
        state: the state that the variables hold.
    """

    graph: Any
    begin: Any
    given: tuple[TrainState, Scaling]
    batch: Batch
    cost: Tensor
    assign: Any
    state: TrainState


class Graph:
    """Each batch travels from NumPy through `feed_dict`; the state lives in the graph's variables."""

    traces = 1  # the graph is finalised once built

    def __init__(
        self, problem: Problem, train: Split, batch_rows: int, step: MakeStep, like: TrainState | None
    ) -> None:
        step = graph_step if step is make_step else step
        self._rows, rows, then = Rows(train), specs(train, (None,)), perf_counter()
        self._built: Built = shared(
            problem,
            lambda: _build(problem, like or start(problem, 0), rows, step),
            "graph",
            step,
            shapes_of(like),
            rows,
        )
        self._scaling = arguments(problem.scaling)
        self._session = v1.Session(graph=self._built.graph)
        self.compile_seconds = perf_counter() - then

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        built, session = self._built, self._session
        session.run(built.begin, _feed(built.given, (state, self._scaling)))
        placeholders = [each for each in built.batch if each is not None]

        def step(state: TrainState, numbers: NDArray[np.int32]) -> tuple[TrainState, Tensor]:
            feed = dict(zip(placeholders, self._rows.arrays(numbers), strict=False))
            return state, session.run([built.cost, built.assign], feed)[0]

        return step_by_step(step, state, orders, read=lambda _: session.run(built.state))

    def close(self) -> None:
        """Close the session."""
        self._session.close()


def _build(problem: Problem, begin: TrainState, rows: Batch, step: MakeStep) -> Built:
    first = begin, arguments(problem.scaling)
    with tf.Graph().as_default() as graph:
        batch = rows.map(lambda spec: v1.placeholder(spec.dtype, spec.shape))
        given = _map(lambda value: v1.placeholder(value.dtype, value.shape), first)
        variables = _map(lambda value: v1.Variable(value, use_resource=True), given)
        state, scaling = _map(lambda variable: variable.read_value(), variables)
        following, cost = step(problem._replace(scaling=scaling))(state, batch)
        with tf.control_dependencies([*tf.nest.flatten(state), *tf.nest.flatten(following), cost]):  # read, then assign
            assign = tf.group(*map(v1.assign, tf.nest.flatten(variables[0]), tf.nest.flatten(following)))
        initial = v1.global_variables_initializer()
    graph.finalize()
    return Built(graph, initial, given, batch, cost, assign, state)


def _map(function: Callable[[Any], Any], nest: Any) -> Any:
    """Apply `function` to a nest, but for numbers, which are part of the graph."""
    return tf.nest.map_structure(lambda each: each if isinstance(each, float) else function(each), nest)


def _feed(placeholders: Any, values: Any) -> dict[Tensor, NDArray[np.generic]]:
    """Pair placeholders with arrays; what is no placeholder is part of the graph."""
    pairs = zip(tf.nest.flatten(placeholders), tf.nest.flatten(values), strict=True)
    return {placeholder: np.asarray(value) for placeholder, value in pairs if tf.is_tensor(placeholder)}
