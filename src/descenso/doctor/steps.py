"""Gather evidence on a user's training loop: one step, and the calls of a `tf.function`."""

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from descenso.doctor.checks import examine
from descenso.doctor.evidence import Array, Calls, Evidence, Finding, Rows, Step
from descenso.errors import ConfigError
from descenso.text import _

PROBES = 8  # rows
CLOSE = 1e-3  # nats

Function = Any  # a model, a loss or a tf.function


def evidence_of_step(
    model: Function, loss: Function, inputs: Any, labels: Any, variables: Sequence[Any], first: bool, watched: bool
) -> Evidence:
    """Compute one step and gather its evidence, with the exception it raises; see `descenso.doctor.step`."""
    outputs, cost, gradients, error = _attempt(model, loss, inputs, labels, variables, watched)
    names = [str(getattr(value, "path", f"variables[{place}]")) for place, value in enumerate(variables)]
    dtypes = [tf.as_dtype(value.dtype).name for value in variables]
    classes = outputs.shape[-1] if outputs is not None and len(outputs.shape) == 2 else None
    dtype = dtypes[0] if classes is None else tf.as_dtype(outputs.dtype).name
    known: Array = np.asarray(labels)
    one_hot, logits = _reads_of(loss, classes or int(known.shape[-1] if known.ndim > 1 else known.max() + 1), dtype)
    arrays = [None if value is None else np.asarray(tf.convert_to_tensor(value)) for value in gradients]
    step = Step(
        cost=None if cost is None else float(cost),
        outputs=None if classes is None else np.asarray(outputs),
        logits=logits,
        gradients=dict(zip(names, arrays, strict=False)),
        plain=tuple(name for name, value in zip(names, variables, strict=True) if _is_plain(value)),
        dtypes=tuple(zip(names, dtypes, strict=True)),
        first=first,
        error=error,
        castable=error is not None
        and _attempt(model, loss, *_cast(inputs, labels, variables), variables, watched)[3] is None,
    )
    return Evidence(Rows(np.asarray(inputs), known, one_hot=one_hot, whole=False), step)


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
    except Exception as raised:  # any exception of TensorFlow or the user's functions is evidence
        return outputs, cost, [], raised


def _is_plain(value: Any) -> bool:
    return not hasattr(value, "assign")


def _cast(inputs: Any, labels: Any, variables: Sequence[Any]) -> tuple[Any, Any]:
    """Cast inputs, and labels that are floats, to the dtype of the parameters."""
    dtype = variables[0].dtype
    floats = np.asarray(labels).dtype.kind == "f"
    return tf.cast(inputs, dtype), tf.cast(labels, dtype) if floats else labels


def _reads_of(loss: Function, classes: int, dtype: str) -> tuple[bool | None, bool | None]:
    """Whether `loss` reads one-hot labels, and whether it reads outputs as logits; None, None if unknown.

    It is called with rows whose cross-entropy is known in each case.
    """
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(max(classes, 2)), PROBES) + CLOSE
    probabilities /= probabilities.sum(axis=1, keepdims=True)  # (PROBES, classes)
    places = np.arange(PROBES) % max(classes, 2)
    right = np.take_along_axis(probabilities, places[:, None], axis=1)[:, 0]
    as_logits = np.log(np.exp(probabilities).sum(axis=1)) - right
    known = {True: as_logits.mean(), False: -np.log(right).mean()}
    outputs = tf.constant(probabilities, dtype)
    for one_hot, labels in ((True, tf.one_hot(places, max(classes, 2), dtype=dtype)), (False, tf.constant(places))):
        try:
            value = float(tf.reduce_mean(loss(labels, outputs)))
        except Exception:  # noqa: S112 - the user's loss may raise anything for labels that it does not read
            continue
        for logits, cost in known.items():
            if abs(value - cost) < CLOSE:
                return one_hot, logits
    return None, None


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
        self._warns = warn
        self.calls = Calls(getattr(python, "__name__", "function"), 0, 0, ())

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function."""
        result = self._function(*arguments, **named)
        name, calls, traces, changes = self.calls
        now = int(self._function.experimental_get_tracing_count())
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
