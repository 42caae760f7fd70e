"""Write a model as one Python file that needs only NumPy."""

import base64
import inspect
import io
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from descenso._version import __version__
from descenso.descent import numpy_layers
from descenso.errors import ConfigError
from descenso.exporting.graphs import named_variables
from descenso.exporting.inputs import ENCODE, check_of, encoding_of, messages
from descenso.runs.trained import Trained
from descenso.text import _, printable

Named = Callable[[Any], str]  # variable -> its expression in the script
FIXED = {"data_format": "channels_last", "dilation_rate": (1, 1), "groups": 1}  # the only supported values
ACTIVATIONS = {
    keras.activations.linear: "",
    keras.activations.relu: "relu",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.tanh: "np.tanh",
    keras.activations.gelu: "gelu",
}

SCRIPT = '''\
#!/usr/bin/env python3
"""Classify rows of shape {shape} into {num_classes} classes, with a model trained by descenso {version}.

In Python, call `predict_proba(inputs)`; on the command line, `python FILE rows.npy` prints the class of each row and
its probability. The layers are written below, the weights are at the end. Only NumPy is needed.
"""

import base64
import io
{imports}

import numpy as np

Array = np.ndarray
CLASS_NAMES = {class_names}
{columns}INPUT_SHAPE = {shape}
ROWS_AT_ONCE = 100
{messages}

def predict_proba(inputs: Array) -> Array:
    """Predict probabilities, (rows, {num_classes}), from inputs as stored: (rows, *INPUT_SHAPE), {stored}."""
    inputs = checked(np.asarray(inputs))
    starts = range(0, max(len(inputs), 1), ROWS_AT_ONCE)
    return np.concatenate([softmax(logits(inputs[start : start + ROWS_AT_ONCE])) for start in starts])


def checked(inputs: Array) -> Array:
    """Return the inputs in the type that the model reads; refuse what it would misread."""
    if inputs.shape[1:] != INPUT_SHAPE or not inputs.ndim:
        expected = ", ".join(map(str, ("rows", *INPUT_SHAPE)))
        raise ValueError(MESSAGES["shape"].format(got=inputs.shape, expected=f"({{expected}})"))
    if inputs.dtype.kind not in "iufb":
        raise ValueError(MESSAGES["type"].format(got=inputs.dtype))
{check}

{encode}def logits(inputs: Array) -> Array:
    """Apply the layers."""
{lines}
    return x


{functions}

def main() -> None:
    """Run the command."""
    if len(sys.argv) != 2:
        sys.exit(MESSAGES["usage"].format(script=sys.argv[0]))
    path = sys.argv[1]
    try:
        rows = np.load(path)
    except OSError as error:
        sys.exit(MESSAGES["read"].format(path=path, reason=error.strerror or error))
    except (ValueError, EOFError):
        sys.exit(MESSAGES["damaged"].format(path=path))
    if not isinstance(rows, np.ndarray):
        sys.exit(MESSAGES["archive"].format(path=path))
    try:
        predicted = predict_proba(rows)
    except ValueError as error:
        sys.exit(f"{{path}}: {{error}}")
    for probabilities in predicted:
        print(CLASS_NAMES[probabilities.argmax()], f"{{probabilities.max():.4f}}", sep="\\t")


WEIGHTS = """
{weights}
"""
W = dict(np.load(io.BytesIO(base64.b64decode(WEIGHTS))))

if __name__ == "__main__":
    main()
'''


def numpy_script(plain: Any, trained: Trained, dtype: str) -> bytes:
    """Write the script of a model from `from_scaled`, in UTF-8.

    Raises:
        ConfigError: if a layer is not supported, or the layers are no chain.
    """
    variables, scaling = named_variables(plain), trained.scaling
    names = {id(variable): name for name, variable in variables.items()}
    arrays = {name: variable.numpy() for name, variable in variables.items()}
    constants = {"input_shift": np.asarray(scaling.shift), "input_scale": np.asarray(scaling.scale)}
    shift, scale = (f"W[{name!r}]" if value.ndim else repr(float(value)) for name, value in constants.items())
    constants["input_scale"] = constants["input_scale"].astype(dtype)
    arrays |= {name: value for name, value in constants.items() if value.ndim}
    shifted = f"(inputs - {shift})" if np.any(scaling.shift) else "inputs"
    lines = [f"x = {shifted}.astype(np.{dtype}) * {scale}"]
    if (reads := plain.input_shape[1:]) != trained.input_shape:
        lines.append(f"x = x.reshape(-1, {', '.join(map(str, reads))})")
    lines += [_line(layer, lambda variable: f"W[{names[id(variable)]!r}]") for layer in _chain(plain)]
    functions, encoded = _needed("softmax\n" + "\n".join(lines)), bool(encoding_of(trained))
    modules = ["math"] * ("math." in functions) + ["sys"] + ["warnings"] * encoded
    return SCRIPT.format(
        version=__version__,
        imports="\n".join(f"import {name}" for name in modules),
        messages=messages(),
        check=textwrap.indent(check_of(trained), "    "),
        class_names=tuple(map(printable, trained.class_names)),  # they are printed
        columns=_columns(trained),
        encode=ENCODE if encoded else "",
        num_classes=len(trained.class_names),
        shape=trained.input_shape,
        stored=trained.stored,
        lines=textwrap.indent("\n".join(filter(None, lines)), "    "),
        functions=functions,
        weights=_as_text(arrays),
    ).encode()


