"""Write how an exported model is called, as Markdown in its folder or beside its file."""

from pathlib import Path
from typing import Any

from descenso._version import __version__
from descenso.data.encoding import Column
from descenso.exporting.inputs import ENCODE, encoding_of
from descenso.runs.trained import Trained
from descenso.text import _, mark, printable

FENCE = "```"
SNIPPETS = {  # Python that reads `rows`, an array of rows as stored, and makes `probabilities`; also in docs/export.md
    "keras": """\
import keras

model = keras.saving.load_model("{name}")
probabilities = np.asarray(model(rows))
""",
    "savedmodel": """\
import tensorflow as tf

model = tf.saved_model.load("{name}")
probabilities = model.serve(rows).numpy()
""",
    "onnx": """\
import onnxruntime

session = onnxruntime.InferenceSession("{name}")
[probabilities] = session.run(None, {{"inputs": rows}})
""",
    "litert": """\
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter("{name}")
[inputs], [outputs] = interpreter.get_input_details(), interpreter.get_output_details()
interpreter.resize_tensor_input(inputs["index"], rows.shape)
interpreter.allocate_tensors()
interpreter.set_tensor(inputs["index"], rows.astype(inputs["dtype"], casting="same_kind"))
interpreter.invoke()
probabilities = interpreter.get_tensor(outputs["index"])
""",
    "npz": """\
model = np.load("{name}")
rows = rows.astype(str(model["input_dtype"]), casting="same_kind")
inputs = (rows - model["input_shift"]) * model["input_scale"]
logits = inputs.reshape(len(inputs), -1) @ model["W"] + model["b"]
powers = np.exp(logits - logits.max(axis=1, keepdims=True))
probabilities = powers / powers.sum(axis=1, keepdims=True)
""",
    "numpy-script": """\
import runpy

script = runpy.run_path("{name}")
probabilities = script["predict_proba"](rows)
""",
}
PHOTOS = """\
import numpy as np
from PIL import Image, ImageOps


def read(path):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB").convert("{mode}").resize(({width}, {height})))


rows = np.stack([read(path) for path in ["photo.jpg"]])
"""
ARRAYS = """\
model = np.load("{name}")
print({{name: array.shape for name, array in model.items()}})
"""
PIXELS = {  # what each does with pixels that are scaled already
    "keras": mark("Floats from 0 to 1 are multiplied by 255; for rows that are neither that nor whole numbers from 0 "
                  "to 255, the probabilities are NaN."),
    "savedmodel": mark("Other types are refused with an InvalidArgumentError unless they hold whole numbers from 0 to "
                       "255; `serving_default` takes float32."),
    "onnx": mark("onnxruntime refuses arrays of any other type."),
    "litert": mark("`casting=\"same_kind\"` refuses floats, which `astype` would cut off to 0."),
    "npz": mark("`casting=\"same_kind\"` refuses floats, which would be scaled twice."),
    "numpy-script": mark("Other types are refused with a ValueError unless they hold whole numbers from 0 to 255."),
}  # fmt: skip


def readme(name: str, to: str, trained: Trained) -> str:
    """Write the README of a model.

    Args:
        name: of its file or folder.
        to: the format.
        trained: the model, and the form of its inputs.
    """
    shape = ", ".join(map(str, ("rows", *trained.input_shape)))
    parts = [
        f"# {printable(name)}",
        _("A classifier that descenso {version} trained. It reads rows of shape ({shape}) and type {dtype}, as the "
          "training data is stored: any scaling is part of the model. It returns probabilities, (rows, {classes}).")
        .format(version=__version__, shape=shape, dtype=_dtype(to, trained), classes=len(trained.class_names)),
        _call(name, to, trained),
    ]  # fmt: skip
    if trained.stored == "uint8":
        parts.append(_(PIXELS[to]))
    if _reads_photos(trained):
        parts += _photos(trained)
    if to == "npz" and "W" not in trained.params:
        parts.append(_("The layers of this model are written out, with these arrays, by the format numpy-script."))
    if trained.columns:
        parts += _table(trained)
    parts.append(_("The classes, in the order of the probabilities:"))
    parts.append("\n".join(f"{place}. {printable(each)}" for place, each in enumerate(trained.class_names)))
    return "\n\n".join(parts) + "\n"


def _reads_photos(trained: Trained) -> bool:
    """Tell whether the rows are pictures of 8 bits; those of MNIST's shape are prepared in more steps than are here."""
    shape, full = trained.input_shape, trained.pixel_range is None
    return trained.stored == "uint8" and full and (len(shape) == 2 or shape[2:] == (3,)) and shape != (28, 28)


def _photos(trained: Trained) -> list[str]:
    """Write the Python that reads a picture as training did."""
    height, width, *channels = trained.input_shape
    code = PHOTOS.format(height=height, width=width, mode="RGB" if channels else "L")
    return [
        _("Photos are made such rows in the same way as for training, with Pillow:"),
        f"{FENCE}python\n{code}{FENCE}",
    ]


def _dtype(to: str, trained: Trained) -> str:
    return "float32" if to == "litert" and trained.stored != "uint8" else trained.stored


def _call(name: str, to: str, trained: Trained) -> str:
    """Write the Python that calls the model: on rows of a file, or on one row of a table with words or gaps."""
    snippet = ARRAYS if to == "npz" and "W" not in trained.params else SNIPPETS[to]
    lines = snippet.format(name=Path(name).name).splitlines()
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    call = "\n".join(line for line in lines if line and line not in imports)
    read = 'rows = np.load("rows.npy")\n'
    if encoding_of(trained):
        imports.append("import warnings")
        read = _encoding(trained)
    head = "\n".join(sorted([*imports, "import numpy as np"]))
    return f"{FENCE}python\n{head}\n\n{read}{call}\n{FENCE}"


def _encoding(trained: Trained) -> str:
    """Write the Python that encodes rows of a table, and an example."""
    columns = trained.encoding.columns if trained.encoding else ()
    example = {one.name: _example(one) for one in columns}
    return f"Array = np.ndarray\n{encoding_of(trained)}{ENCODE}rows = encode([{example!r}])\n"


def _example(column: Column) -> Any:
    return column.categories[0] if column.kind == "category" else column.fill


def _table(trained: Trained) -> list[str]:
    """List the inputs of a table, and how its columns become them."""
    names = ", ".join(f"`{printable(name)}`" for name in trained.columns)
    said = [_("Its inputs, in this order: {names}.").format(names=names)]
    if encoding_of(trained):
        said.append(
            _("The model itself reads encoded inputs. `encode` makes them of the columns of the table: an input for "
              "each category, the median of the training rows where a number is missing, and a further input that is 1 "
              "there. A category that no training row has sets no input, with a warning.")
        )  # fmt: skip
    return said
