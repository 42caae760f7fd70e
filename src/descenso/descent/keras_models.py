"""Keras models as pure functions of their variables."""

import contextlib
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from descenso.descent.layers import Augment
from descenso.descent.problem import Arrays, Model, Params, State, Tensor
from descenso.errors import ConfigError, DescensoError
from descenso.text import _

PROCESS = threading.RLock()  # held while Keras's precision and Python's seed are changed, which all threads share
Factory = Callable[[], Any]  # makes a keras.Model
CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Conv2DTranspose,
)


def from_keras(made_of: Any, dtype: str = "float32") -> Model:
    """Convert a Keras model to a `Model`: its variables become params and state, its layers a pure function.

    Args:
        made_of: a keras.Model, which starts from the weights that it has; or a function without arguments that makes
            one, whose start is then drawn by the seed. It maps (batch, *input_shape) to logits (batch, num_classes).
        dtype: "float32", "float64", or "mixed_bfloat16" (variables in float32, products in bfloat16), in which a
            function's model is made.

    Returns:
        The model. Its params have the names of Keras, counted anew in each model ("dense_1/kernel"). Keras's own
        Dropout draws other numbers under XLA than elsewhere; `descenso.descent.layers.Dropout` does not.

    Raises:
        ConfigError: for one whose output is not a row of logits, or that adds losses of its own.
    """
    made = callable(made_of) and not isinstance(made_of, keras.Model)
    model = _make(made_of, 0, dtype) if made else made_of
    _check(model, dtype)
    trained, carried = variable_names(model)

    def init(seed: int) -> tuple[Arrays, Arrays]:
        first = _make(made_of, seed, "float32") if made else model  # of float32: one start in both precisions
        params = zip(trained, first.trainable_variables, strict=True)
        state = zip(carried, first.non_trainable_variables, strict=True)
        like = dict(zip(carried, (str(value.dtype) for value in model.non_trainable_variables), strict=True))
        return (
            {name: np.asarray(value) for name, value in params},
            {name: np.asarray(value).astype(like[name]) for name, value in state},
        )

    def apply(params: Params, state: State, inputs: Tensor, training: bool) -> tuple[Tensor, State]:
        given = [params[name] for name in trained], [state[name] for name in carried]
        logits, changed = model.stateless_call(*given, inputs, training=training)
        return tf.cast(logits, inputs.dtype), dict(zip(carried, changed, strict=True))  # mixed precision narrows logits

    shape = tuple(model.input_shape[1:])
    return Model(model.name, shape, int(model.output_shape[-1]), init, apply, xla=_xla_serves(model), layers=model)


def _xla_serves(model: keras.Model) -> tuple[str, ...]:
    """Return the kinds of device on which XLA compiles the model."""
    augments = any(isinstance(layer, Augment) for layer in model._flatten_layers())
    return () if augments else ("GPU",) if convolves(model) else ("CPU", "GPU")


def convolves(model: keras.Model) -> bool:
    """Tell whether a layer of the model is a convolution."""
    return any(isinstance(layer, CONVOLUTIONS) for layer in model._flatten_layers())


def keep_weights(model: Any, arrays: Arrays) -> None:
    """Set the variables of `model`, if it is a keras.Model, to the parameters and state of a run."""
    if isinstance(model, keras.Model):
        names = [name for kind in variable_names(model) for name in kind]
        for name, variable in zip(names, [*model.trainable_variables, *model.non_trainable_variables], strict=True):
            variable.assign(arrays[name])


def as_model(given: Any, dtype: str) -> Model:
    """Convert a `Model`, a keras.Model, or a function that makes one, to a `Model`.

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(given, Model):
        return given
    if not callable(given):
        message = _("model must be a name, a keras.Model or a function that makes one, got {value!r}; try model='mlp'")
        raise ConfigError(message.format(value=given))
    return from_keras(given, dtype)


def _make(factory: Factory, seed: int, dtype: str) -> Any:
    try:
        with _seeded(seed), computing_in(dtype):
            model = factory()
    except DescensoError:
        raise
    except Exception as error:  # the user's function may raise anything
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        message = _("model: {name} is called without arguments, and raised {kind}: {reason}")
        name = getattr(factory, "__name__", factory)
        raise ConfigError(message.format(name=name, kind=type(error).__name__, reason=reason)) from error
    if not isinstance(model, keras.Model):
        message = _("model: {name} made a {kind}, expected a keras.Model")
        raise ConfigError(message.format(name=getattr(factory, "__name__", factory), kind=type(model).__name__))
    return model


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let Keras's initialisers draw by `seed`: those without a seed take it from `random`."""
    with PROCESS:
        before = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)


