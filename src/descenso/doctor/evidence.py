"""What the doctor looks at: plain records, any part of which may be absent."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.runs.history import Epoch

SAMPLE = 1_000  # rows that stand for all where values are looked at, and that a gradient is taken over

Array = NDArray[Any]


class Rows(NamedTuple):
    """What is learned from.

    Attributes:
        inputs: (rows, *input_shape), as they are given or stored.
        labels: (rows,) or (rows, num_classes).
        test: rows to test on, or None.
        one_hot: whether the loss reads one-hot labels; None where that is not known.
        whole: whether these are all rows, and not one batch of them.
        order: in which they are walked, as `descenso.data.order` has it.
        scale, shift: what inputs are brought to a model by.
    """

    inputs: Array
    labels: Array
    test: Split | None = None
    one_hot: bool | None = False
    whole: bool = True
    order: str = "permutation"
    scale: float | Array = 1.0
    shift: float | Array = 0.0

    @classmethod
    def of(cls, data: Dataset, order: str = "permutation") -> "Rows":
        """Those of a dataset, which knows how they are scaled."""
        return cls(*data.train, data.test, order=order, scale=data.input_scale, shift=data.input_shift)

    @property
    def sample(self) -> Array:
        """Some of the inputs, from first to last, so that sorted rows are seen too."""
        return self.inputs[:: max(1, len(self.inputs) // SAMPLE)]

    @property
    def given(self) -> NDArray[np.float64]:
        """The sample as a model is given it."""
        return (self.sample.astype(np.float64) - self.shift) * self.scale

    @property
    def classes(self) -> Array:
        """(rows,) the label of each row, whichever way it is written."""
        return self.labels.argmax(axis=1) if self.labels.ndim > 1 else self.labels


class Step(NamedTuple):
    """What one step showed.

    Attributes:
        cost: mean over its rows, in nats; None where it could not be computed.
        outputs: (rows, num_classes), what the model gave to the loss; None likewise.
        logits: whether the loss takes them for logits; None where that is not known.
        gradients: by the name of the parameter; None for one that the tape found no way to.
        plain: names of the parameters that are tensors, and no variables.
        dtypes: name and dtype of each parameter.
        first: whether nothing has been learned yet.
        error: what TensorFlow raised, or None.
        castable: whether nothing is raised once inputs and labels are cast to the precision of the parameters.
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
        """The finite gradients of the parameters that have inputs and units, their last axis, from first to last."""
        found = {name: array for name, array in self.gradients.items() if array is not None and array.ndim > 1}
        return {name: array for name, array in found.items() if np.isfinite(array).all()}

    @property
    def widest(self) -> tuple[str, float]:
        """Of which parameter the gradient is the largest, and its norm; 0 where there is none."""
        norms = {name: float(np.linalg.norm(array)) for name, array in self.kernels.items()}
        return max(norms.items(), key=lambda each: each[1], default=("", 0.0))


class Course(NamedTuple):
    """How a descent went.

    Attributes:
        config: its settings.
        num_classes: of its data.
        steps: how many were walked, about.
        costs: of each epoch, in nats.
        validation_costs: after each epoch, in nats; empty without validation.
        outcome: as of a run.
        early: costs of the first steps, in nats; empty where they were not walked again.
        suggested_rate: what a range test found, or None where there was none, or it found nothing.
        tested: whether there was one.
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
    def of(cls, config: TrainConfig, data: Dataset, epochs: Sequence[Epoch], outcome: str) -> "Course":
        """From a history, and the data before validation's rows are held back."""
        rows = len(data.train.labels) - config.validation_rows(len(data.train.labels))
        steps = len(epochs) * -(-rows // config.batch_rows(rows))
        judged = [epoch.validation_cost for epoch in epochs if epoch.validation_cost is not None]
        return cls(config, data.num_classes, steps, [epoch.cost for epoch in epochs], judged, outcome)

    @property
    def ignorance(self) -> float:
        """ln C, the cost of one who knows nothing."""
        return math.log(self.num_classes)


class Calls(NamedTuple):
    """How a `tf.function` was called.

    Attributes:
        name: its own.
        calls: how many there were.
        traces: how many of them Python was traced in.
        changes: (argument, before, after) of each trace but the first; the argument is empty where none had changed.
    """

    name: str
    calls: int
    traces: int
    changes: tuple[tuple[str, str, str], ...]


class Evidence(NamedTuple):
    """All that was gathered.

    Attributes:
        rows: what is learned from.
        step: one step from the start, or of one's own.
        last: one more from where the descent has come to.
        course: how it went.
        calls: of a function.
    """

    rows: Rows | None = None
    step: Step | None = None
    last: Step | None = None
    course: Course | None = None
    calls: Calls | None = None


class Seen(NamedTuple):
    """What a rule saw, and the line that mends it."""

    saw: str
    mend: str


class Finding(NamedTuple):
    """A mistake, as it is told.

    Attributes:
        rule: its name.
        severity: "error", what is learned cannot be right; "warning", it may be right, and could be better.
        saw: what was seen.
        why: why it matters.
        mend: the line that mends it.
    """

    rule: str
    severity: str
    saw: str
    why: str
    mend: str
