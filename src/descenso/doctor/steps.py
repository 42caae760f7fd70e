"""Gather evidence on a user's training loop: one step, and the calls of a `tf.function`."""

import inspect
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from descenso.doctor.checks import examine
from descenso.doctor.evidence import SINGLE_ROWS, Array, Calls, Evidence, Finding, Rows, Step, size_read
from descenso.errors import ConfigError
from descenso.text import _

PROBES = 8  # rows
CLOSE = 1e-3  # nats
SHAPING = ("Identity", "Reshape", "Squeeze", "Cast", "StopGradient")  # operations that change no value

Function = Any  # a model, a loss or a tf.function


class Reads(NamedTuple):
    """What a loss reads, as far as known."""

    one_hot: bool | None = None  # whether labels are one-hot, and not class numbers
    logits: bool | None = None  # whether outputs are logits, and not probabilities
    kind: str = ""  # as `Step.loss`


def evidence_of_step(
    model: Function, loss: Function, inputs: Any, labels: Any, variables: Sequence[Any], first: bool, watched: bool
) -> Evidence:
    """Compute one step and gather its evidence, with the exception it raises; see `descenso.doctor.step`."""
    if not variables:
        return Evidence(step=Step(None, None, None, {}, frozen=len(model.weights)))
    labels = np.asarray(labels) if isinstance(labels, list | tuple) else labels
    outputs, cost, gradients, error = _attempt(model, loss, inputs, labels, variables, watched)
    names = [str(getattr(value, "path", f"variables[{place}]")) for place, value in enumerate(variables)]
    dtypes = [tf.as_dtype(value.dtype).name for value in variables]
    known: Array = np.asarray(labels)
    flat = _flat(outputs)
    reads = _reads_of(loss, _classes(flat, known), dtypes[0] if flat is None else str(flat.dtype))
    step = Step(
        cost=None if cost is None else float(cost),
        outputs=flat,
        logits=reads.logits,
        gradients=dict(zip(names, _arrays(gradients), strict=False)),
        plain=tuple(name for name, value in zip(names, variables, strict=True) if _is_plain(value)),
        dtypes=tuple(zip(names, dtypes, strict=True)),
        first=first,
        error=error,
        castable=error is not None
        and _attempt(model, loss, *_cast(inputs, labels, variables), variables, watched)[3] is None,
        loss=reads.kind,
        last="" if reads.logits is None else _last_operation(model, inputs),
        labels=known,
        weights={name: np.asarray(value) for name, value in zip(names, variables, strict=True) if len(value.shape) > 1},
        repeated=None if error else _cost(loss, *(tf.concat([each, each], 0) for each in (labels, outputs))),
        broadcast=_broadcast(loss, known, outputs),
        read=math.nan if error else size_read(_single(model, loss, inputs, labels, variables, watched)),
    )
    several = isinstance(inputs, dict | list | tuple)  # arrays of a model of several inputs
    read = np.zeros((len(known), 0)) if several else np.asarray(inputs)
    return Evidence(Rows(read, known, one_hot=reads.one_hot, whole=False), step)


def _attempt(
    model: Function, loss: Function, inputs: Any, labels: Any, variables: Sequence[Any], watched: bool
) -> tuple[Any, Any, list[Any], Exception | None]:
    """Return outputs, cost and gradients, as far as they were computed, and the exception, or None."""
    outputs = cost = None
    try:
        with tf.GradientTape() as tape:
            if watched:
                tape.watch([value for value in variables if _is_plain(value)])
            outputs = model(inputs)
            cost = tf.reduce_mean(loss(labels, outputs))
        return outputs, cost, tape.gradient(cost, list(variables)), None
    except Exception as raised:  # of TensorFlow or the user's functions: any of them is evidence
        return outputs, cost, [], raised


def _single(
    model: Function, loss: Function, inputs: Any, labels: Any, variables: Sequence[Any], watched: bool
) -> Iterator[dict[str, Array | None]]:
    """Yield the gradients of single rows, by the number of the variable."""
    for row in range(min(SINGLE_ROWS, len(labels))):
        one, known = tf.nest.map_structure(lambda array, row=row: array[row : row + 1], (inputs, labels))
        gradients = _attempt(model, loss, one, known, variables, watched)[2]
        yield dict(zip(map(str, range(len(variables))), _arrays(gradients), strict=False))


