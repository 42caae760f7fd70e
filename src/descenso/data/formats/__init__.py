"""File formats: one module each, and FORMATS, the table that dispatches to them and names them in messages and help.

Importing this package imports no reader.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from descenso.text import _, mark

if TYPE_CHECKING:
    from descenso.data.arrays import Rows
    from descenso.data.dataset import Dataset
    from descenso.data.sources import Expected, Limits, Part, Request

OPTIONS = (  # that only some formats take
    "label", "drop", "resize", "decimal", "encoding", "header", "numeric_only", "input_shape", "skip_unreadable",
)  # fmt: skip


class Reader(Protocol):
    """The functions of a format's module, of which `read` is in each, and the others where its row says so."""

    def read(self, request: "Request") -> "Dataset": ...  # neither checked nor scaled; inputs are finite

    def recognises(self, folder: Path) -> bool: ...  # without `suffixes`

    def read_inputs(self, paths: Iterable[Path], expected: "Expected", limits: "Limits") -> Iterator["Part"]: ...

    def read_raw(self, path: Path, limits: "Limits") -> tuple["Rows", "Rows | None"]: ...  # as stored, unchecked


class Format(NamedTuple):
    """A kind of folder or file that holds a dataset.

    Attributes:
        module: its `Reader`.
        title: its name in messages and help.
        suffixes: of its files, in lower case; empty for a folder.
        options: the settings that it takes, of OPTIONS and `test_fraction`.
        inputs: name of its files that hold rows to predict on (`read_inputs`); empty where there are none.
        raw: whether the doctor looks at its training and test rows as they are stored (`read_raw`).
    """

    module: str
    title: str
    suffixes: tuple[str, ...] = ()
    options: tuple[str, ...] = ("test_fraction",)
    inputs: str = ""
    raw: bool = False

    @property
    def reader(self) -> Reader:
        """The module, imported."""
        return cast(Reader, import_module(self.module))


ARRAYS = "descenso.data.formats.array_files"
TABLE = "descenso.data.formats.tables"
PARQUET = "descenso.data.formats.parquet"
OF_ARRAYS = ("test_fraction", "input_shape")
OF_TABLES = ("label", "drop", "decimal", "numeric_only", "test_fraction", "input_shape")
FORMATS = {  # folders are tried in this order; any folder may be one of images
    "converted": Format("descenso.data.formats.converted", mark("folders of converted rows"), (), OF_ARRAYS),
    "idx": Format("descenso.data.formats.idx", mark("folders of IDX files")),
    "idx-file": Format("descenso.data.formats.idx", "IDX", ("-ubyte", "-int", "-ubyte.gz", "-int.gz"), inputs="IDX"),
    "arrays": Format(ARRAYS, mark("folders of arrays"), (), OF_ARRAYS),
    "npz": Format(ARRAYS, "NPZ", (".npz",), OF_ARRAYS, inputs="NPZ", raw=True),
    "npy": Format(ARRAYS, "NPY", (".npy",), OF_ARRAYS, inputs="NPY", raw=True),
    "csv": Format(TABLE, "CSV", (".csv", ".tsv", ".txt", ".data", ".test"), (*OF_TABLES, "encoding", "header"),
                  inputs="CSV"),
    "parquet": Format(PARQUET, "Parquet", (".parquet",), (*OF_TABLES, "resize"), inputs="Parquet"),
    "parquets": Format(PARQUET, "Parquet", (), (*OF_TABLES, "resize")),
    "images": Format("descenso.data.formats.images", mark("folders of images"), (),
                     ("resize", "test_fraction", "skip_unreadable"), inputs="PNG, JPEG, WebP, BMP, GIF, TIFF, PGM"),
}  # fmt: skip


def of_folder(folder: Path) -> Format | None:
    """Return the format of `folder`, None where it is empty."""
    folders = (row for row in FORMATS.values() if not row.suffixes)
    return next((row for row in folders if row.reader.recognises(folder)), None)


def of_file(path: Path) -> Format | None:
    """Return the format of files that end as `path` does, if there is one."""
    return next((row for row in FORMATS.values() if row.suffixes and path.name.lower().endswith(row.suffixes)), None)


def suffixes() -> str:
    """List the suffixes of files, for a message."""
    return ", ".join(suffix for row in FORMATS.values() for suffix in row.suffixes)


def titles(option: str = "") -> str:
    """List the formats of files, or those that take `option`, for a message."""
    chosen = (row for row in FORMATS.values() if (option in row.options if option else row.suffixes))
    return ", ".join(dict.fromkeys(_(row.title) for row in chosen))


def input_titles() -> str:
    """List the formats of files to predict on, for a message."""
    return ", ".join(row.inputs for row in FORMATS.values() if row.inputs)
