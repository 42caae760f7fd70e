"""Write Keras layers as lines of NumPy, which call the functions of `numpy_layers`."""

from collections.abc import Callable
from typing import Any

import keras

from descenso.errors import ConfigError
from descenso.text import _

Named = Callable[[Any], str]  # variable -> its expression in the script
FIXED = {
    "data_format": "channels_last",
    "dilation_rate": (1, 1),
    "groups": 1,
}  # the only supported values of these options
ACTIVATIONS = {
    keras.activations.linear: "",
    keras.activations.relu: "relu",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.tanh: "np.tanh",
    keras.activations.gelu: "gelu",
}


def line(layer: Any, named: Named) -> str:
    """Write `layer` as a line that assigns x, with its shape in a comment; "" for a layer without effect in inference.

    Raises:
        ConfigError: if the layer, or one of its options or its activation, is not supported.
    """
    write = LAYERS.get(type(layer))
    unsupported = [name for name, value in FIXED.items() if getattr(layer, name, value) != value]
    unsupported += ["axis"] if getattr(layer, "axis", -1) not in (-1, len(layer.output.shape) - 1) else []
    activation = getattr(layer, "activation", keras.activations.linear)
    if activation not in ACTIVATIONS:
        unsupported.append("activation")
    if write is None or unsupported:
        options = [f"{name}={getattr(layer, name)}" for name in unsupported] if write else []
        kind = ", ".join([type(layer).__name__, *options])
        raise ConfigError(
            _(
                "model: a numpy-script has no layer like {name} ({kind}); try --to onnx, litert, savedmodel or keras"
            ).format(name=layer.name, kind=kind)
        )
    code, function = write(layer, named), ACTIVATIONS[activation]
    code = f"{function}({code})" if function else code
    shape = ", ".join(map(str, layer.output.shape[1:]))
    return "" if code == "x" else f"x = {code}  # (rows, {shape})"


def _unchanged(layer: Any, named: Named) -> str:
    return "x"


def _reshaped(layer: Any, named: Named) -> str:
    return f"x.reshape(-1, {', '.join(map(str, layer.output.shape[1:]))})"


def _dense(layer: Any, named: Named) -> str:
    return f"x @ {named(layer.kernel)}" + _bias(layer, named)


def _convolution(layer: Any, named: Named) -> str:
    same = layer.padding == "same"
    return f"convolution(x, {named(layer.kernel)}, {layer.strides}, same={same})" + _bias(layer, named)


def _bias(layer: Any, named: Named) -> str:
    return f" + {named(layer.bias)}" if layer.use_bias else ""


def _pooling(layer: Any, named: Named) -> str:
    return f"max_pooling(x, {layer.pool_size}, {layer.strides}, same={layer.padding == 'same'})"


def _normalization(layer: Any, named: Named) -> str:
    values = {"mean": named(layer.moving_mean), "variance": named(layer.moving_variance), "epsilon": layer.epsilon}
    values |= {"gamma": named(layer.gamma)} if layer.scale else {}
    values |= {"beta": named(layer.beta)} if layer.center else {}
    arguments = "".join(f"    {name}={value},\n" for name, value in values.items())
    return f"batch_normalization(\n    x,\n{arguments})"


def _global_average(layer: Any, named: Named) -> str:
    return f"x.mean(axis=(1, 2), keepdims={layer.keepdims})"


def _global_maximum(layer: Any, named: Named) -> str:
    return f"x.max(axis=(1, 2), keepdims={layer.keepdims})"


LAYERS: dict[type, Callable[[Any, Named], str]] = {
    keras.layers.Activation: _unchanged,
    keras.layers.BatchNormalization: _normalization,
    keras.layers.Conv2D: _convolution,
    keras.layers.Dense: _dense,
    keras.layers.Dropout: _unchanged,
    keras.layers.Flatten: _reshaped,
    keras.layers.GlobalAveragePooling2D: _global_average,
    keras.layers.GlobalMaxPooling2D: _global_maximum,
    keras.layers.Identity: _unchanged,
    keras.layers.MaxPooling2D: _pooling,
    keras.layers.Reshape: _reshaped,
}