def _columns(trained: Trained) -> str:
    """Write the names of the inputs of a table, and how its columns become them."""
    if not trained.columns:
        return ""
    return f"COLUMNS = {trained.columns}  # of a table, in this order\n{encoding_of(trained)}"


def _chain(model: Any) -> Iterator[Any]:
    """Yield the layers of `model`, each of which must read the output of the one before it."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    values = [*model.inputs, *(layer.output for layer in layers)]
    follow = all(layer.input is before for layer, before in zip(layers, values, strict=False))
    if not isinstance(model, keras.Sequential) and not (follow and values[-1] is model.outputs[0]):
        message = _(
            "model: the layers of {name} do not follow one after the other, as a numpy-script's must; try --to onnx"
        )
        raise ConfigError(message.format(name=model.name))
    for layer in layers:
        if isinstance(layer, keras.Model):
            yield from _chain(layer)
        else:
            yield layer


def _needed(code: str) -> str:
    """Return the source of the functions that `code` calls, and of those that they call, in the order of their file."""
    functions = {name: value for name, value in vars(numpy_layers).items() if inspect.isfunction(value)}
    sources = {name: inspect.getsource(function) for name, function in functions.items()}
    called, before = set[str](), None
    while called != before:
        before = called
        text = code + "".join(sources[name] for name in called)
        called = {name for name in sources if re.search(rf"\b{name}\b", text)}
    return "\n\n".join(source for name, source in sources.items() if name in called)


def _as_text(arrays: dict[str, Any]) -> str:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return "\n".join(textwrap.wrap(base64.b64encode(buffer.getvalue()).decode(), 120))


def _line(layer: Any, named: Named) -> str:
    """Write `layer` as a line that assigns x, with its shape in a comment; "" for a layer without effect in inference.

    Raises:
        ConfigError: if the layer, or one of its options or its activation, is not supported.
    """
    shape = ", ".join(map(str, layer.output.shape[1:]))
    code = _expression(layer, named, shape)
    unsupported = [name for name, value in FIXED.items() if getattr(layer, name, value) != value]
    unsupported += ["axis"] if getattr(layer, "axis", -1) not in (-1, len(layer.output.shape) - 1) else []
    activation = getattr(layer, "activation", keras.activations.linear)
    if activation not in ACTIVATIONS:
        unsupported.append("activation")
    if code is None or unsupported:
        options = [f"{name}={getattr(layer, name)}" for name in unsupported] if code else []
        kind = ", ".join([type(layer).__name__, *options])
        message = _(
            "model: a numpy-script has no layer like {name} ({kind}); try --to onnx, litert, savedmodel or keras"
        )
        raise ConfigError(message.format(name=layer.name, kind=kind))
    function = ACTIVATIONS[activation]
    code = f"{function}({code})" if function else code
    return "" if code == "x" else f"x = {code}  # (rows, {shape})"


def _expression(layer: Any, named: Named, shape: str) -> str | None:
    """Write the output of `layer` as an expression of its input x; None if layers of its type are not supported."""
    kind, bias = (
        type(layer),
        f" + {named(layer.bias)}" if getattr(layer, "use_bias", False) and hasattr(layer, "bias") else "",
    )
    if kind in (keras.layers.Activation, keras.layers.Dropout, keras.layers.Identity):
        return "x"
    if kind in (keras.layers.Flatten, keras.layers.Reshape):
        return f"x.reshape(-1, {shape})"
    if kind is keras.layers.Dense:
        return f"x @ {named(layer.kernel)}{bias}"
    if kind is keras.layers.Conv2D:
        return f"convolution(x, {named(layer.kernel)}, {layer.strides}, same={layer.padding == 'same'}){bias}"
    if kind is keras.layers.MaxPooling2D:
        return f"max_pooling(x, {layer.pool_size}, {layer.strides}, same={layer.padding == 'same'})"
    if kind in (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D):
        name = "mean" if kind is keras.layers.GlobalAveragePooling2D else "max"
        return f"x.{name}(axis=(1, 2), keepdims={layer.keepdims})"
    return _normalization(layer, named) if kind is keras.layers.BatchNormalization else None


def _normalization(layer: Any, named: Named) -> str:
    values = {"mean": named(layer.moving_mean), "variance": named(layer.moving_variance), "epsilon": layer.epsilon}
    values |= {"gamma": named(layer.gamma)} if layer.scale else {}
    values |= {"beta": named(layer.beta)} if layer.center else {}
    arguments = "".join(f"    {name}={value},\n" for name, value in values.items())
    return f"batch_normalization(\n    x,\n{arguments})"
