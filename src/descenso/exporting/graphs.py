"""Convert a Keras model to the formats of other libraries, as bytes of a file or of each file of a folder."""

import contextlib
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from descenso.errors import ConfigError, DataError
from descenso.exporting.inference import from_stored
from descenso.runs.trained import Trained
from descenso.text import _

OPSET = 18  # of ONNX, from December 2022
FAR = 2.0**14  # standard deviations from 0 at which float32 still resolves a thousandth of one


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
        raise ConfigError(
            _("ONNX files are written by tf2onnx, which is not installed; try {command}").format(
                command="pip install 'descenso[export]'"
            )
        ) from None
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
    about = {"class_names": trained.class_names, "columns": trained.columns}
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
        raise DataError(
            _(
                "column {column}: its values lie {far:.0f} standard deviations from 0, where float32, which LiteRT "
                "reads, cannot distinguish them; try --to onnx"
            ).format(column=trained.columns[place] if trained.columns else place + 1, far=far.max())
        )
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
        raise ConfigError(
            _("model: {name} cannot be written as {format} ({reason}); try --to savedmodel").format(
                name=name, format=to, reason=reason[:200]
            )
        ) from error
