"""Checks of the user's own rule, schedule and loss: what they take and return, at each call."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from descenso.descent.problem import Loss, Params, Rule, RuleState, Schedule, Tensor
from descenso.errors import ConfigError, DescensoError
from descenso.registry import RULES
from descenso.text import _

as_written: Callable[[Any], Any] = (
    tf.autograph.experimental.do_not_convert
)  # so that a Python `if` on a tensor fails on all engines alike


def rule(name: str, given: Any) -> Rule:
    """Check a rule of the user's own, or the function that makes it; the rule checks its arguments and results.

    Raises:
        ConfigError: for anything else, and for functions that take other arguments.
    """
    subject, mend = _("rule {name}").format(name=name), _("write descenso.Rule(init, update)")
    if hasattr(given, "apply_gradients"):
        message = _("{subject}: it is a Keras optimizer, which updates variables in place; try --rule {like}")
        like = getattr(given, "name", "adam")
        raise ConfigError(message.format(subject=subject, like=like if like in RULES else "adam"))
    made = given
    if not isinstance(given, Rule):
        if not callable(given):
            message = _("{subject}: expected a descenso.Rule, or a function that makes one, got {kind}; {mend}")
            raise ConfigError(message.format(subject=subject, kind=type(given).__name__, mend=mend))
        if not _takes(given, 0):
            message = _("{subject}: {function} takes {arguments}, and is called without any; {mend}")
            raise ConfigError(message.format(subject=subject, function=_called(given), arguments=_arguments(given),
                                             mend=mend))  # fmt: skip
        made = _call(subject, given)
    if not isinstance(made, Rule):
        message = _("{subject}: it made {kind}, expected a descenso.Rule; {mend}")
        raise ConfigError(message.format(subject=subject, kind=_kind(made), mend=mend))
    _refuse_signature(subject, "init", made.init, ["params"])
    _refuse_signature(subject, "update", made.update, ["gradients", "state", "params", "learning_rate"])
    return _checking(subject, made)


def _checking(subject: str, given: Rule) -> Rule:
    @as_written
    def init(params: Params) -> RuleState:
        state = _call(_("{subject}: init").format(subject=subject), given.init, dict(params))
        if not isinstance(state, dict):
            message = _("{subject}: init returned {kind}, expected a dict of tensors by name; return {{}} for no state")
            raise ConfigError(message.format(subject=subject, kind=_kind(state)))
        _leaves(_("{subject}: init").format(subject=subject), state)
        return state

    @as_written
    def update(gradients: Params, state: RuleState, params: Params, learning_rate: Tensor) -> tuple[Params, RuleState]:
        where = _("{subject}: update").format(subject=subject)
        returned = _call(where, given.update, dict(gradients), state, dict(params), learning_rate)
        if not (isinstance(returned, tuple | list) and len(returned) == 2):
            message = _("{where} returned {kind}, expected (updates, state); end it with return updates, state")
            raise ConfigError(message.format(where=where, kind=_kind(returned)))
        updates, following = returned
        if _names(updates) == _names(state) != _names(params) == _names(following):
            message = _("{where} returned its state first; end it with return updates, state")
            raise ConfigError(message.format(where=where))
        for what, nest, like in ((_("updates"), updates, params), (_("state"), following, state)):
            _refuse_other(_("{where}, {what}").format(where=where, what=what), nest, like)
        return updates, following

    return Rule(init, update, given.result)


def _names(nest: Any) -> list[str] | None:
    return sorted(nest) if isinstance(nest, dict) and all(isinstance(name, str) for name in nest) else None


def _refuse_other(where: str, nest: Any, like: Mapping[str, Any]) -> None:
    """Refuse a nest of tensors whose names, shapes or dtypes are not those of `like`."""
    if not isinstance(nest, dict):
        message = _("{where}: got {kind}, expected a dict with the keys {keys}")
        raise ConfigError(message.format(where=where, kind=_kind(nest), keys=_listed(like)))
    found, expected = _leaves(where, nest), _leaves(where, like)
    if found.keys() != expected.keys():
        missing, further = [name for name in expected if name not in found], [n for n in found if n not in expected]
        message = _("{where}: the keys are {found}, expected {expected} (missing: {missing}; further: {further})")
        lists = {"found": found, "expected": expected, "missing": missing, "further": further}
        said = {name: _listed(names) or _("none") for name, names in lists.items()}
        raise ConfigError(message.format(where=where, **said))
    for name, value in expected.items():
        got = found[name]
        if got.dtype != value.dtype or not got.shape.is_compatible_with(value.shape):
            mend = _("try tf.cast(…, {dtype})").format(dtype=_like(value)) if got.dtype != value.dtype else _(
                "the operations are by component")  # fmt: skip
            message = _("{where}: {name} is {found}, expected {expected}; {mend}")
            raise ConfigError(
                message.format(where=where, name=name, found=_kind(got), expected=_kind(value), mend=mend)
            )


def _like(value: Tensor) -> str:
    return f"tf.{tf.as_dtype(value.dtype).name}"


def _leaves(where: str, nest: Mapping[str, Any], path: str = "") -> dict[str, Tensor]:
    """Return the tensors of nested dicts by their paths; refuse anything else in them."""
    found: dict[str, Tensor] = {}
    for name, value in nest.items():
        if not isinstance(name, str) or (path + name) in found:
            message = _("{where}: the key {name!r} is no text, or is there twice; name the tensors by texts")
            raise ConfigError(message.format(where=where, name=name))
        if isinstance(value, dict):
            found |= _leaves(where, value, f"{path}{name}/")
        elif tf.is_tensor(value) and not isinstance(value, tf.Variable):
            found[path + name] = value
        else:
            message = _("{where}: {name} is {kind}, expected a tensor; try {mend}")
            mend = f"tf.constant({value!r})" if isinstance(value, bool | int | float) else "tf.convert_to_tensor(…)"
            raise ConfigError(message.format(where=where, name=path + name, kind=_kind(value), mend=mend))
    return found


def schedule(name: str, given: Any) -> Callable[[int], Schedule]:
    """Check a schedule of the user's own, a function of the step, or of it and the number of steps.

    Returns:
        A function from the number of steps to the schedule, which checks each share.

    Raises:
        ConfigError: for anything else.
    """
    subject = _("schedule {name}").format(name=name)
    if not callable(given):
        message = _("{subject}: expected a function of the step, got {kind}; {mend}")
        mend = _("write def {name}(step, steps): return 1 - step / steps").format(name=_identifier(name))
        raise ConfigError(message.format(subject=subject, kind=_kind(given), mend=mend))
    if any(base.__name__ == "LearningRateSchedule" for base in type(given).__mro__):
        message = _("{subject}: it is one of Keras, which returns a learning rate, not a share of it; {mend}")
        mend = _("write schedule=lambda step: f(step) / f(0)")
        raise ConfigError(message.format(subject=subject, mend=mend))
    with_steps = _takes(given, 2) and (not _takes(given, 1) or "steps" in _parameters(given))
    if not with_steps:
        _refuse_signature(subject, "", given, ["step"])

    def of(steps: int) -> Schedule:
        @as_written
        def share(step: Tensor) -> Tensor:
            done = tf.cast(step, tf.float64)
            value = _call(subject, given, *((done, steps) if with_steps else (done,)))
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not (number or (tf.is_tensor(value) and value.shape in ((), done.shape) and value.dtype != tf.bool)):
                message = _("{subject}: it returned {kind}, expected the share of the learning rate, a scalar")
                raise ConfigError(message.format(subject=subject, kind=_kind(value)))
            return tf.broadcast_to(tf.cast(value, tf.float64), tf.shape(done))

        checked: Schedule = share
        return checked

    return of


def loss(name: str, given: Any) -> Loss:
    """Check a loss of the user's own, a function of logits and labels, and of weights of the rows.

    Raises:
        ConfigError: for anything else, such as a loss of Keras, which takes the labels first.
    """
    subject = _("loss {name}").format(name=name)
    example = _("write loss=lambda logits, labels: …, which returns the cost of each row or their mean")
    if not callable(given):
        raise ConfigError(_("{subject}: expected a function of logits and labels, got {kind}; {mend}").format(
            subject=subject, kind=_kind(given), mend=example))  # fmt: skip
    if _backwards(given, ("y_true", "labels", "targets", "label", "target")):
        message = _("{subject}: it takes {arguments}, expected (logits, labels); {mend}")
        mend = _("write loss=lambda logits, labels: f(labels, logits)")
        raise ConfigError(message.format(subject=subject, arguments=_arguments(given), mend=mend))
    weighs = _takes(given, 3) and (not _takes(given, 2) or "weights" in _parameters(given))
    if not weighs:
        _refuse_signature(subject, "", given, ["logits", "labels"])

    @as_written
    def mean_cost(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        cost = _call(subject, given, *((logits, labels, weights) if weighs else (logits, labels)))
        if not tf.is_tensor(cost) or cost.dtype != logits.dtype or cost.shape.rank not in (0, 1):
            message = _(
                "{subject}: it returned {kind}, expected the cost of each row or their mean, in {dtype}; {mend}"
            )
            raise ConfigError(message.format(subject=subject, kind=_kind(cost), dtype=_like(logits), mend=example))
        if cost.shape.rank == 0:
            if weights is not None and not weighs:
                message = _("{subject}: the rows have weights, which a mean over the rows cannot take; {mend}")
                raise ConfigError(message.format(subject=subject, mend=_("return the cost of each row, (batch,)")))
            return cost
        return tf.reduce_mean(cost if weights is None or weighs else tf.cast(weights, cost.dtype) * cost)

    checked: Loss = mean_cost
    return checked


def _call(where: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the user's; what it raises becomes the cause of a ConfigError in one line."""
    try:
        return function(*arguments)
    except DescensoError:
        raise
    except Exception as error:  # the user's function may raise anything
        reason = (str(error).strip().splitlines() or [""])[0].partition(". ")[0]
        traced = "symbolic" in str(error).lower()
        mend = _in_a_graph(function) if traced else ""
        if "does not match type" in reason:
            mend = _("; write a number after the tensor, or tf.constant(…, tensor.dtype)")
        message = _("{where} raised {kind}: {reason}{mend}")
        text = message.format(where=where, kind=type(error).__name__, reason=reason[:200], mend=mend)
        raise ConfigError(text) from error