def _arrays(gradients: Sequence[Any]) -> list[Array | None]:
    return [None if value is None else np.asarray(tf.convert_to_tensor(value)) for value in gradients]


def _cost(loss: Function, labels: Any, outputs: Any) -> float | None:
    """Return the cost of these labels and outputs, or None if the loss raises an exception."""
    try:
        return float(tf.reduce_mean(loss(labels, outputs)))
    except Exception:  # the user's function may raise anything
        return None


def _broadcast(loss: Function, labels: Array, outputs: Any) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of labels and outputs, (rows,) and (rows, 1), if the loss does not pair them row by row.

    The loss is called with the labels as outputs. If it does not pair rows, it raises an exception, or its cost is
    another than for labels and outputs of the same shape.
    """
    shape = tuple(getattr(outputs, "shape", ()))
    if sorted([labels.shape, shape]) != [shape[:1], (*shape[:1], 1)] or labels.dtype.kind not in "iufb":
        return ()
    reshaped = tf.constant(labels.reshape(shape))
    given, right = (_cost(loss, each, tf.cast(reshaped, outputs.dtype)) for each in (tf.constant(labels), reshaped))
    alike = right is None or (given is not None and abs(given - right) <= CLOSE * max(1.0, abs(right)))
    return () if alike else (labels.shape, shape)


def _classes(outputs: Array | None, labels: Array) -> int:
    """Return the number of outputs of a row; without outputs, as many as the labels need."""
    if outputs is not None:
        return int(outputs.shape[1])
    return int(labels.shape[-1] if labels.ndim > 1 else labels.max() + 1) if labels.size else 2


def _flat(outputs: Any) -> Array | None:
    """Return outputs as (rows, classes), those of each pixel as rows; None for several arrays."""
    shape = getattr(outputs, "shape", ())
    if not len(shape):
        return None
    array = np.asarray(outputs)
    return array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1) if array.size else None


def _last_operation(model: Function, inputs: Any) -> str:
    """Return the type of the operation that computes the outputs, or "" if the model cannot be traced."""
    try:
        graph = tf.function(lambda: model(inputs), autograph=False).get_concrete_function().graph
        operation = graph.outputs[0].op
        while operation.type in SHAPING:
            operation = operation.inputs[0].op
    except Exception:  # the user's function may need arrays, and raise anything for symbolic tensors
        return ""
    return "" if "Call" in operation.type else str(operation.type)


def _is_plain(value: Any) -> bool:
    return not hasattr(value, "assign")


def _cast(inputs: Any, labels: Any, variables: Sequence[Any]) -> tuple[Any, Any]:
    """Cast inputs, and labels that are floats, to the dtype of the parameters."""
    dtype = variables[0].dtype
    floats = np.asarray(labels).dtype.kind == "f"
    return tf.cast(inputs, dtype), tf.cast(labels, dtype) if floats else labels


def _reads_of(loss: Function, classes: int, dtype: str) -> Reads:
    """Find out what `loss` reads, by calling it with rows whose cross-entropy is known in each case.

    A loss of another value that stays the same if a number is added to all outputs of a row reads logits.
    """
    random = np.random.default_rng(0)
    binary = random.uniform(0.1, 0.9, (PROBES, 1))
    truths = np.arange(PROBES)[:, None] % 2
    if classes == 1:
        for labels in (truths, truths[:, 0]):
            reads = _matched(loss, binary, tf.constant(labels, dtype), _binary(binary, truths), dtype, None)
            if reads.kind:
                return reads
    width = max(classes, 2)
    outputs = random.dirichlet(np.ones(width), PROBES) + CLOSE
    outputs /= outputs.sum(axis=1, keepdims=True)  # (PROBES, classes)
    places = np.arange(PROBES) % width
    right = np.take_along_axis(outputs, places[:, None], axis=1)[:, 0]
    logits = np.log(np.exp(outputs).sum(axis=1)) - right
    known = {("classes", True): logits.mean(), ("classes", False): -np.log(right).mean()}
    one_hot = np.eye(width)[places]
    known_one_hot = {**known, ("mean", False): known["classes", False] / width, **_binary(outputs, one_hot)}
    found = Reads()
    forms = {True: (tf.constant(one_hot, dtype), known_one_hot), False: (tf.constant(places), known)}
    for form, (labels, costs) in forms.items():
        reads = _matched(loss, outputs, labels, costs, dtype, form)
        if reads.kind:
            return reads._replace(one_hot=None) if reads.kind == "binary" else reads
        found = found if found.logits else reads
    return found if classes > 1 else Reads()


def _binary(outputs: Array, truths: Array) -> dict[tuple[str, bool], float]:
    """Return the cross-entropy of outputs with labels of 0 and 1, as logits and as probabilities."""
    logits = np.logaddexp(0, outputs) - outputs * truths
    probabilities = -np.log(np.where(truths == 1, outputs, 1 - outputs))
    return {("binary", True): logits.mean(), ("binary", False): probabilities.mean()}


def _matched(
    loss: Function, outputs: Array, labels: Any, known: dict[tuple[str, bool], float], dtype: str, one_hot: bool | None
) -> Reads:
    """Return what a loss reads if its value is a known one, or a sum of such values, or if it reads logits."""
    value, moved = (_cost(loss, labels, tf.constant(array, dtype)) for array in (outputs, outputs + 1))
    if value is None:
        return Reads()
    for (kind, logits), cost in known.items():
        if min(abs(value - cost), abs(value / len(outputs) - cost), abs(value / outputs.size - cost)) < CLOSE:
            return Reads(one_hot, logits, kind)
    scaled = _cost(loss, labels, tf.constant(2 * outputs, dtype))
    if moved is None or scaled is None or abs(moved - value) > CLOSE**2 or abs(scaled - value) < CLOSE:
        return Reads()
    return Reads(None, True)


class Watched:
    """A `tf.function` that warns once if it is traced too often, and names the argument that causes it."""

    def __init__(self, function: Function, warn: bool = True) -> None:
        if not hasattr(function, "experimental_get_tracing_count"):
            message = _("watch: {value!r} is no tf.function; try descenso.doctor.watch(tf.function(…))")
            raise ConfigError(message.format(value=function))
        self._function = function
        python: Any = getattr(function, "python_function", function)
        self._signature = inspect.signature(python)
        self._before: dict[str, str] = {}
        self._earlier = int(function.experimental_get_tracing_count())  # traces before `watch`
        self._warns = warn
        self.calls = Calls(getattr(python, "__name__", "function"), 0, 0, ())

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function."""
        result = self._function(*arguments, **named)
        name, calls, traces, changes = self.calls
        now = int(self._function.experimental_get_tracing_count()) - self._earlier
        bound = self._signature.bind(*arguments, **named).arguments
        described = {key: _described(value) for key, value in bound.items()}
        if now > traces and calls:
            changed = [(key, self._before.get(key, ""), value) for key, value in described.items()
                       if self._before.get(key) != value]  # fmt: skip
            changes = (*changes, *(changed or [("", "", "")]))
        self._before = described
        self.calls = Calls(name, calls + 1, now, changes)
        for finding in self.findings() if self._warns else ():
            self._warns = False
            warnings.warn(_("{saw}; try {mend}").format(saw=finding.saw, mend=finding.mend), stacklevel=2)
        return result

    def findings(self) -> list[Finding]:
        """Return the findings on the calls so far."""
        return examine(Evidence(calls=self.calls))


def _described(value: Any) -> str:
    """Describe an argument as far as it determines whether a function is traced again."""
    if isinstance(value, np.ndarray | tf.Tensor | tf.Variable):
        return f"tensor {tf.as_dtype(value.dtype).name} {tuple(value.shape)}"
    if isinstance(value, dict | list | tuple):
        return str(tf.nest.map_structure(_described, value))
    return repr(value)