@contextlib.contextmanager
def computing_in(dtype: str) -> Iterator[None]:
    """Let layers that are made within compute in `dtype`."""
    with PROCESS:
        before = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx(keras.DTypePolicy(dtype).variable_dtype)
        keras.config.set_dtype_policy(dtype)
        try:
            yield
        finally:
            keras.config.set_floatx(before[0])
            keras.config.set_dtype_policy(before[1])


def _check(model: Any, dtype: str) -> None:
    if not model.built or not getattr(model, "inputs", None):  # a subclass of keras.Model never has any
        sequential = isinstance(model, keras.Sequential)
        wrapped = _("give keras.Model(x, model(x)) with x = keras.Input(SHAPE)")
        mend = _("begin it with keras.Input(SHAPE)") if sequential else wrapped
        message = _("model: {name} has no input shape; {mend}, SHAPE being that of a row, such as (28, 28)")
        raise ConfigError(message.format(name=model.name, mend=mend))
    if len(model.inputs) != 1:
        message = _("model: {name} has {count} inputs, expected one, the rows of the data; join them into one array")
        raise ConfigError(message.format(name=model.name, count=len(model.inputs)))
    if isinstance(model.output_shape, list | dict) or len(model.output_shape) != 2 or model.output_shape[-1] is None:
        message = _("model: {name} gives {shape}, expected one row of logits, (batch, num_classes)")
        raise ConfigError(message.format(name=model.name, shape=model.output_shape))
    if _gives_probabilities(model):
        message = _(
            "model: {name} ends in softmax, and the loss would take it a second time; leave that activation out"
        )
        raise ConfigError(message.format(name=model.name))
    if model.losses:
        raise ConfigError(_("model: {name} adds losses of its own; try --weight-decay").format(name=model.name))
    if model.dtype_policy.name != dtype:
        message = _("model: {name} computes in {found}, the run in {dtype}; try --dtype {found}, or give a function")
        raise ConfigError(message.format(name=model.name, found=model.dtype_policy.name, dtype=dtype))


def _gives_probabilities(model: Any) -> bool:
    """Whether the output's rows sum to 1, by an activation, a layer, an operation or a model within."""
    shape, dtype = (2, *model.input_shape[1:]), model.inputs[0].dtype
    plain = isinstance(model, keras.Sequential) and getattr(model.layers[-1], "activation", None)
    if None in shape or plain is keras.activations.linear:
        return False
    numbers = np.abs(np.random.default_rng(0).normal(size=shape))
    rows = np.asarray(model(tf.cast(numbers, dtype), training=False), np.float64)
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=0.02))  # bfloat16 holds three digits


def variable_names(model: Any) -> tuple[list[str], list[str]]:
    """Return stable, unique names of the trained and of the other variables: Keras counts layers and variables
    without a name through the whole process ("dense_7"), here each model begins at "dense"; and where it calls two
    variables the same, the second one is counted on.
    """
    seen: dict[str, list[str]] = {}
    named: Counter[str] = Counter()

    def renumbered(place: str, part: str) -> str:
        base = re.sub(r"_\d+$", "", part)
        parts = seen.setdefault(place + base, [])
        if part not in parts:
            parts.append(part)
        return base + (f"_{parts.index(part)}" if parts.index(part) else "")

    def name(variable: Any) -> str:
        *folders, own = variable.path.removeprefix(f"{model.name}/").split("/")
        parts = [renumbered("/".join(folders[:i]), part) for i, part in enumerate(folders)]
        base = "/".join([*parts, re.sub(r"_\d+$", "", own)])
        named[base] += 1
        return base + (f"_{named[base] - 1}" if named[base] > 1 else "")

    trained = [name(variable) for variable in model.trainable_variables]
    return trained, [name(variable) for variable in model.non_trainable_variables]
