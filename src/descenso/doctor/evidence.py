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
Observation = tuple[str, str]  # what a check saw, and the line that mends it


class Rows(NamedTuple):
    """Training rows."""

    inputs: Array  # (rows, *input_shape), before scaling
    labels: Array  # (rows,) or (rows, num_classes)
    test: Split | None = None  # test rows
    one_hot: bool | None = False  # whether the loss reads one-hot labels; None if unknown
    whole: bool = True  # whether these are all rows, and not one batch of them
    order: str = "permutation"  # order of the rows in an epoch; see `descenso.data.order`
    scaling: Scaling = Scaling()  # of the inputs; the model reads (inputs - shift) * scale

    @classmethod
    def of(cls, data: Dataset, order: str = "permutation") -> "Rows":
        """Return the training and test rows of a dataset, with its scaling."""
        return cls(data.train.inputs, data.train.labels, data.test, order=order, scaling=data.scaling)

    @property
    def sample(self) -> Array:
        """About `SAMPLE` inputs at equal distances, so that those of sorted rows are of all classes."""
        return self.inputs[:: max(1, len(self.inputs) // SAMPLE)]

    @property
    def classes(self) -> Array:
        """(rows,) the class of each row, also of one-hot labels."""
        return self.labels.argmax(axis=1) if self.labels.ndim > 1 else self.labels


class Step(NamedTuple):
    """One step: cost, outputs and gradients."""

    cost: float | None  # mean over the rows, in nats; None if it could not be computed
    outputs: Array | None  # (rows, num_classes), outputs of the model; None likewise
    logits: bool | None  # whether the loss reads outputs as logits; None if unknown
    gradients: dict[str, Array | None]  # by parameter; None for one that does not lead to the cost
    plain: tuple[str, ...] = ()  # names of the parameters that are tensors, not variables
    dtypes: tuple[tuple[str, str], ...] = ()  # name and dtype of each parameter
    first: bool = True  # whether the model is untrained
    error: Exception | None = None  # exception that TensorFlow raised
    castable: bool = False  # whether the step succeeds with inputs and labels cast to the dtype of the parameters

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
    """Costs and outcome of a training run."""

    config: TrainConfig  # settings of the run
    num_classes: int
    steps: int  # number of steps, approximately
    costs: list[float]  # cost of each epoch, in nats
    validation_costs: list[float]  # after each epoch, in nats; empty without validation
    outcome: str  # as that of `Run`
    early: tuple[float, ...] = ()  # costs of the first steps, in nats; empty if they were not repeated
    suggested_rate: float | None = None  # learning rate that a range test found, if any
    tested: bool = False  # whether a range test was made

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
    """Calls and traces of a `tf.function`; `changes` has an entry for each trace but the first."""

    name: str  # of the function
    calls: int  # number of calls
    traces: int  # number of traces
    changes: tuple[tuple[str, str, str], ...]  # argument, before, after; "" if no argument had changed


class Evidence(NamedTuple):
    """All evidence on data, a training run, a step or a function."""

    rows: Rows | None = None  # training and test rows
    step: Step | None = None  # one step from the initial weights, or of the user's loop
    last: Step | None = None  # one step from the final weights
    course: Course | None = None  # costs and outcome of the run
    calls: Calls | None = None  # calls of a function


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