def _in_a_graph(function: Any) -> str:
    """Say how a function becomes one that works in a graph: with the operations of TensorFlow."""
    used: tuple[str, ...] = getattr(getattr(function, "__code__", None), "co_names", ())
    names: Mapping[str, Any] = getattr(function, "__globals__", {})
    for alias in used:
        if getattr(names.get(alias), "__name__", "") in ("numpy", "math"):
            for name in used:
                if hasattr(names[alias], name) and hasattr(tf, name):
                    message = _("; it must work in a graph: try tf.{name} in the place of {alias}.{name}")
                    return message.format(name=name, alias=alias)
    return _("; it must work in a graph: try tf.where in the place of if, and no .numpy()")


def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C
        return None


def _takes(function: Any, count: int) -> bool:
    """Whether `function` can be called with `count` arguments by position; True where its signature is unknown."""
    signature = _signature(function)
    try:
        return signature is None or bool(signature.bind(*[None] * count)) or True
    except TypeError:
        return False


def _parameters(function: Any) -> list[str]:
    signature = _signature(function)
    return list(signature.parameters) if signature else []


def _backwards(function: Any, labels: tuple[str, ...]) -> bool:
    """Whether a loss takes labels before outputs, as Keras's do."""
    names = _parameters(function) or _parameters(getattr(function, "call", None))
    return bool(names[:1]) and names[0] in labels


def _refuse_signature(subject: str, part: str, function: Any, wanted: list[str]) -> None:
    where = f"{subject}: {part}" if part else subject
    if not callable(function):
        raise ConfigError(_("{where} is {kind}, expected a function").format(where=where, kind=_kind(function)))
    if not _takes(function, len(wanted)):
        message = _("{where} takes {arguments}, expected ({wanted})")
        raise ConfigError(message.format(where=where, arguments=_arguments(function), wanted=", ".join(wanted)))


def _arguments(function: Any) -> str:
    return f"({', '.join(_parameters(function))})"


def _called(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _identifier(name: str) -> str:
    last = name.rpartition(":")[2]
    return last if last.isidentifier() else "schedule"


def _listed(names: Any) -> str:
    return ", ".join(sorted(map(str, names)))


def _kind(value: Any) -> str:
    """Describe a value: dtype and shape of a tensor, a number as it is, else its type."""
    if tf.is_tensor(value):
        return _("{dtype} of shape {shape}").format(dtype=tf.as_dtype(value.dtype).name, shape=tuple(value.shape))
    if isinstance(value, bool | int | float):
        return _("the Python number {value}").format(value=value)
    return _("a value of type {kind}").format(kind=type(value).__name__)
