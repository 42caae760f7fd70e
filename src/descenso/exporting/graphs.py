"""Build a Keras model for inference and convert it to other formats, as bytes of a file or of each file of a folder."""

import contextlib
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from descenso.descent.keras_models import computing_in, variable_names
from descenso.descent.layers import Augment, Dropout
from descenso.descent.problem import Model
from descenso.errors import ConfigError, DataError
from descenso.runs.trained import Trained
from descenso.text import _

OPSET = 18  # of ONNX, from December 2022
FAR = 2.0**14  # standard deviations from 0 at which float32 still resolves a thousandth of one


def from_scaled(model: Model, trained: Trained, dtype: str) -> Any:
    """Build the keras.Model from scaled inputs to logits in `dtype`, with the weights of `trained`.

    Dropout and augmentation of descenso are left out, so that descenso is not needed to load the model.

    Raises:
        ConfigError: if Keras cannot copy the model, or it is no Keras model.
    """
    values = {**trained.params, **trained.model_state}
    with computing_in(dtype):
        if model.layers is None and model.name == "softmax":
            shape, flatten = keras.layers.Input(model.input_shape), keras.layers.Flatten()
            plain = keras.Sequential([shape, flatten, keras.layers.Dense(model.num_classes)])
            values = {"dense/kernel": trained.params["W"], "dense/bias": trained.params["b"]}
        else:
            plain = _copy(model, dtype)
    for name, variable in named_variables(plain).items():
        variable.assign(values[name])
    return plain


def named_variables(plain: Any) -> dict[str, Any]:
    """Return the variables of a Keras model, by the names that they have in a run."""
    trainable, others = variable_names(plain)
    return dict(zip([*trainable, *others], [*plain.trainable_variables, *plain.non_trainable_variables], strict=True))


def _copy(model: Model, dtype: str) -> Any:
    def made_again(layer: Any) -> Any:
        if isinstance(layer, Dropout | Augment):
            return keras.layers.Identity(name=layer.name)
        precision = {"dtype": dtype} if isinstance(layer, keras.layers.Layer) else {}  # operations have no dtype
        return type(layer).from_config({**layer.get_config(), **precision})

    try:
        return keras.models.clone_model(model.layers, clone_function=made_again, recursive=True)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        message = _("model: {name} cannot be copied by Keras ({reason}); try --to npz")
        raise ConfigError(message.format(name=model.name, reason=str(error).partition("\n")[0])) from error


def from_stored(plain: Any, trained: Trained, dtype: str, stored: str) -> Any:
    """Build the keras.Model from rows of type `stored`, before scaling, to probabilities in `dtype`, around `plain`.

    Inputs are shifted in their own precision and then scaled in that of the model, as in training.
    """
    shift, scale = np.atleast_1d(*trained.scaling)  # Keras rounds scalars to float32
    inputs = keras.Input(trained.input_shape, dtype=stored, name="inputs")
    with computing_in(dtype):
        x = keras.layers.Rescaling(1.0, -shift, dtype=stored)(inputs) if shift.any() else inputs
        x = keras.layers.Rescaling(scale)(x)
        if (reads := tuple(plain.input_shape[1:])) != trained.input_shape:
            x = keras.layers.Reshape(reads)(x)
        for layer in plain.layers if isinstance(plain, keras.Sequential) else [plain]:
            x = layer(x)
        return keras.Model(inputs, keras.layers.Softmax(name="probabilities")(x))


def keras_file(plain: Any, trained: Trained, dtype: str) -> bytes:
    """Return a `.keras` file."""
    model = from_stored(plain, trained, dtype, trained.stored)
    with _temporary_folder() as folder:
        model.save(folder / "model.keras")
        return (folder / "model.keras").read_bytes()


def saved_model(plain: Any, trained: Trained, dtype: str) -> dict[str, bytes]:
    """Return the files of a SavedModel, whose function `serve` is the model."""
    model = from_stored(plain, trained, dtype, trained.stored)
    with _temporary_folder() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def onnx(plain: Any, trained: Trained, dtype: str) -> bytes:
    """Return an ONNX file from `inputs` to `probabilities`; its metadata has the names of classes and columns as JSON.

    Raises:
        ConfigError: if tf2onnx is not installed, or does not support an operation of the model.
    """
    try:
        import onnx as written
        import tf2onnx
    except ImportError:
        message = _("ONNX files are written by tf2onnx, which is not installed; try {command}")
        raise ConfigError(message.format(command="pip install 'descenso[export]'")) from None
    model = from_stored(plain, trained, dtype, trained.stored)
    function = tf.function(lambda inputs: {"probabilities": model(inputs, training=False)})
    signature = tf.TensorSpec([None, *trained.input_shape], trained.stored, "inputs")
    with _temporary_folder(), _converting(plain.name, "onnx"):
        handlers: Any = {"Erfc": (_erfc, [])}
        proto, _storage = tf2onnx.convert.from_function(function, [signature], OPSET, custom_op_handlers=handlers)
        written.checker.check_model(
            proto, full_check=True
        )  # tf2onnx writes operations that it does not support unchanged
    for end in (*proto.graph.input, *proto.graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "rows"
    about: dict[str, Any] = {"class_names": trained.class_names, "columns": trained.columns}
    if trained.encoding is not None:
        about["encoding"] = trained.encoding.plain()
    written.helper.set_model_props(proto, {name: json.dumps(value) for name, value in about.items()})
    content: bytes = proto.SerializeToString()
    return content


def _erfc(context: Any, node: Any, name: str, arguments: Any) -> Any:
    """Write the operation Erfc(x) of gelu as 1 − Erf(x), because tf2onnx 1.17 does not support it."""
    like = {"shapes": node.output_shapes, "dtypes": node.output_dtypes}
    one = context.make_const(f"{name}/one", np.float32(1))
    context.remove_node(name)
    erf = context.make_node("Erf", node.input, **like)
    return context.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output, name=name, **like)


def litert(plain: Any, trained: Trained, dtype: str) -> bytes:
    """Return a LiteRT (TensorFlow Lite) file with builtin operations, which reads uint8 images or float32.

    Raises:
        DataError: if float32 cannot resolve the values of a column.
        ConfigError: if LiteRT does not have an operation of the model.
    """
    far = np.abs(np.asarray(trained.scaling.shift) * trained.scaling.scale)
    if far.max() > FAR:
        place = int(far.argmax())
        message = _(
            "column {column}: its values lie {far:.0f} standard deviations from 0, where float32, which LiteRT "
            "reads, cannot distinguish them; try --to onnx"
        )
        raise DataError(message.format(column=trained.columns[place] if trained.columns else place + 1, far=far.max()))
    model = from_stored(plain, trained, dtype, "uint8" if trained.stored == "uint8" else "float32")
    with _temporary_folder() as folder, _converting(plain.name, "litert"):
        # Keras 3.12, the last one for Python 3.10, cannot export LiteRT itself.
        model.export(folder, format="tf_saved_model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content: bytes = converter.convert()
    return content


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Make a temporary folder for the files of a library, and ignore its warnings."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Path(folder)


@contextlib.contextmanager
def _converting(name: str, to: str) -> Iterator[None]:
    """Turn every exception of a converter into a ConfigError that names the model."""
    try:
        yield
    except Exception as error:  # converters do not document their exceptions
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        message = _("model: {name} cannot be written as {format} ({reason}); try --to savedmodel")
        raise ConfigError(message.format(name=name, format=to, reason=reason[:200])) from error
