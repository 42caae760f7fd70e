"""Read a folder that `descenso data convert` has written: rows in NPY files, which stay there, and their manifest."""

import hashlib
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from descenso.data.arrays import divided, numbers, said_of_validation
from descenso.data.checks import ALL, check_finite, check_rows, share_to_test
from descenso.data.dataset import Dataset, Split
from descenso.data.encoding import Encoding
from descenso.data.file_rows import FileRows
from descenso.data.formats.array_files import read_npy
from descenso.data.formats.image_files import EIGHT
from descenso.data.formats.ranges import range_of, scaling_of
from descenso.data.sources import Limits, Request, refusals
from descenso.errors import DataError
from descenso.files import inside, open_regular
from descenso.text import _

MANIFEST = "manifest.json"
KIND = "descenso rows 1"  # of the manifest: what it describes, and its version
VALIDATION, TRAIN, TEST = "validation", "train", "test"
MOST_BYTES = 2**26  # of a manifest
AT_ONCE = 2**20  # bytes that are hashed at a time
NAME = r"^[Xy]_[a-z]+-[0-9]{5,9}[.]npy$"


class DamagedError(DataError):
    """Files of converted rows are damaged, or gone."""


class Piece(BaseModel):
    """A pair of files with rows of one part.

    Attributes:
        part: "train", "validation" or "test".
        rows: number of rows.
        inputs, labels: names of the files.
        sha256: of both, in hexadecimal.
        source: SHA-256 of what the rows were made from: names, sizes and times of files, and settings.
        most: the largest value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: str
    rows: int = Field(ge=0)
    inputs: str = Field(pattern=NAME)
    labels: str = Field(pattern=NAME)
    sha256: tuple[str, str]
    source: str
    most: float


class Manifest(BaseModel):
    """What `manifest.json` holds.

    Attributes:
        kind: `KIND`.
        complete: whether the conversion has ended.
        pictures: whether the rows were read from image files.
        class_names: that the labels index.
        pieces: in the order of the rows.
        notes: sentences that say how the source was read.
        encoding: how the columns of a table became inputs, as of `Encoding.plain`; None without a table.
        state: SHA-256 of the paths, sizes and times of the source's files; empty where it is not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(KIND, pattern=f"^{KIND}$")
    complete: bool
    pictures: bool
    class_names: tuple[str, ...]
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()
    encoding: dict[str, Any] | None = None
    state: str = ""


def recognises(folder: Path) -> bool:
    """Tell whether `folder` holds a manifest of converted rows."""
    if not (folder / MANIFEST).is_file():
        return False
    with refusals(folder / MANIFEST), (folder / MANIFEST).open("rb") as file:
        return KIND.encode() in file.read(AT_ONCE)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in `folder`.

    Raises:
        DataError: where it is damaged.
    """
    path = folder / MANIFEST
    try:
        with refusals(path), open_regular(path, MOST_BYTES) as file:
            return Manifest.model_validate_json(file.read())
    except ValueError as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        message = _("{path}: not the manifest of converted rows, or damaged ({reason}); convert the source anew")
        raise DamagedError(message.format(path=path, reason=reason)) from None


def read(request: Request) -> Dataset:
    """Read the rows of a converted folder, which stay in its files, and compare each file with its SHA-256."""
    folder = request.path
    manifest = read_manifest(folder)
    if not manifest.complete:
        message = _("{path}: its conversion was interrupted; try descenso data convert with the same source again")
        raise DataError(message.format(path=folder))
    parts = {
        part: [piece for piece in manifest.pieces if piece.part == part and piece.rows]
        for part in (VALIDATION, TRAIN, TEST)
    }
    fraction, said = share_to_test(folder, request.test_fraction, has_test=bool(parts[TEST]))
    first = parts[VALIDATION] if fraction != ALL else []
    train = _split(folder, [*first, *parts[TRAIN]], request.limits, _("{name}, training rows"))
    if fraction == ALL:
        train, test = train.rows(slice(0)), train
    if parts[TEST]:
        test = _split(folder, parts[TEST], request.limits, _("{name}, test rows"))
    elif fraction != ALL:
        train, test = divided(train, fraction, request.seed)
    held = sum(piece.rows for piece in first)
    highest = max(piece.most for piece in manifest.pieces)
    pixel_range = range_of(0, highest, EIGHT) if manifest.pictures else None
    notes = (*manifest.notes, *([said_of_validation(held)] if held else []), *said)
    encoding = _encoding(folder, manifest, math.prod(train.inputs.shape[1:]))
    if encoding and request.encoded not in (None, encoding):
        message = _("{path}: a table that was encoded otherwise than the one that the model learned from; give the "
                    "table that it was made from")  # fmt: skip
        raise DataError(message.format(path=folder))
    return Dataset(str(folder), train, test, manifest.class_names, scaling_of(pixel_range), notes=notes,
                   pixel_range=pixel_range, validation=held, encoding=encoding,
                   columns=encoding.inputs if encoding else ())  # fmt: skip


def _encoding(folder: Path, manifest: Manifest, width: int) -> Encoding | None:
    """Return how the columns of a table became rows of `width` inputs."""
    if manifest.encoding is None:
        return None
    try:
        encoding = Encoding.of_plain(manifest.encoding)
        if len(encoding.inputs) != width:
            raise ValueError(f"{len(encoding.inputs)} inputs, rows of {width}")
    except (KeyError, TypeError, ValueError) as error:
        message = _("{path}: not the manifest of converted rows, or damaged ({reason}); convert the source anew")
        raise DataError(message.format(path=folder / MANIFEST, reason=error)) from None
    return encoding


def _split(folder: Path, pieces: list[Piece], limits: Limits, what: str) -> Split:
    """Map the files of `pieces`, one behind the other, after comparing them with the manifest."""
    what = what.format(name=folder)
    if not pieces:
        raise DataError(_("{what}: no rows; give at least one").format(what=what))
    inputs, labels = [], []
    for piece in pieces:
        for name, digest in zip((piece.inputs, piece.labels), piece.sha256, strict=True):
            if digest_of(inside(folder, name)) != digest:
                message = _("{path}: not the file that was written, by its SHA-256 in {manifest}; convert the source "
                            "again, which writes it anew")  # fmt: skip
                raise DamagedError(message.format(path=folder / name, manifest=MANIFEST))
        inputs.append(read_npy(folder / piece.inputs, limits, most_read=0))
        labels.append(read_npy(folder / piece.labels, limits))
        alike = inputs[-1].shape == (piece.rows, *inputs[0].shape[1:]) and inputs[-1].dtype == inputs[0].dtype
        if not alike or labels[-1].shape != (piece.rows,):
            message = _("{path}: an array of shape {got}, which does not fit to the others; convert the source anew")
            raise DataError(message.format(path=folder / piece.inputs, got=inputs[-1].shape))
    rows = Split(numbers(cast("NDArray[Any]", FileRows(inputs))), np.concatenate(labels))
    check_rows(rows, rows.inputs.shape[1:], what)
    check_finite(rows.inputs, what)
    return rows


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; empty where there is none."""
    if not path.is_file():
        return ""
    digest = hashlib.sha256()
    with refusals(path), open_regular(path) as file:
        while content := file.read(AT_ONCE):
            digest.update(content)
    return digest.hexdigest()
