"""What a descent learned, as it lies in the weights' file: parameters, state, and how inputs are brought to them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import MOST_CLASSES
from descenso.errors import DataError
from descenso.text import _

MOST_DIMENSIONS = 8
SCALING = "scaling:"  # before the names of what inputs are scaled and shifted by
STORED = ("uint8", "float64")
STATE = "model_state:"  # before the names of what a model carries besides its parameters
Arrays = dict[str, NDArray[np.generic]]


class Trained(NamedTuple):
    """A trained model's numbers.

    Attributes:
        params: as a textbook writes them.
        model_state: what the model carries besides, such as the statistics of batch normalisation.
        input_shape: of one row.
        class_names: one a class.
        input_scale, input_shift: as those of `Dataset`.
        stored: the type of the rows that it reads: "uint8", as pictures are stored, or "float64".
        columns: names of a table's inputs.
    """

    params: Arrays
    model_state: Arrays
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    input_scale: float | NDArray[np.float64]
    input_shift: float | NDArray[np.float64]
    stored: str
    columns: tuple[str, ...] = ()

    def packed(self) -> tuple[Arrays, dict[str, str]]:
        """The file's arrays, and what it says of itself."""
        arrays = {**self.params, **{STATE + name: value for name, value in self.model_state.items()}}
        for name, value in (("scale", self.input_scale), ("shift", self.input_shift)):
            arrays[SCALING + name] = np.asarray(value, np.float64)  # of wide rows too much for a header
        about = {
            "input_shape": list(self.input_shape),
            "class_names": list(self.class_names),
            "stored": self.stored,
            "columns": list(self.columns),
        }
        return arrays, {name: json.dumps(value) for name, value in about.items()}

    @classmethod
    def unpacked(cls, arrays: Arrays, about: dict[str, str], path: Path) -> "Trained":
        """What was packed; `path` is where it was found.

        Raises:
            DataError: for a file that does not say what it is of, or holds numbers that are not finite.
        """
        try:
            told = {name: json.loads(about[name]) for name in ("input_shape", "class_names", "stored", "columns")}
            scale, shift = (_numbers(arrays[SCALING + name]) for name in ("scale", "shift"))
            shape, classes, columns = (_told(told[name], kind) for name, kind in
                                       (("input_shape", int), ("class_names", str), ("columns", str)))  # fmt: skip
            if not 2 <= len(classes) <= MOST_CLASSES or len(shape) > MOST_DIMENSIONS or any(n < 1 for n in shape):
                raise ValueError(f"{len(classes)} classes, inputs {shape}")
            if told["stored"] not in STORED:
                raise ValueError(f"inputs of type {told['stored']!r}")
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise DataError(
                _("{path}: weights that do not say what they are of ({reason})").format(path=path, reason=repr(error))
            ) from None
        params = parameters(arrays)
        state = {name.removeprefix(STATE): array for name, array in arrays.items() if name.startswith(STATE)}
        dtypes = {array.dtype for array in params.values()}
        if dtypes not in ({np.dtype("f4")}, {np.dtype("f8")}) or not all(map(_finite, arrays.values())):
            raise DataError(_("{path}: weights that are not finite numbers of one type").format(path=path))
        return cls(params, state, shape, classes, scale, shift, told["stored"], columns)


def _told(values: Any, kind: type) -> tuple[Any, ...]:
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise ValueError(f"{values!r}")
    return tuple(values)


def parameters(arrays: Arrays) -> Arrays:
    """Of the file's arrays those that are parameters."""
    return {name: array for name, array in arrays.items() if not name.startswith((STATE, SCALING))}


def _numbers(array: NDArray[np.generic]) -> float | NDArray[np.float64]:
    numbers = np.asarray(array)
    if numbers.dtype != np.float64 or not np.isfinite(numbers).all():
        raise ValueError(f"a scaling of {numbers.dtype}")
    return numbers if numbers.ndim else float(numbers)


def _finite(array: NDArray[np.generic]) -> bool:
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())
