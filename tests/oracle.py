"""The descent written out in float64 NumPy, from the papers: what every engine must coincide with.

Nothing of descenso's mathematics and none of its engines is used here. What it shares with them is data:
rows, a start, and the order of the rows. A model is one function: its cost with its gradients. A rule is one
function: the update of one parameter, with a memory of its own that is empty before the first step.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Arrays = dict[str, Array]
Rows = NDArray[np.int32]


class Walk(NamedTuple):
    """What a descent came to: (steps,) costs before each update, and the parameters after the last one."""

    costs: NDArray[np.generic]
    params: Mapping[str, NDArray[np.generic]]


def softmax_regression(params: Arrays, inputs: Array, labels: Rows) -> tuple[float, Arrays]:
    """Cost in nats and gradients of softmax regression, z = x W + b.

        cost = mean of log Σⱼ exp(zⱼ) − z_y,   ∇z = (softmax(z) − one_hot(y)) / batch,   ∇W = xᵀ ∇z,   ∇b = Σ ∇z

    Source: Bishop, Pattern Recognition and Machine Learning (2006), equations 4.108 and 4.109; the largest z
    is taken out of the exponentials, as in Goodfellow, Bengio and Courville, Deep Learning (2016), section 4.1.
    """
    x = inputs.reshape(len(inputs), -1)  # (batch, num_inputs)
    z = x @ params["W"] + params["b"]  # (batch, num_classes)
    z = z - z.max(axis=1, keepdims=True)
    total = np.exp(z).sum(axis=1)  # (batch,)
    picked = np.arange(len(labels)), labels
    cost = np.mean(np.log(total) - z[picked])
    delta = np.exp(z) / total[:, np.newaxis]  # (batch, num_classes)
    delta[picked] -= 1
    delta /= len(labels)
    return float(cost), {"W": x.T @ delta, "b": delta.sum(axis=0)}


def sgd(gradient: Array, memory: Arrays, learning_rate: float) -> Array:
    """The update −learning_rate · ∇θ. Source: Robbins and Monro (1951), section 2, with a fixed step."""
    return -learning_rate * gradient


MODELS: dict[str, Callable[[Arrays, Array, Rows], tuple[float, Arrays]]] = {"softmax": softmax_regression}
RULES: dict[str, Callable[[Array, Arrays, float], Array]] = {"sgd": sgd}


def descend(
    model: str,
    rule: str,
    start: Mapping[str, NDArray[np.generic]],
    inputs: NDArray[np.generic],
    labels: Rows,
    orders: Iterable[Iterable[Rows]],
    learning_rate: float,
    input_scale: float = 1.0,
) -> Walk:
    """Walk from `start`, one step for each batch of each order.

    Args:
        model, rule: keys of `MODELS` and `RULES`.
        start: parameters as a textbook writes them.
        inputs, labels: all rows; a batch of an order says which of them a step sees.
        orders: one an epoch; each gives the rows of its steps in turn.
        learning_rate: of every step.
        input_scale: what inputs are multiplied by.
    """
    params = {name: np.array(value, np.float64) for name, value in start.items()}
    memories: dict[str, Arrays] = {name: {} for name in params}
    costs = []
    for order in orders:
        for rows in order:
            cost, gradients = MODELS[model](params, inputs[rows].astype(np.float64) * input_scale, labels[rows])
            costs.append(cost)
            for name, gradient in gradients.items():
                params[name] = params[name] + RULES[rule](gradient, memories[name], learning_rate)
    return Walk(np.array(costs), params)
