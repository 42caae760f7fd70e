"""A run's model, taken elsewhere: a file or folder that reads rows as they are stored, and gives probabilities."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from descenso.api.inference import read_trained, use
from descenso.errors import ConfigError
from descenso.runs.files import make_folder, write_file, write_folder
from descenso.runs.trained import Trained
from descenso.text import _, closest

FORMATS = {  # and how the names of their files end; a SavedModel is a folder
    "keras": ".keras",
    "savedmodel": "-savedmodel",
    "onnx": ".onnx",
    "litert": ".tflite",
    "npz": ".npz",
    "numpy-script": ".py",
}
IN_FLOAT32 = ("onnx", "litert")  # whose runtimes know few operations in float64


def export(run: str | Path, to: str, out: str | Path | None = None, model: Any = None) -> Path:
    """Write what the run in directory `run` learned in the format `to`, one of `FORMATS`.

    Args:
        run: the directory.
        to: "keras", "savedmodel", "onnx", "litert", "npz" or "numpy-script"; see docs/export.md.
        out: the file or folder, of which there must be none yet; by default in the working directory, named by the run.
        model: one's own, where the run was trained with one.

    Returns:
        Where it was written, whole or not at all.

    Raises:
        ConfigError: for an unknown format, something at `out`, or a model that the format cannot hold.
        DataError: where the run kept no weights, as one that diverged.
        DiskError: where it cannot be written.
    """
    if to not in FORMATS:
        names = ", ".join(FORMATS)
        raise ConfigError(
            _("to must be one of {choices}, got {value!r}{hint}; try --to onnx").format(
                choices=names, value=to, hint=closest(to, FORMATS)
            )
        )
    path = _default(Path(run), FORMATS[to]) if out is None else Path(out)
    if to == "keras" and path.suffix != FORMATS[to]:  # which Keras goes by
        raise ConfigError(
            _("out must end in {ending} for {to}, got {path}; try --out {stem}{ending}").format(
                ending=FORMATS[to], to=to, path=path, stem=path.stem
            )
        )
    if path.exists() or path.is_symlink():
        raise ConfigError(
            _("{path} is there already, and nothing is overwritten; try --out with a new name").format(path=path)
        )
    content = _npz(read_trained(run)[1]) if to == "npz" else _converted(run, to, model)
    make_folder(path.parent)
    write_file(path, content) if isinstance(content, bytes) else write_folder(path, content)
    return path


def _default(run: Path, ending: str) -> Path:
    name = run.resolve().name
    return Path((re.sub(r"\W|^(?=\d)", "_", name) if ending == ".py" else name) + ending)  # which Python can import


def _npz(trained: Trained) -> bytes:
    """Every array by its name, and what a forward pass needs to know besides."""
    arrays: dict[str, Any] = {**trained.params, **trained.model_state}
    arrays |= {"class_names": np.array(trained.class_names), "columns": np.array(trained.columns, str)}
    arrays |= {name: np.asarray(getattr(trained, name)) for name in ("input_shape", "input_scale", "input_shift")}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _converted(run: str | Path, to: str, model: Any) -> bytes | dict[str, bytes]:
    used = use(run, model)

    from descenso.exporting import graphs, script
    from descenso.exporting.inference import from_scaled

    writers: dict[str, Callable[[Any, Trained, str], bytes | dict[str, bytes]]] = {
        "keras": graphs.keras_file,
        "savedmodel": graphs.saved_model,
        "onnx": graphs.onnx,
        "litert": graphs.litert,
        "numpy-script": script.numpy_script,
    }
    dtype = "float32" if to in IN_FLOAT32 else used.config.variable_dtype
    return writers[to](from_scaled(used.predictor.model, used.trained, dtype), used.trained, dtype)
