"""Records of the evidence that the doctor's checks read; any part of it may be absent."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Scaling, Split
from descenso.runs.history import Epoch, History

SAMPLE = 1_000  # rows whose values are checked, and over which a gradient is taken
FEW_COLUMNS = 64  # rows with fewer are not flattened images
MOST_NUMBERS = 2**24  # of the inputs that are drawn
SINGLE_ROWS = 5  # whose gradients are taken one by one
LEAST_ROWS = 20  # of which statistics are compared
OF_A_CLASS = 20  # rows, from which simple models learn something
LEARNABLE_ROWS = 200  # from which simple models learn something, where there is something to learn
FIND_SECONDS = 20  # that a search for the learning rate may take, about

NOT_SCALED = Scaling()

Array = NDArray[Any]
Observation = tuple[str, str]  # what a check saw, and the line that mends it


@dataclass(frozen=True, eq=False)
class Rows:
    """Training rows, and statistics that several checks read, each computed once."""

    inputs: Array  # (rows, *input_shape), before scaling
    labels: Array  # (rows,) or (rows, num_classes)
    test: Split | None = None  # test rows
    one_hot: bool | None = False  # whether the loss reads one-hot labels; None if unknown
    whole: bool = True  # whether these are all rows, and not one batch of them
    order: str = "permutation"  # order of the rows in an epoch; see `descenso.data.order`
    scaling: Scaling = NOT_SCALED  # of the inputs; the model reads (inputs - shift) * scale
    class_names: tuple[str, ...] = ()  # one a class; empty if unknown
    columns: tuple[str, ...] = ()  # names of a table's inputs; empty if unknown
    regression: bool = False  # whether the labels are numbers to predict, and not classes

    @classmethod
    def of(cls, data: Dataset, order: str = "permutation") -> "Rows":
        """Return the training and test rows of a dataset, with its scaling."""
        return cls(
            data.train.inputs, data.train.labels, data.test, order=order, scaling=data.scaling,
            class_names=data.class_names, columns=data.columns,
        )  # fmt: skip

    @cached_property
    def sample(self) -> Array:
        """At most `SAMPLE` inputs, fewer of large ones, drawn from all rows; 0 where one is not finite."""
        drawn = drawn_from(self.inputs)
        return np.where(np.isfinite(drawn), drawn, 0).astype(drawn.dtype) if drawn.dtype.kind == "f" else drawn

    @cached_property
    def classes(self) -> Array | None:
        """(rows,) the class of each row, also of one-hot labels; None if a row has not one class."""
        return None if self.regression else _classes(self.labels)

    @cached_property
    def test_classes(self) -> Array | None:
        """(test rows,) the class of each test row; None likewise."""
        return _classes(self.test.labels) if self.test and not self.regression else None

    @property
    def numeric(self) -> bool:
        """Whether the inputs are numbers."""
        return self.inputs.dtype.kind in "iufb" and bool(self.inputs.size)

    @property
    def images(self) -> bool:
        """Whether the inputs may be images, flattened or not."""
        flat = self.inputs.ndim == 2 and self.inputs.shape[1] >= FEW_COLUMNS
        return self.numeric and (self.inputs.ndim > 2 or flat)

    @property
    def table(self) -> bool:
        """Whether the inputs are a table of a few columns, with all of its rows."""
        return self.numeric and self.whole and self.inputs.ndim == 2 and self.inputs.shape[1] < FEW_COLUMNS

    @cached_property
    def pair(self) -> tuple[Array, Array] | None:
        """At most `SAMPLE` training rows and test rows, (rows, columns) float64; None if they cannot be compared."""
        test = self.test.inputs if self.test else self.inputs[:0]
        if not self.numeric or test.dtype.kind not in "iufb" or test.shape[1:] != self.inputs.shape[1:]:
            return None
        if min(len(test), len(self.inputs)) < LEAST_ROWS:
            return None
        flat = (array.reshape(len(array), -1).astype(np.float64) for array in (self.sample, drawn_from(test)))
        return tuple(np.where(np.isfinite(array), array, 0) for array in flat)  # type: ignore[return-value] # of two

    @cached_property
    def learnable(self) -> "Learnable":
        """What simple models learn from the rows."""
        return _learnable(self)


class Learnable(NamedTuple):
    """Test of nearest neighbours, and of ridge regression on inputs or squares, on rows held back; NaN if too few."""

    accuracy: float = math.nan  # of the best one, in [0, 1]
    chance: float = math.nan  # the highest accuracy that chance explains
    nearness: float = math.nan  # median distance of a row to the nearest other one, as a share of that to all others


def drawn_from(inputs: Array) -> Array:
    """Draw at most `SAMPLE` rows, always the same, in their order; fewer if they are large."""
    return inputs[draw(inputs, SAMPLE)]


def draw(inputs: Array, rows: int) -> NDArray[np.int64]:
    """Draw the numbers of at most `rows` rows; fewer if they are large."""
    most = min(rows, max(LEAST_ROWS, MOST_NUMBERS // max(1, inputs[:1].size)))
    return np.sort(np.random.default_rng(0).permutation(len(inputs))[:most])


def _classes(labels: Array) -> Array | None:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all():
        return np.asarray(labels.argmax(axis=1))
    return labels if labels.ndim == 1 else None


def at_chance(shares: Array, rows: int) -> float:
    """Return the highest accuracy on `rows` rows that guessing the largest class explains: two standard errors more."""
    largest = float(shares.max())
    return largest + 2 * math.sqrt(largest * (1 - largest) / rows)


def _learnable(rows: Rows) -> Learnable:
    classes = rows.classes
    if classes is None or not rows.numeric or len(classes) < LEARNABLE_ROWS or not (classes != classes[0]).any():
        return Learnable()
    drawn = draw(rows.inputs, 2 * SAMPLE)
    drawn = np.random.default_rng(1).permutation(drawn)  # of rows sorted by class, both halves have all
    x = rows.inputs[drawn].reshape(len(drawn), -1).astype(np.float64)
    x = np.where(np.isfinite(x), x, 0)
    x = _standardised(x)
    codes = np.unique(classes[drawn], return_inverse=True)[1]
    if codes.max() >= len(codes) / OF_A_CLASS:
        return Learnable()
    half = len(drawn) // 2
    known, wanted = codes[:half], codes[half:]
    fitted, held = x[:half], x[half:]
    squares = (held**2).sum(axis=1, keepdims=True) + (fitted**2).sum(axis=1) - 2 * held @ fitted.T
    distances = np.sqrt(np.maximum(squares, 0))  # (held rows, fitted rows)
    nearness = float(np.median(distances.min(axis=1)) / max(float(np.median(distances)), 1e-12))
    one_hot = np.eye(codes.max() + 1)[known]
    guesses = [known[distances.argmin(axis=1)], _ridge(x, one_hot), _ridge(_standardised(x**2), one_hot)]
    accuracy = max(float((guess == wanted).mean()) for guess in guesses)
    return Learnable(accuracy, at_chance(np.bincount(wanted) / len(wanted), len(wanted)), nearness)


def _standardised(x: Array) -> Array:
    deviation = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1))


def _ridge(x: Array, one_hot: Array) -> Array:
    """Predict classes by kernel ridge regression, which has as many unknowns as rows to fit."""
    half, shares = len(one_hot), one_hot.mean(axis=0)
    kernel = x @ x[:half].T
    weights = np.linalg.solve(kernel[:half] + half * np.eye(half), one_hot - shares)
    return np.asarray((kernel[half:] @ weights + shares).argmax(axis=1))


class Step(NamedTuple):
    """One step: cost, outputs and gradients."""

    cost: float | None  # mean over the rows, in nats; None if it could not be computed
    outputs: Array | None  # (rows, num_classes), outputs of the model; None likewise
    logits: bool | None  # whether the loss reads outputs as logits; None if unknown
    gradients: Mapping[str, Array | None]  # by parameter; None for one on which the cost does not depend
    plain: tuple[str, ...] = ()  # names of the parameters that are tensors, not variables
    dtypes: tuple[tuple[str, str], ...] = ()  # name and dtype of each parameter
    first: bool = True  # whether the model is untrained
    error: Exception | None = None  # exception that TensorFlow raised
    castable: bool = False  # whether the step succeeds with inputs and labels cast to the dtype of the parameters
    loss: str = ""  # kind of cross-entropy: "classes", "binary", "mean" of a wrong axis; "" if unknown
    last: str = ""  # type of the operation that ends the model, such as "Relu"; "" if unknown
    labels: Array | None = None  # those of the rows
    weights: Mapping[str, Array] = {}  # by parameter, those of two dimensions and more
    repeated: float | None = None  # cost of all rows twice
    broadcast: tuple[tuple[int, ...], ...] = ()  # shapes of labels and outputs, if the loss pairs each with each
    frozen: int = 0  # number of variables, if none of them is trained
    read: float = math.nan  # size of the numbers that the first layer reads; NaN if unknown

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

    @property
    def right(self) -> Array | None:
        """(rows,) whether the class of the largest output is that of the row; None if unknown."""
        if self.outputs is None or self.labels is None or len(self.outputs) != len(self.labels):
            return None
        return np.asarray(self.outputs.argmax(axis=1) == self.labels)


def size_read(rows: Iterable[Mapping[str, Array | None]]) -> float:
    """Estimate the size of the numbers that the first layer reads, from the gradients of single rows.

    The gradient of a kernel is δ x, that of its bias δ.
    """
    sizes = []
    for gradients in rows:
        arrays = list(gradients.values())
        place = next((place for place, array in enumerate(arrays[:-1]) if array is not None and array.ndim > 1), None)
        if place is None or (kernel := arrays[place]) is None or (bias := arrays[place + 1]) is None:
            continue
        if bias.shape == kernel.shape[-1:] and (norm := float(np.linalg.norm(bias))) > 0:
            sizes.append(float(np.linalg.norm(kernel)) / norm / math.sqrt(kernel[..., 0].size))
    return float(np.median(sizes)) if sizes else math.nan


class Course(NamedTuple):
    """Costs and outcome of a training run."""

    config: TrainConfig  # settings of the run
    num_classes: int
    steps: int  # number of steps, approximately
    costs: list[float]  # cost of each epoch, in nats
    validation_costs: list[float]  # after each epoch, in nats; empty without validation
    outcome: str  # as that of `Run`
    early: tuple[float, ...] = ()  # costs of the first steps, in nats; empty if they were not repeated
    suggested_rate: float | None = None  # the fastest safe learning rate of short runs, if any
    tested: bool = False  # whether it was searched for

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
    test: Step | None = None  # outputs for test rows, with the final weights
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
        cause: name of an earlier finding that explains this one; "" if there is none.
    """

    rule: str
    severity: str
    saw: str
    why: str
    mend: str
    cause: str = ""
