"""Export the model of a run: from rows as stored to probabilities, in the formats of other libraries."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from descenso.api.inference import load_trained, read_trained
from descenso.errors import ConfigError
from descenso.files import write_file, write_folder
from descenso.runs.files import check_output
from descenso.runs.trained import Trained
from descenso.text import _, mark, nearest

if TYPE_CHECKING:
    from descenso.hints import RunPath

FORMATS = {  # endings of the names; a SavedModel is a folder
    "keras": ".keras",
    "savedmodel": "-savedmodel",
    "onnx": ".onnx",
    "litert": ".tflite",
    "npz": ".npz",
    "numpy-script": ".py",
}
DESCRIBED = {  # what each is, and what it needs
    "keras": mark("a file that Keras loads"),
    "savedmodel": mark("a folder that TensorFlow loads"),
    "onnx": mark("a file for ONNX runtimes, written with tf2onnx"),
    "litert": mark("a file for LiteRT on phones, formerly TensorFlow Lite"),
    "npz": mark("the weights as arrays, which NumPy loads"),
    "numpy-script": mark("a Python file that needs NumPy alone"),
}
ELSEWHERE = {"tflite": "litert", "lite": "litert", "h5": "keras", "hdf5": "keras", "pb": "savedmodel",
             "tensorflow": "savedmodel", "tf": "savedmodel", "numpy": "npz", "script": "numpy-script",
             "python": "numpy-script", "py": "numpy-script"}  # fmt: skip
IN_FLOAT32 = ("onnx", "litert")  # their runtimes have few operations in float64


def export(run: "RunPath", to: str = "", out: "RunPath | None" = None, model: Any = None) -> Path:
    """Export the model of a run to a file or folder, written atomically; return its path.

    How the model is called, and what it reads, is written to `readme_of` this path.

    Args:
        run: the run, or its directory.
        to: "keras", "savedmodel", "onnx", "litert", "npz" or "numpy-script"; see docs/export.md.
        out: path of the file or folder, which must not exist; by default the name of the run, in the working directory.
        model: the model, if the run was trained with the user's own.

    Raises:
        ConfigError: if the format is unknown, `out` exists, or the format cannot represent the model.
        DataError: if the run has no weights, for instance because it diverged.
        DiskError: if the file cannot be written.
    """
    if to not in FORMATS:
        raise ConfigError(_unknown(to))
    path, about = _places(Path(run), to, None if out is None else Path(out))
    trained = read_trained(run)[1]
    content = _npz(trained) if to == "npz" else _converted(run, to, model)

    from descenso.exporting.readme import readme

    text = readme(path.name, to, trained).encode()
    if not isinstance(content, bytes):
        write_folder(path, {**content, about.name: text})
        return path
    write_file(path, content)
    try:
        write_file(about, text)
    except BaseException:  # Ctrl-C too: no model is left without its page
        path.unlink()
        raise
    return path


def _places(run: Path, to: str, out: Path | None) -> tuple[Path, Path]:
    """Return the paths of the model and of its page, after checking that they can be written."""
    path = _default(run, FORMATS[to]) if out is None else out
    if to == "keras" and path.suffix != FORMATS[to]:  # Keras chooses the format by the suffix
        message = _("out must end in {ending} for {to}, got {path}; try --out {file}")
        file = path.with_suffix(FORMATS[to]) if path.name else f"model{FORMATS[to]}"
        raise ConfigError(message.format(ending=FORMATS[to], to=to, path=path, file=file))
    about = readme_of(path, to)
    for place in (path, about):
        if place.exists() or place.is_symlink():
            message = _("{path} is there already, and nothing is overwritten; try --out with a new name")
            raise ConfigError(message.format(path=place))
    check_output(path)
    return path, about


def readme_of(path: Path, to: str) -> Path:
    """Return the path of the page on an exported model: README.md in its folder, or the name of its file and .md."""
    return path / "README.md" if to == "savedmodel" else path.with_name(f"{path.name}.md")


def _unknown(to: str) -> str:
    """Say which formats there are, for a format that does not exist or is not given."""
    if not to:
        listed = "; ".join(f"{name}: {_(what)}" for name, what in DESCRIBED.items())
        return _("export needs a format, one of {listed}. Try --to keras").format(listed=listed)
    meant = ELSEWHERE.get(to.lower().lstrip("."), nearest(to, FORMATS))
    hint = _(" (did you mean {near!r}?)").format(near=meant) if meant else ""
    message = _("to must be one of {choices}, got {value!r}{hint}; try --to {mend}")
    return message.format(choices=", ".join(FORMATS), value=to, hint=hint, mend=meant or "keras")


def _default(run: Path, ending: str) -> Path:
    name = run.resolve().name
    if ending == ".py":
        name = re.sub(r"\W|^(?=\d)", "_", name)  # a name that Python can import
    return Path(name + ending)


def _npz(trained: Trained) -> bytes:
    """Return an NPZ file with all arrays, the scaling, and the names of classes and columns."""
    arrays: dict[str, Any] = {**trained.params, **trained.model_state}
    arrays |= {"class_names": np.array(trained.class_names), "columns": np.array(trained.columns, str)}
    arrays |= {"input_shape": np.asarray(trained.input_shape), "input_dtype": np.array(trained.stored)}
    if trained.encoding is not None:
        arrays["encoding"] = np.array(json.dumps(trained.encoding.plain()))
    arrays |= {f"input_{name}": np.asarray(value) for name, value in trained.scaling._asdict().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def to_keras(run: "RunPath", model: Any = None) -> Any:
    """Make a keras.Model of the model of a run, as the format "keras" has it; see `Run.model`.

    Args:
        run: the run, or its directory.
        model: the model, if the run was trained with the user's own.

    Raises:
        ConfigError, DataError: as `export`.
    """
    loaded = load_trained(run, model)

    from descenso.exporting import graphs

    trained, dtype = loaded.trained, loaded.config.variable_dtype
    return graphs.lenient(graphs.from_scaled(loaded.model, trained, dtype), trained, dtype)


def _converted(run: "RunPath", to: str, model: Any) -> bytes | dict[str, bytes]:
    loaded = load_trained(run, model)

    from descenso.exporting import graphs, script

    writers: dict[str, Callable[[Any, Trained, str], bytes | dict[str, bytes]]] = {
        "keras": graphs.keras_file,
        "savedmodel": graphs.saved_model,
        "onnx": graphs.onnx,
        "litert": graphs.litert,
        "numpy-script": script.numpy_script,
    }
    dtype = "float32" if to in IN_FLOAT32 else loaded.config.variable_dtype
    return writers[to](graphs.from_scaled(loaded.model, loaded.trained, dtype), loaded.trained, dtype)
