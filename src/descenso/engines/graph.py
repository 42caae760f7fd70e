"""Graph: the first of the two classic programs. A static graph is built once, and a Session runs it.

Placeholders, `tf.gradients`, assign operations and `feed_dict`, all inside a `tf.Graph` of its own: no
process-wide switch is thrown, and eager code works before, meanwhile and afterwards.
"""

import math
from collections.abc import Iterable
from time import perf_counter

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.data.order import Order
from descenso.descent.problem import Problem, Tensor, TrainState, descend, objective, start
from descenso.engines.base import Epochs, step_trace

v1 = tf.compat.v1


class Graph:
    """Each batch travels from NumPy through `feed_dict`; the state lives in the graph's variables."""

    traces = 1  # the graph is finalised once built

    def __init__(self, problem: Problem, train: Split, batch_size: int) -> None:
        self._train = train
        first = tf.nest.map_structure(np.asarray, start(problem, 0))
        then = perf_counter()
        with tf.Graph().as_default() as graph:
            inputs, labels = self.batch(train)
            self._given = tf.nest.map_structure(lambda array: v1.placeholder(array.dtype, array.shape), first)
            variables = tf.nest.map_structure(lambda given: v1.Variable(given, use_resource=True), self._given)
            self._state = tf.nest.map_structure(lambda variable: variable.read_value(), variables)
            self._cost, model_state = objective(problem, self._state.params, self._state.model_state, inputs, labels)
            names, values = zip(*self._state.params.items(), strict=True)
            gradients = dict(zip(names, tf.gradients(self._cost, values), strict=True))
            following = descend(problem, self._state, gradients, model_state)
            self._assign = tf.nest.map_structure(v1.assign, variables, following)
            self._begin = v1.global_variables_initializer()
        graph.finalize()
        self._session = v1.Session(graph=graph)
        self.compile_seconds = perf_counter() - then

    def batch(self, train: Split) -> tuple[Tensor, Tensor]:
        """The inputs and labels of a step, as tensors of the graph that is being built."""
        self._inputs = v1.placeholder(train.inputs.dtype, [None, *train.inputs.shape[1:]])
        self._labels = v1.placeholder(train.labels.dtype, [None, *train.labels.shape[1:]])
        return self._inputs, self._labels

    def feed(self, rows: NDArray[np.int32]) -> dict[Tensor, NDArray[np.generic]]:
        """What a step is fed with."""
        return {self._inputs: self._train.inputs[rows], self._labels: self._train.labels[rows]}

    def epochs(self, state: TrainState, orders: Iterable[Order]) -> Epochs:
        arrays = tf.nest.map_structure(np.asarray, state)
        given = dict(zip(tf.nest.flatten(self._given), tf.nest.flatten(arrays), strict=True))
        self._session.run(self._begin, {key.ref().deref(): value for key, value in given.items()})
        for order in orders:
            then, costs = perf_counter(), list[float]()
            for rows in order:
                cost, _ = self._session.run([self._cost, self._assign], self.feed(rows))
                costs.append(float(cost))
                if not math.isfinite(costs[-1]):
                    break
            trace = step_trace(costs, perf_counter() - then)
            yield self._session.run(self._state), trace
            if not trace.finite:
                return

    def close(self) -> None:
        """Close the session."""
        self._session.close()
