"""Records of the evidence that the doctor's checks read; any part of it may be absent."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Scaling, Split
from descenso.runs.history import Epoch, History

SAMPLE = 1_000  # rows whose values are checked, and over which a gradient is taken

Array = NDArray[Any]


class Rows(NamedTuple):
    """Training rows.

    Attributes:
        inputs: (rows, *input_shape), before scaling.
        labels: (rows,) or (rows, num_classes).
        test: test rows, or None.
        one_hot: whether the loss reads one-hot labels; None if unknown.
        whole: whether these are all rows, and not one batch of them.
        order: order of the rows in an epoch; see `descenso.data.order`.
        scaling: of the inputs; the model reads (inputs - shift) * scale.
    """

    inputs: Array
    labels: Array
    test: Split | None = None
    one_hot: bool | None = False
    whole: bool = True
    order: str = "permutation"
    scaling: Scaling = Scaling()

    @classmethod
    def of(cls, data: Dataset, order: str = "permutation") -> "Rows":
        """Return the training and test rows of a dataset, with its scaling."""
        return cls(data.train.inputs, data.train.labels, data.test, order=order, scaling=data.scaling)

    @property
    def sample(self) -> Array:
        """About `SAMPLE` inputs at equal distances, so that those of sorted rows are of all classes."""
        return self.inputs[:: max(1, len(self.inputs) // SAMPLE)]

    @property
    def scaled(self) -> NDArray[np.float64]:
        """The sample as the model reads it."""
        return (self.sample.astype(np.float64) - self.scaling.shift) * self.scaling.scale

    @property
    def classes(self) -> Array:
        """(rows,) the class of each row, also of one-hot labels."""
        return self.labels.argmax(axis=1) if self.labels.ndim > 1 else self.labels


class Step(NamedTuple):
    """One step: cost, outputs and gradients.

    Attributes:
        cost: mean over the rows, in nats; None if it could not be computed.
        outputs: (rows, num_classes), outputs of the model; None likewise.
        logits: whether the loss reads outputs as logits; None if unknown.
        gradients: by the name of the parameter; None for one that does not lead to the cost.
        plain: names of the parameters that are tensors, not variables.
        dtypes: name and dtype of each parameter.
        first: whether the model is untrained.
        error: exception that TensorFlow raised, or None.
        castable: whether the step succeeds with inputs and labels cast to the dtype of the parameters.
    """

    cost: float | None
    outputs: Array | None
    logits: bool | None
    gradients: dict[str, Array | None]
    plain: tuple[str, ...] = ()
    dtypes: tuple[tuple[str, str], ...] = ()
    first: bool = True
    error: Exception | None = None
    castable: bool = False

    @property
    def kernels(self) -> dict[str, Array]:
        """The finite gradients of kernels, (…, units), from the first layer to the last."""
        kernels = {name: array for name, array in self.gradients.items() if array is not None and array.ndim > 1}
        return {name: array for name, array in kernels.items() if np.isfinite(array).all()}

    @property
    def largest_gradient(self) -> tuple[str, float]:
        """Name and norm of the kernel gradient with the largest norm; "" and 0 without any."""
        norms = {name: float(np.linalg.norm(array)) for name, array in self.kernels.items()}
        name = max(norms, key=norms.__getitem__, default="")
        return name, norms.get(name, 0.0)


class Course(NamedTuple):
    """Costs and outcome of a training run.

    Attributes:
        config: settings of the run.
        num_classes: number of classes.
        steps: number of steps, approximately.
        costs: cost of each epoch, in nats.
        validation_costs: validation cost after each epoch, in nats; empty without validation.
        outcome: as that of `Run`.
        early: costs of the first steps, in nats; empty if they were not repeated.
        suggested_rate: learning rate that a range test found; None without a test, or if it found none.
        tested: whether a range test was made.
    """

    config: TrainConfig
    num_classes: int
    steps: int
    costs: list[float]
    validation_costs: list[float]
    outcome: str
    early: tuple[float, ...] = ()
    suggested_rate: float | None = None
    tested: bool = False

    @classmethod
    def of(cls, config: TrainConfig, data: Dataset, epochs: tuple[Epoch, ...], outcome: str) -> "Course":
        """Return the course of a run from its history and its data, with the validation rows."""
        rows = len(data.train.labels) - config.validation_rows(len(data.train.labels))
        steps = len(epochs) * -(-rows // config.batch_rows(rows))
        history = History(epochs)
        return cls(config, data.num_classes, steps, history.costs, history.validation_costs, outcome)

    @property
    def uniform_cost(self) -> float:
        """ln C, the cost of equal probabilities."""
        return math.log(self.num_classes)


class Calls(NamedTuple):
    """Calls and traces of a `tf.function`.

    Attributes:
        name: name of the function.
        calls: number of calls.
        traces: number of traces.
        changes: (argument, before, after) of each trace but the first; "" if no argument had changed.
    """

    name: str
    calls: int
    traces: int
    changes: tuple[tuple[str, str, str], ...]


class Evidence(NamedTuple):
    """All evidence on data, a training run, a step or a function.

    Attributes:
        rows: training and test rows.
        step: one step from the initial weights, or of the user's loop.
        last: one step from the final weights.
        course: costs and outcome of the run.
        calls: calls of a function.
    """

    rows: Rows | None = None
    step: Step | None = None
    last: Step | None = None
    course: Course | None = None
    calls: Calls | None = None


class Observation(NamedTuple):
    """What a check saw, and the line that mends it."""

    saw: str
    mend: str


class Finding(NamedTuple):
    """A mistake that was found.

    Attributes:
        rule: name of the check.
        severity: "error" if the model cannot be right; "warning" if it may be right, but could be better.
        saw: what was seen.
        why: reason why it matters.
        mend: line of code, or option, that mends it.
    """

    rule: str
    severity: str
    saw: str
    why: str
    mend: str
