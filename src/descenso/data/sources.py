"""Requests to the readers of data: sources, limits, and opening files within them."""

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.errors import ConfigError, DataError, DataNote
from descenso.files import open_regular
from descenso.text import _, nearest, reason_of

if TYPE_CHECKING:
    from descenso.data.encoding import Encoding
    from descenso.data.file_rows import Scratch


SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
OF_MEMORY = ("file_bytes", "array_bytes")  # limits of what is read into memory at once
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")


class Limits(NamedTuple):
    """The largest sizes that a reader accepts, of one file; the defaults suit a laptop, `--limit NAME=N` raises them.

    Data beyond `file_bytes` or `array_bytes` is converted by `descenso.load`, and not read into memory.

    Attributes:
        file_bytes: size on the disk.
        array_bytes: size of the elements, unpacked.
        rows: number of rows.
        pixels: of one image.
        columns: of a table.
    """

    file_bytes: int = 2**30
    array_bytes: int = 2**31
    rows: int = 10**8
    pixels: int = 2**24
    columns: int = 2**12

    @classmethod
    def of(cls, words: list[str]) -> "Limits":
        """Parse words such as "rows=1000".

        Raises:
            ConfigError: for an unknown name, or a value that is not a positive whole number.

        >>> Limits.of(["rows=1000"]).rows
        1000
        """
        raised = {}
        for word in words:
            name, _sign, value = word.partition("=")
            if name not in cls._fields or not value.isdecimal() or not int(value):
                near = nearest(name, cls._fields)
                hint = _(" (did you mean {near!r}?)").format(near=near) if near and near != name else ""
                message = _(
                    "a limit must be NAME=N, NAME one of {names}, got {word!r}{hint}; try --limit {near}={number}"
                )
                number = int(value) if value.isdecimal() and int(value) else 1000
                names = ", ".join(cls._fields)
                raise ConfigError(message.format(names=names, word=word, hint=hint, near=near or "rows", number=number))
            raised[name] = int(value)
        return cls(**raised)

    def check(self, name: str, value: int, path: Path) -> None:
        """Refuse `path` where its `value` is beyond the limit called `name`.

        Raises:
            DataError: naming limit and flag; `TooLargeError` where it is a size of OF_MEMORY.
        """
        limit = getattr(self, name)
        if value > limit:
            message = _("{path}: {name} would be {value}, the limit is {limit}; try --limit {name}={value}")
            kind = TooLargeError if name in OF_MEMORY else DataError
            raise kind(message.format(path=path, name=name, value=value, limit=limit))


class TooLargeError(DataError):
    """Data is larger than what is read into memory."""


class Sources(NamedTuple):
    """Where data is read from, and within which limits.

    Attributes:
        limits: what to refuse as too large.
        data_dir: where named datasets are looked for first, each in a folder of its name.
    """

    limits: Limits = Limits()
    data_dir: Path | None = None

    @classmethod
    def of(cls, limits: list[str] | None, data_dir: Path | None = None) -> "Sources":
        """Parse the limits as `Limits.of` does."""
        return cls(Limits.of(limits or []), data_dir)


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the system refuses, and a lack of memory, into a `DataError` that names `path`."""
    try:
        yield
    except MemoryError:
        raise DataError(_("{path}: it holds more than there is memory for").format(path=path)) from None
    except OSError as error:
        message = _("{path}: cannot be read ({reason})")
        raise DataError(message.format(path=path, reason=reason_of(error))) from None


@contextlib.contextmanager
def opened(path: Path, limits: Limits) -> Iterator[BinaryIO]:
    """Open the regular file `path` to read it.

    Raises:
        DataError: if it cannot be read, is not a regular file, or is larger than the limits.
    """
    with refusals(path), open_regular(path) as file:
        limits.check("file_bytes", os.fstat(file.fileno()).st_size, path)
        yield file


Part = tuple[Path, NDArray[np.generic], list[str]]  # the last file of some rows, the rows, and a name for each


def numbered(path: Path, rows: NDArray[np.generic]) -> Part:
    """Name the rows of a file `path:row`, counted from 1."""
    return path, rows, [f"{path}:{row + 1}" for row in range(len(rows))]


def note(name: object, sentence: str) -> None:
    """Say something about data that is read, as a warning of Python that the command line prints as one line."""
    warnings.warn(f"{name}: {sentence}", DataNote, stacklevel=2)


class Request(NamedTuple):
    """How to read a dataset from a folder or a file.

    Attributes:
        name: its path as the user gave it; errors name it.
        limits: what to refuse as too large.
        label: the column of a table that holds the labels; None to read inputs only.
        drop: columns of a table to leave out.
        resize: "HEIGHTxWIDTH" of all images, or empty.
        test_fraction: share of each class's rows to test on, in [0, 1]; 1 is `descenso.data.checks.ALL`.
        seed: of the shuffle and of the split.
        decimal: the decimal mark of a table's numbers, "." or ","; empty to find out.
        encoding: of the text of a CSV file, where it is not UTF-8; empty to find out.
        header: "yes" or "no", whether the first row of a CSV file holds the names; empty to find out.
        numeric_only: whether each column of a table must hold numbers, and none be missing.
        skip_unreadable: whether to leave out files of a folder that cannot be used.
        input_shape: "HEIGHTxWIDTH" or "HEIGHTxWIDTHxCHANNELS" of the images that flat rows hold, or empty.
        expected: what a trained model reads; None where none has learned yet.
        encoded: how the columns of a table became the inputs of a trained model; None where none has learned yet.
        scratch: files for the columns of a table, which is read one column at a time; None to read it into memory.
        files: Parquet files that are one table, by part: "train", and maybe "test" and "val"; none for `name` itself.
    """

    name: str
    limits: Limits = Limits()
    label: str | None = ""
    drop: tuple[str, ...] = ()
    resize: str = ""
    test_fraction: float = 0.0
    seed: int = 0
    decimal: str = ""
    encoding: str = ""
    header: str = ""
    numeric_only: bool = False
    skip_unreadable: bool = False
    input_shape: str | Sequence[int] = ""
    expected: "Expected | None" = None
    encoded: "Encoding | None" = None
    scratch: "Scratch | None" = None
    files: "Mapping[str, Sequence[Path]]" = MappingProxyType({})

    @property
    def path(self) -> Path:
        """The folder or file."""
        return Path(self.name)


class Expected(NamedTuple):
    """What a model reads.

    Attributes:
        input_shape: of one row.
        columns: names of the inputs, where the model learned from a table.
        stored: "uint8", as pictures are stored, or "float64".
        like_mnist: whether to prepare images of digits as MNIST's were.
        encoding: how the columns of a table became inputs; None for the numbers in `columns`.
        how: "encoding", "decimal" and "header" of CSV files, as of `Request`, where they differ from what is found out.
        pixel_range: of the pictures, where it is not [0, 255]; None for that, and without pictures.
        flat: whether its images were the flat rows of a table or an array (`input_shape`).
        skip_unreadable: whether to leave out images that cannot be used.
    """

    input_shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    stored: str = "uint8"
    like_mnist: bool = False
    encoding: "Encoding | None" = None
    how: Mapping[str, Any] = MappingProxyType({})
    pixel_range: tuple[float, float] | None = None
    flat: bool = False
    skip_unreadable: bool = False

    @property
    def is_of_images(self) -> bool:
        """Whether one row has the shape of an image, in grey or in colour."""
        shape = self.input_shape
        return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
