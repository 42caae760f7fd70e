"""Records that answer what a page asks on demand: one step opened up, a digit recognised, activations of layers."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Stage(NamedTuple):
    """One quantity of a step.

    Attributes:
        name: "inputs", "hidden 1", "logits", "probabilities", "cost", "gradient of W", "update of W", …
        formula: in plain Unicode, such as "z = W ᵀ x + b".
        shape: of the quantity for the whole batch, such as (100, 10).
        dtype: of the computation.
        values: the numbers: of the chosen row where the first axis is the batch, else the whole array.
    """

    name: str
    formula: str
    shape: tuple[int, ...]
    dtype: str
    values: NDArray[Any]


class Opened(NamedTuple):
    """One step, opened up, for one row of its batch.

    Attributes:
        epoch, step: position before the step.
        row: number of the row in the training rows.
        place: its place in the batch, which is the batch of the next step with the row in it.
        batch: (batch_size,) int32, numbers of the batch's rows.
        image: (*input_shape), as stored.
        label: true class of the row.
        stages: from the inputs to the update, in the order of the computation.
        contributions: (classes, *input_shape) float64: what each input adds to each logit; with `bias` they sum to the
            logits. None where no exact sum exists (mlp and cnn).
        last: (classes, units) float64: the same for the last layer's inputs; None for softmax, whose inputs these are.
        bias: (classes,) float64 of the last layer.
        logits, probabilities: (classes,) float64, of the row.
        cost: of the row, in nats.
        batch_cost: mean over the batch, in nats.
        rate: learning rate of this step, the schedule's share taken.
    """

    epoch: int
    step: int
    row: int
    place: int
    batch: NDArray[np.int32]
    image: NDArray[Any]
    label: int
    stages: tuple[Stage, ...]
    contributions: NDArray[np.float64] | None
    last: NDArray[np.float64] | None
    bias: NDArray[np.float64]
    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    cost: float
    batch_cost: float
    rate: float


class Activations(NamedTuple):
    """What each layer of cnn computes of one test row.

    Attributes:
        row: number of the test row.
        image: (*input_shape), as stored.
        label: its true class.
        layers: (name, (height, width, filters) or (units,) float32) of each layer, in order.
    """

    row: int
    image: NDArray[Any]
    label: int
    layers: tuple[tuple[str, NDArray[np.float32]], ...]


class Recognised(NamedTuple):
    """What the model takes a drawn digit for.

    Attributes:
        image: (height, width) uint8, the picture that the model sees.
        probabilities: (classes,) float64, each in [0, 1].
        predicted: number of the most probable class.
        class_names: of the classes.
    """

    image: NDArray[np.uint8]
    probabilities: NDArray[np.float64]
    predicted: int
    class_names: tuple[str, ...]
