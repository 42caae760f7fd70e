"""Write a model as one Python file that needs only NumPy."""

import base64
import inspect
import io
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from descenso._version import __version__
from descenso.errors import ConfigError
from descenso.exporting import numpy_layers
from descenso.exporting.inference import named_variables
from descenso.exporting.lines import line
from descenso.runs.trained import Trained
from descenso.text import _, printable

SCRIPT = '''\
#!/usr/bin/env python3
"""Classify rows of shape {shape} into {num_classes} classes, with a model trained by descenso {version}.

In Python, call `predict_proba(inputs)`; on the command line, `python FILE rows.npy` prints the class of each row and
its probability. The layers are written below, the weights are at the end. Only NumPy is needed.
"""

import base64
import io
{imports}import sys

import numpy as np

Array = np.ndarray
CLASS_NAMES = {class_names}
{columns}INPUT_SHAPE = {shape}
ROWS_AT_ONCE = 100


def predict_proba(inputs: Array) -> Array:
    """Predict probabilities, (rows, {num_classes}), from inputs as stored: (rows, *INPUT_SHAPE), {stored}."""
    inputs = np.asarray(inputs)
    if inputs.shape[1:] != INPUT_SHAPE:
        raise ValueError(f"rows of shape {{inputs.shape[1:]}}, expected {{INPUT_SHAPE}}")
    starts = range(0, max(len(inputs), 1), ROWS_AT_ONCE)
    return np.concatenate([softmax(logits(inputs[start : start + ROWS_AT_ONCE])) for start in starts])


def logits(inputs: Array) -> Array:
    """Apply the layers."""
{lines}
    return x


{functions}

def main() -> None:
    """Run the command."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {{sys.argv[0]}} rows.npy")
    for probabilities in predict_proba(np.load(sys.argv[1])):
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
    variables = named_variables(plain)
    names = {id(variable): name for name, variable in variables.items()}
    arrays = {name: variable.numpy() for name, variable in variables.items()}
    scaling = {
        "input_shift": np.asarray(trained.scaling.shift),
        "input_scale": np.asarray(trained.scaling.scale, dtype),
    }
    arrays |= {name: array for name, array in scaling.items() if array.ndim}
    lines = [_scaled(trained, dtype)]
    lines += [line(layer, lambda variable: f"W[{names[id(variable)]!r}]") for layer in _chain(plain)]
    functions = _needed("softmax\n" + "\n".join(lines))
    return SCRIPT.format(
        version=__version__,
        imports="import math\n" if "math." in functions else "",
        class_names=tuple(map(printable, trained.class_names)),  # they are printed
        columns=f"COLUMNS = {trained.columns}  # of a table, in this order\n" if trained.columns else "",
        num_classes=len(trained.class_names),
        shape=trained.input_shape,
        stored=trained.stored,
        lines=textwrap.indent("\n".join(filter(None, lines)), "    "),
        functions=functions,
        weights=_as_text(arrays),
    ).encode()


def _scaled(trained: Trained, dtype: str) -> str:
    shift, scale = (
        f"W[{name!r}]" if np.ndim(value) else repr(float(value))
        for name, value in (("input_shift", trained.scaling.shift), ("input_scale", trained.scaling.scale))
    )
    shifted = f"(inputs - {shift})" if np.any(trained.scaling.shift) else "inputs"
    return f"x = {shifted}.astype(np.{dtype}) * {scale}"


def _chain(model: Any) -> Iterator[Any]:
    """Yield the layers of `model`, each of which must read the output of the one before it."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    values = [*model.inputs, *(layer.output for layer in layers)]
    follow = all(layer.input is before for layer, before in zip(layers, values, strict=False))
    if not isinstance(model, keras.Sequential) and not (follow and values[-1] is model.outputs[0]):
        raise ConfigError(
            _(
                "model: the layers of {name} do not follow one after the other, as a numpy-script's must; try --to onnx"
            ).format(name=model.name)
        )
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
