"""Build a Keras model for inference and convert it to other formats, as bytes of a file or of each file of a folder."""

import contextlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from descenso.descent.keras_models import computing_in, variable_names
from descenso.descent.layers import Augment, BatchNormalization, Dropout
from descenso.descent.problem import Model
from descenso.errors import ConfigError, DataError
from descenso.runs.trained import Trained
from descenso.text import _

OPSET = 18  # of ONNX, from December 2022
READ = ("uint8", "float64", "float32", "int64", "int32")  # types of rows that a SavedModel reads
FAR = 2.0**14  # standard deviations from 0 at which float32 still resolves a thousandth of one


def from_scaled(model: Model, trained: Trained, dtype: str) -> Any:
    """Build the keras.Model from scaled inputs to logits in `dtype`, with the weights of `trained`.

    Dropout and augmentation of descenso are left out, and its batch normalisation becomes Keras's, so that descenso is
    not needed to load the model.

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
        kind = keras.layers.BatchNormalization if isinstance(layer, BatchNormalization) else type(layer)
        return kind.from_config({**layer.get_config(), **precision})

    try:
        return keras.models.clone_model(model.layers, clone_function=made_again, recursive=True)
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        message = _("model: {name} cannot be copied by Keras ({reason}); try --to npz")
        raise ConfigError(message.format(name=model.name, reason=str(error).partition("\n")[0])) from error


def from_stored(plain: Any, trained: Trained, dtype: str, stored: str) -> Any:
    """Build the keras.Model from rows of type `stored`, before scaling, to probabilities in `dtype`, around `plain`.

    Inputs are shifted in their own precision and then scaled in that of the model, as in training. A model of pictures
    in uint8 reads them as any type where `stored` is "any"; see `_as_pixels`. Of rows that are no pixels, the
    probabilities are NaN then.
    """
    shift, scale = np.atleast_1d(*trained.scaling)  # Keras rounds scalars to float32
    inputs = keras.Input(trained.input_shape, dtype=dtype if stored == "any" else stored, name="inputs")
    with computing_in(dtype):
        x = keras.layers.Rescaling(1.0, -shift, dtype=stored)(inputs) if shift.any() else inputs
        x, good = _as_pixels(x, trained) if stored == "any" else (x, None)
        x = keras.layers.Rescaling(scale)(x)
        if (reads := tuple(plain.input_shape[1:])) != trained.input_shape:
            x = keras.layers.Reshape(reads)(x)
        for layer in plain.layers if isinstance(plain, keras.Sequential) else [plain]:
            x = layer(x)
        x = x if good is None else keras.ops.where(good, x, float("nan"))
        return keras.Model(inputs, keras.layers.Softmax(name="probabilities")(x))


def _as_pixels(inputs: Any, trained: Trained) -> tuple[Any, Any]:
    """Return pixels of pictures of any type, those from 0 to 1 multiplied by 255, and which rows are pixels then.

    A Keras model converts what it is given to the type of its input before a layer sees it, so that floats from 0 to 1
    would silently become 0 where that is uint8. Rows are pixels that hold whole numbers from 0 to 255, or values from 0
    to 1.

    Args:
        inputs: (rows, *input_shape) symbolic floats.
        trained: scaling and shape.

    Returns:
        pixels: (rows, *input_shape).
        good: (rows, 1) truth values.
    """
    ops, axes = keras.ops, tuple(range(1, len(trained.input_shape) + 1))
    least, most = (extreme(inputs, axis=axes, keepdims=True) for extreme in (ops.min, ops.max))
    fractions = ops.max(ops.abs(ops.subtract(inputs, ops.round(inputs))), axis=axes, keepdims=True)
    small = ops.less_equal(most, 1.001)  # 255 times a rounded 1/255 may exceed 1
    good = ops.logical_and(ops.greater_equal(least, 0.0), ops.less_equal(most, 255.0))
    good = ops.logical_and(good, ops.logical_or(small, ops.equal(fractions, 0.0)))
    if trained.scaling.scale != 1:  # it is 1 for black-and-white images, stored as 0 and 1
        inputs = ops.where(small, ops.multiply(inputs, 255.0), inputs)
    return inputs, ops.reshape(good, (-1, 1))


def lenient(plain: Any, trained: Trained, dtype: str) -> Any:
    """Build the keras.Model of a run for Keras: as `from_stored`, for pictures of any type."""
    return from_stored(plain, trained, dtype, "any" if trained.stored == "uint8" else trained.stored)


def keras_file(plain: Any, trained: Trained, dtype: str) -> bytes:
    """Return a `.keras` file."""
    model = lenient(plain, trained, dtype)
    with _temporary_folder() as folder:
        model.save(folder / "model.keras")
        return (folder / "model.keras").read_bytes()


def saved_model(plain: Any, trained: Trained, dtype: str) -> dict[str, bytes]:
    """Return the files of a SavedModel, whose function `serve` is the model.

    `serve` is traced for each type of `READ`, since TensorFlow would silently convert an array of another type to that
    of a single trace; pictures of any type but uint8 are checked to be pixels as stored.
    """
    model = from_stored(plain, trained, dtype, trained.stored)

    def probabilities(inputs: Any) -> Any:
        return model(_checked(inputs, trained), training=False)

    module = tf.Module()
    module.parameters = [variable.value for variable in model.variables]
    module.serve = tf.function(probabilities, autograph=False)
    for kind in READ:
        module.serve.get_concrete_function(tf.TensorSpec([None, *trained.input_shape], kind, "inputs"))
    default = tf.function(lambda inputs: {"probabilities": probabilities(inputs)}, autograph=False)
    kind = "float32" if trained.stored == "uint8" else trained.stored
    signature = default.get_concrete_function(tf.TensorSpec([None, *trained.input_shape], kind, "inputs"))
    with _temporary_folder() as folder:
        tf.saved_model.save(module, str(folder), {"serving_default": signature})
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _checked(inputs: Any, trained: Trained) -> Any:
    """Return `inputs` in the type that the model reads, after checking that pictures are pixels as stored."""
    if trained.stored != "uint8" or inputs.dtype == tf.uint8:
        return tf.cast(inputs, trained.stored)
    good = tf.reduce_all((inputs >= 0) & (inputs <= 255))
    if inputs.dtype.is_floating:
        good &= tf.reduce_all(inputs == tf.round(inputs))
        if trained.scaling.scale != 1:
            good &= tf.reduce_any(inputs > 1) | tf.reduce_all(inputs == 0)
    message = "expected pixels as stored, whole numbers from 0 to 255; try (255 * X).round().astype('uint8')"
    with tf.control_dependencies([tf.debugging.Assert(good, [message])]):
        return tf.cast(inputs, tf.uint8)


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
    """Make a temporary folder for the files of a library, and hold back its warnings, and what it says of the folder,
    as TensorFlow does at an interactive prompt and in a notebook.
    """
    logger = tf.get_logger()
    level = logger.level
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(max(level, logging.WARNING))
        try:
            yield Path(folder)
        finally:
            logger.setLevel(level)


@contextlib.contextmanager
def _converting(name: str, to: str) -> Iterator[None]:
    """Turn every exception of a converter into a ConfigError that names the model."""
    try:
        yield
    except Exception as error:  # converters do not document their exceptions
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        message = _("model: {name} cannot be written as {format} ({reason}); try --to savedmodel")
        raise ConfigError(message.format(name=name, format=to, reason=reason[:200])) from error
