"""Read and write a trained model as safetensors: parameters, state, and the scaling of its inputs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from descenso.data.checks import MOST_CLASSES
from descenso.data.dataset import Scaling
from descenso.errors import DataError
from descenso.files import open_regular
from descenso.text import _, reason_of

if TYPE_CHECKING:
    from descenso.data.encoding import Encoding

MOST_BYTES = 2**31
MOST_HEADER_BYTES = 2**20  # some ten thousand arrays; reading a header takes many times its size in memory
DAMAGE = (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, MemoryError)  # of a dtype, too
MOST_DIMENSIONS = 8
SCALING = "scaling:"  # prefix of the arrays that inputs are scaled and shifted by
STORED = ("uint8", "float64")
STATE = "model_state:"  # prefix of the model's arrays that are not parameters
Arrays = dict[str, NDArray[np.generic]]


class Trained(NamedTuple):
    """Weights of a trained model, and the form of its inputs.

    Attributes:
        params: parameters by name, in the layout that users see.
        model_state: arrays that are not parameters, such as the statistics of batch normalisation.
        input_shape: shape of one row.
        class_names: one name per class.
        scaling: of the inputs.
        stored: type of the rows that the model reads: "uint8", as images are stored, or "float64".
        columns: names of a table's inputs; empty without a table.
        encoding: how the columns of a table became these inputs; None where they are the columns themselves.
        pixel_range: of pictures, see `descenso.data.dataset.Dataset`; None for [0, 255], and without pictures.
    """

    params: Arrays
    model_state: Arrays
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scaling: Scaling
    stored: str
    columns: tuple[str, ...] = ()
    encoding: "Encoding | None" = None
    pixel_range: tuple[float, float] | None = None

    @property
    def encoded(self) -> "Encoding | None":
        """How columns become inputs: that of the run, or columns that are numbers; None without a table."""
        from descenso.data.encoding import Encoding

        return self.encoding or (Encoding.of_numbers(self.columns) if self.columns else None)

    def packed(self) -> tuple[Arrays, dict[str, str]]:
        """Return the arrays and the metadata of the weights file."""
        arrays = {**self.params, **{STATE + name: value for name, value in self.model_state.items()}}
        for name, value in self.scaling._asdict().items():
            arrays[SCALING + name] = np.asarray(value, np.float64)  # too large for the header if rows are wide
        about: dict[str, Any] = {
            "input_shape": list(self.input_shape),
            "class_names": list(self.class_names),
            "stored": self.stored,
            "columns": list(self.columns),
        }
        if self.encoding is not None:
            about["encoding"] = self.encoding.plain()
        if self.pixel_range is not None:
            about["pixel_range"] = list(self.pixel_range)
        return arrays, {name: json.dumps(value) for name, value in about.items()}

    @classmethod
    def unpacked(cls, arrays: Arrays, about: dict[str, str], path: Path) -> "Trained":
        """Return the model from the arrays and the metadata of the weights file `path`.

        Raises:
            DataError: if the metadata is incomplete, or an array is not finite.
        """
        try:
            fields = {name: json.loads(about[name]) for name in ("input_shape", "class_names", "stored", "columns")}
            scale, shift = (_numbers(arrays[SCALING + name]) for name in ("scale", "shift"))
            shape = _values(fields["input_shape"], int)
            classes = _values(fields["class_names"], str)
            columns = _values(fields["columns"], str)
            if not 2 <= len(classes) <= MOST_CLASSES or len(shape) > MOST_DIMENSIONS or any(n < 1 for n in shape):
                raise ValueError(f"{len(classes)} classes, inputs {shape}")
            if fields["stored"] not in STORED:
                raise ValueError(f"inputs of type {fields['stored']!r}")
            encoding = _encoding(about["encoding"], columns) if "encoding" in about else None
            pixel_range = _range(about["pixel_range"]) if "pixel_range" in about else None
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise DataError(
                _("{path}: weights without a valid description ({reason})").format(path=path, reason=repr(error))
            ) from None
        params = parameters(arrays)
        state = {name.removeprefix(STATE): array for name, array in arrays.items() if name.startswith(STATE)}
        dtypes = {array.dtype for array in params.values()}
        if dtypes not in ({np.dtype("f4")}, {np.dtype("f8")}) or not all(map(_finite, arrays.values())):
            raise DataError(_("{path}: weights that are not finite numbers of one type").format(path=path))
        return cls(
            params, state, shape, classes, Scaling(shift, scale), fields["stored"], columns, encoding, pixel_range
        )


def _values(values: Any, kind: type) -> tuple[Any, ...]:
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise ValueError(f"{values!r}")
    return tuple(values)


def _range(text: str) -> tuple[float, float]:
    low, high = _values(json.loads(text), float)
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"a range from {low} to {high}")
    return low, high


def _encoding(text: str, columns: tuple[str, ...]) -> "Encoding":
    from descenso.data.encoding import Encoding

    encoding = Encoding.of_plain(json.loads(text))
    if encoding.inputs != columns:
        raise ValueError("an encoding into other inputs")
    return encoding


def parameters(arrays: Arrays) -> Arrays:
    """Select the parameters from the arrays of a weights file."""
    return {name: array for name, array in arrays.items() if not name.startswith((STATE, SCALING))}


def _numbers(array: NDArray[np.generic]) -> float | NDArray[np.float64]:
    numbers = np.asarray(array)
    if numbers.dtype != np.float64 or not np.isfinite(numbers).all():
        raise ValueError(f"a scaling of {numbers.dtype}")
    return numbers if numbers.ndim else float(numbers)


def _finite(array: NDArray[np.generic]) -> bool:
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def weights_bytes(arrays: Arrays, about: dict[str, str]) -> bytes:
    """Serialise arrays and metadata as safetensors; equal contents give equal bytes.

    The library writes metadata in a random order, so the header, a length and JSON, is written anew with sorted keys.
    """
    raw = save({name: np.asarray(array, order="C") for name, array in arrays.items()}, about)  # it ignores strides
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.dumps(json.loads(raw[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the data is aligned to 8 bytes
    return len(header).to_bytes(8, "little") + header + raw[end:]


def read_weights(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read the arrays by name, and the metadata, of a safetensors file; the size of its header is checked first.

    Raises:
        DataError: if it is damaged, or not a regular file.
    """
    try:
        with open_regular(path, MOST_BYTES) as raw:
            header_bytes = int.from_bytes(raw.read(8), "little")
        if header_bytes > MOST_HEADER_BYTES:
            raise ValueError(_("more than {most} bytes").format(most=MOST_HEADER_BYTES))
        with safe_open(str(path), framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except DAMAGE as error:
        raise DataError(_("{path}: damaged weights ({reason})").format(path=path, reason=reason_of(error))) from None
