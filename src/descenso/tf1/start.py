"""The weights that a script starts from, and the cost that it begins with."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from descenso.tf1.source import Node, is_number

if TYPE_CHECKING:
    import numpy as np

DRAWS = 16  # whose first costs are averaged: one lies about 10 % from the mean of many
DRAWN = {
    **dict.fromkeys(("random_normal", "normal", "truncated_normal"), ("normal", ("mean", "stddev"))),
    **dict.fromkeys(("random_uniform", "uniform"), ("uniform", ("minval", "maxval"))),
}
WITHIN_TWO = 0.87962566  # deviation of a standard normal number that lies within 2 deviations


class Start(NamedTuple):
    """How the initial weights of one variable are drawn."""

    kind: str  # "normal", "uniform", "glorot", or "" if it cannot be read
    numbers: tuple[float, float] = (0.0, 0.0)  # mean and deviation, or both ends

    @property
    def zero(self) -> bool:
        """Whether all of them are 0."""
        return self.kind == "normal" and self.numbers == (0.0, 0.0)

    def draw(self, shape: Sequence[int], random: "np.random.Generator") -> "np.ndarray":
        """Draw float64 weights of `shape`."""
        if self.kind == "normal":
            return random.normal(*self.numbers, shape)
        limit = math.sqrt(6 / sum(shape)) if self.kind == "glorot" else 0
        return random.uniform(*((-limit, limit) if limit else self.numbers), shape)


class Layer(NamedTuple):
    """A dense layer of a script."""

    units: int
    dtype: str  # "float32" or "float64"
    kernel: Start
    bias: Start


def read_start(value: Any) -> Start:
    """Read how the initial value `value` of a variable is made."""
    if not isinstance(value, Node):
        return Start("")
    if value.op in ("zeros", "ones", "constant"):
        constant: Any = {"zeros": 0.0, "ones": 1.0}.get(value.op, value.args[0] if value.args else None)
        return Start("normal", (float(constant), 0.0)) if is_number(constant) else Start("")
    if value.op in DRAWN:
        kind, names = DRAWN[value.op]
        given = [number for number in value.args[1:3] if is_number(number)]  # after the shape
        first = value.keywords.get(names[0], given[0] if given else 0.0)
        second = value.keywords.get(names[1], given[1] if len(given) > 1 else 1.0)
        if is_number(first) and is_number(second):
            return Start(kind, (first, second * (WITHIN_TWO if value.op == "truncated_normal" else 1)))
    return Start("")


GLOROT, ZERO = Start("glorot"), Start("normal")


def first_cost(layers: Sequence[Layer], activation: str, inputs: "np.ndarray") -> float | None:
    """Compute the mean cross-entropy with which such a network begins, for labels that it knows nothing of.

    Args:
        layers: from the inputs on.
        activation: of the hidden layers.
        inputs: of shape (rows, features).

    Returns:
        Nats; None if the start of a layer cannot be read.
    """
    import numpy as np

    if not all(layer.kernel.kind and layer.bias.kind for layer in layers):
        return None
    active: dict[str, Callable[[Any], Any]] = {
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
        "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
    }
    random, costs = np.random.default_rng(0), []
    for _draw in range(DRAWS):
        values = inputs
        for number, layer in enumerate(layers):
            values = values @ layer.kernel.draw((values.shape[1], layer.units), random)
            values = values + layer.bias.draw((layer.units,), random)
            if number < len(layers) - 1:
                values = active[activation](values)
        largest = values.max(axis=1)
        together = largest + np.log(np.exp(values - largest[:, None]).sum(axis=1))
        costs.append(float(np.mean(together - values.mean(axis=1))))
    return float(np.mean(costs))
