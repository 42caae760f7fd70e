"""Evaluate a model on rows with labels, and predict those of rows without.

Importable without TensorFlow, which only predictors of a `Model` need.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Scaling, Split

if TYPE_CHECKING:
    from descenso.descent.problem import Arrays, Model, Params, Problem, State, TrainState

ROWS_AT_ONCE = 1_000
BINS = 10  # of confidence


class Predictor(NamedTuple):
    """A trained model, from rows as stored to logits.

    Attributes:
        num_classes: number of logits of a row.
        compute: inputs (rows, *input_shape), before scaling -> logits (rows, num_classes), NumPy arrays.
    """

    num_classes: int
    compute: Callable[[NDArray[Any]], NDArray[np.floating]]

    @classmethod
    def of_weights(cls, model: "Model", params: "Arrays", model_state: "Arrays", scaling: Scaling) -> "Predictor":
        """Make a predictor of params in the user's form; their dtype is the computation's."""
        return _by_tensorflow(model, model.from_user(params), model_state, scaling)

    @classmethod
    def of_state(cls, problem: "Problem", state: "TrainState") -> "Predictor":
        """Make a predictor of the state of a training run."""
        result = problem.rule.result(state.params, state.rule_state)
        return _by_tensorflow(problem.model, result, state.model_state, problem.scaling)

    def logits(self, inputs: NDArray[np.generic]) -> Iterator[NDArray[np.floating]]:
        """Yield logits, (rows, num_classes), of some rows of `inputs` after the other; not all need fit in memory."""
        for first in range(0, len(inputs), ROWS_AT_ONCE):
            yield self.compute(inputs[first : first + ROWS_AT_ONCE])

    def probabilities(self, inputs: NDArray[np.generic]) -> NDArray[np.floating]:
        """Predict probabilities, (rows, num_classes), each in [0, 1]; a row's sum is 1."""
        return np.concatenate([np.exp(_log_softmax(each)).astype(each.dtype) for each in self.logits(inputs)])


def _by_tensorflow(model: "Model", params: "Params", model_state: "State", scaling: Scaling) -> Predictor:
    """Make a predictor of params as `Model.apply` holds them."""
    import tensorflow as tf

    from descenso.descent.problem import scaled

    held, carried = (
        {name: tf.convert_to_tensor(value) for name, value in values.items()} for values in (params, model_state)
    )
    dtype = next(iter(held.values())).dtype

    def compute(rows: NDArray[Any]) -> NDArray[np.floating]:
        logits, _state = model.apply(held, carried, scaled(tf.constant(rows), dtype, scaling), False)
        return logits.numpy()  # type: ignore[no-any-return] # TensorFlow publishes no types

    return Predictor(model.num_classes, compute)


class Evaluation(NamedTuple):
    """Predictions of the rows of a split, and their costs.

    Attributes:
        costs: (rows,) float64, the cross-entropy of each row, in nats.
        confidence: (rows,) float64, the probability of the class that was predicted, in [0, 1].
        predicted: (rows,) int64.
        confusion: (num_classes, num_classes) int64, rows of each true class (first axis) by predicted class.
        weights: (rows,), what each row's cost counts, where they do not count alike.
    """

    costs: NDArray[np.float64]
    confidence: NDArray[np.float64]
    predicted: NDArray[np.int64]
    confusion: NDArray[np.int64]
    weights: NDArray[Any] | None = None

    if not TYPE_CHECKING:  # type: ignore[misc] # type checkers refuse a name that there is not

        def __getattr__(self, name: str) -> Any:
            from descenso.guesses import no_attribute

            raise AttributeError(no_attribute("Evaluation", name), name=name, obj=self)

        def __getitem__(self, key: Any) -> Any:
            if not isinstance(key, str):
                return tuple.__getitem__(self, key)
            from descenso.guesses import no_attribute

            raise TypeError(no_attribute("Evaluation", key, "item"))

    def __repr__(self) -> str:
        return f"<Evaluation: accuracy {self.accuracy:.4f} on {len(self.costs)} rows, cost {self.cost:.4f} nats>"

    @property
    def accuracy(self) -> float:
        """Fraction of rows whose largest logit is the label's, in [0, 1]."""
        return float(self.confusion.trace() / self.confusion.sum())

    @property
    def cost(self) -> float:
        """Mean cross-entropy over the rows, each by its weight, in nats."""
        return float(self.costs.mean() if self.weights is None else np.average(self.costs, weights=self.weights))

    @property
    def recall(self) -> list[float | None]:
        """Fraction of the rows of each class that were predicted as it; None for a class without rows."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> list[float | None]:
        """Fraction of the rows predicted as each class that are of it; None for a class never predicted."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))

    def calibration(self, labels: NDArray[np.int32]) -> list[tuple[int, float, float]]:
        """Return for each tenth of confidence with rows: their number, mean confidence and accuracy.

        Source: Guo et al., On Calibration of Modern Neural Networks (2017), section 2.
        """
        places = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        right = self.predicted == labels
        chosen = [places == place for place in range(BINS)]
        return [(int(c.sum()), float(self.confidence[c].mean()), float(right[c].mean())) for c in chosen if c.any()]

    def calibration_error(self, labels: NDArray[np.int32]) -> float:
        """Expected calibration error, in [0, 1]: the mean of |confidence − accuracy| over the tenths, by rows."""
        tenths = self.calibration(labels)
        return sum(rows * abs(sure - right) for rows, sure, right in tenths) / len(labels)


def _shares(hits: NDArray[np.int64], totals: NDArray[np.int64]) -> list[float | None]:
    return [float(hit / total) if total else None for hit, total in zip(hits, totals, strict=True)]


def evaluate(predictor: Predictor, split: Split) -> Evaluation:
    """Evaluate a model on `split`, some rows at a time.

    Args:
        predictor: the model.
        split: at least one row, of the model's input shape.
    """
    costs, confidence, predicted, first = [], [], [], 0
    for logits in predictor.logits(split.inputs):
        labels = split.labels[first : first + len(logits)]
        first += len(logits)
        logs = _log_softmax(logits)
        costs.append(-logs[np.arange(len(labels)), labels])
        predicted.append(logs.argmax(axis=1))
        confidence.append(np.exp(logs.max(axis=1)))
    called = np.concatenate(predicted)
    confusion = np.zeros((predictor.num_classes, predictor.num_classes), np.int64)
    np.add.at(confusion, (split.labels, called), 1)
    return Evaluation(np.concatenate(costs), np.concatenate(confidence), called, confusion, split.weights)


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the logarithms of probabilities, (rows, num_classes), in float64; none overflows."""
    with np.errstate(all="ignore"):  # where logits are not finite
        lower = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        logs: NDArray[np.float64] = lower - np.log(np.exp(lower).sum(axis=1, keepdims=True))
    return logs
