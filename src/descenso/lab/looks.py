"""Compute what pages show of a state of training: weights as pictures, norms, confusion matrix and mistakes."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Dataset
from descenso.descent.problem import Arrays, Batch, TrainState, descend, tape_gradient, weights
from descenso.lab.protocol import Mistake, Norms, Pictures
from descenso.runs.trained import Trained
from descenso.training.control import Progress
from descenso.training.evaluation import Evaluation, Predictor, evaluate
from descenso.training.plan import Plan

MOST_PICTURES, MOST_MISTAKES, MOST_NORMS = 64, 12, 500


class OneStep(NamedTuple):
    """The step that a state would take on a batch.

    Attributes:
        batch: its rows.
        cost: mean over the batch, in nats.
        gradients, updates: by parameter, as `Model.apply` holds them.
    """

    batch: Batch
    cost: float
    gradients: Arrays
    updates: Arrays


def one_step(plan: Plan, state: TrainState, rows: NDArray[np.int32]) -> OneStep:
    """Compute the step on these training rows, operation by operation; `state` is not changed."""
    import tensorflow as tf

    batch = Batch(*plan.train.rows(rows)).map(tf.constant)
    cost, gradients, carried = tape_gradient(plan.problem, state, batch)
    after = descend(plan.problem, state, gradients, carried)
    updates = {name: np.asarray(value) - np.asarray(state.params[name]) for name, value in after.params.items()}
    return OneStep(batch, float(cost), {name: np.asarray(g) for name, g in gradients.items()}, updates)


def next_rows(plan: Plan, progress: Progress) -> NDArray[np.int32] | None:
    """Return the rows of the batch of the next step; None after the last one."""
    epoch, step = progress.position
    if epoch >= plan.config.epochs:
        return None
    order = plan.order(epoch)
    return order.batches[step] if step < len(order.batches) else order.rest


class NormsOverTime:
    """Norms of gradients, updates and weights, at steps that were really taken, thinned."""

    def __init__(self) -> None:
        # One thread adds while another reads: the points are replaced as a whole.
        self._points: tuple[tuple[int, dict[str, tuple[float, float, float]]], ...] = ()
        self._every, self._seen = 1, 0
        self._made: tuple[object, tuple[Norms, ...]] = None, ()

    def add(self, plan: Plan, progress: Progress) -> None:
        """Measure the step after `progress`."""
        rows = next_rows(plan, progress)
        if rows is None:
            return
        step, taken = one_step(plan, progress.state, rows), int(progress.state.step)
        self._seen += 1
        if (self._seen - 1) % self._every:
            return
        held = {name: np.asarray(value) for name, value in progress.state.params.items()}
        norms = {name: (_norm(step.gradients[name]), _norm(step.updates[name]), _norm(held[name])) for name in held}
        points = *self._before(taken), (taken, norms)
        if len(points) > MOST_NORMS:
            points, self._every = points[::2], 2 * self._every
        self._points = points

    def _before(self, step: int) -> tuple[tuple[int, dict[str, tuple[float, float, float]]], ...]:
        return tuple(point for point in self._points if point[0] < step)

    def cut(self, step: int) -> None:
        """Drop the points from number `step` on."""
        self._points = self._before(step)

    def norms(self) -> tuple[Norms, ...]:
        """Return the norms by parameter; the same records until there are new ones."""
        points, (source, made) = self._points, self._made
        if source is not points:
            made = self._arrays(points) if points else ()
            self._made = points, made
        return made

    @staticmethod
    def _arrays(points: tuple[tuple[int, dict[str, tuple[float, float, float]]], ...]) -> tuple[Norms, ...]:
        steps = np.array([step for step, _norms in points], np.int64)
        return tuple(
            Norms(name, steps, *np.array([norms[name] for _step, norms in points], np.float32).T)
            for name in points[-1][1]
        )


def _norm(array: NDArray[Any]) -> float:
    return float(np.linalg.norm(array.astype(np.float64)))


def pictures(plan: Plan, state: TrainState, class_names: tuple[str, ...]) -> Pictures:
    """Return templates, features of the first layer or filters, as the model has them; none of a table."""
    arrays = weights(plan.problem, state)
    shape = plan.problem.model.input_shape
    name, first = next(((name, array) for name, array in arrays.items() if array.ndim in (2, 4)), ("", None))
    if len(shape) != 2 or first is None:
        return Pictures()
    if first.ndim == 4:
        kind, images = "filters", first.mean(axis=2).transpose(2, 0, 1)
    else:
        kind = "templates" if name == "W" else "features"
        images = first.T.reshape(-1, *shape)
    images = images[:MOST_PICTURES].astype(np.float32)
    scale = float(np.abs(images).max())
    names = class_names if kind == "templates" else tuple(map(str, range(len(images))))
    return Pictures(kind, images / scale if 0 < scale < np.inf else images, names[: len(images)], scale)


def test(plan: Plan, progress: Progress, data: Dataset) -> tuple[Evaluation, tuple[Mistake, ...]]:
    """Evaluate a state on all test rows; return the evaluation, and the mistakes made with most confidence."""
    measured = evaluate(Predictor.of_state(plan.problem, progress.state), data.test)
    wrong = np.flatnonzero(measured.predicted != data.test.labels)
    worst = wrong[np.argsort(-measured.confidence[wrong], kind="stable")][:MOST_MISTAKES]
    return measured, tuple(
        Mistake(
            int(row),
            np.array(data.test.inputs[row]),
            data.class_names[data.test.labels[row]],
            data.class_names[measured.predicted[row]],
            float(measured.confidence[row]),
        )
        for row in worst
    )


def trained(plan: Plan, progress: Progress, data: Dataset) -> Trained:
    """Return the weights of a state as a run keeps them, for the doctor."""
    carried = {name: np.asarray(value) for name, value in progress.state.model_state.items()}
    shape = data.input_shape
    return Trained(weights(plan.problem, progress.state), carried, shape, data.class_names, data.scaling, data.stored)
