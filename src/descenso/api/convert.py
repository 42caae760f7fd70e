"""Convert images and arrays into files of rows, which a run reads without loading them into memory."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import Rows, channels_last, coded, in_order, random_of
from descenso.data.checks import check_finite, check_rows
from descenso.data.dataset import Split
from descenso.data.file_rows import in_file
from descenso.data.formats import FORMATS, of_file, of_folder
from descenso.data.formats.array_files import read_parts
from descenso.data.formats.converted import KIND, MANIFEST, TRAIN, VALIDATION, Manifest, Piece, digest_of, read_manifest
from descenso.data.formats.converted import recognises as is_converted
from descenso.data.formats.folders import Inspection, find
from descenso.data.formats.image_files import EIGHT, UPPER, has_channels, read_pixels
from descenso.data.formats.images import check_classes, parse_size, unlike_others
from descenso.data.labels import plain_labels
from descenso.data.sources import Limits, refusals
from descenso.errors import ConfigError, DataError
from descenso.files import inside
from descenso.runs.files import disk_errors, make_folder, sweep, write_file
from descenso.text import _

PIECE_BYTES = 2**26  # of the inputs in one file, about


class Part(NamedTuple):
    """Rows of a source that are to be trained, validated or tested on.

    Attributes:
        labels: (rows,) int32, which index the class names.
        key: from (first, last) to a text that differs where the rows between would be others.
        read: from (first, last) to the inputs of these rows, and which of the rows there are.
    """

    labels: NDArray[np.int32]
    key: Callable[[int, int], str]
    read: Callable[[int, int], tuple[NDArray[Any], NDArray[np.bool_]]]


class Source(NamedTuple):
    """What is converted: its parts by name, its classes, and the bytes of a row."""

    parts: dict[str, Part]
    class_names: tuple[str, ...]
    row_bytes: int
    pictures: bool
    notes: tuple[str, ...]


def convert(
    source: str | Path,
    dest: str | Path,
    *,
    resize: str = "",
    skip_unreadable: bool = False,
    limits: Limits | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> Manifest:
    """Convert images or arrays into a folder of NPY files with a manifest, some rows at a time.

    `source` is only read. After an interruption, files that are whole and would be the same are kept. Rows of arrays
    keep their order; images, which lie class by class, are shuffled.

    Args:
        source: a folder of images by class; or an NPY or NPZ file, or a folder of them. NPZ is read into memory.
        dest: the folder to write; new, empty, or of an interrupted conversion.
        resize: "HEIGHTxWIDTH" of all images, or empty.
        skip_unreadable: whether to leave out images that cannot be used.
        limits: what to refuse as too large.
        told: is called with a line on what is done.

    Returns: the manifest that was written.

    Raises: ConfigError, DataError or DiskError, where `dest`, `source` or the disk cannot be used.
    """
    found = _source(Path(source), dest := Path(dest), resize, skip_unreadable, limits or Limits())
    make_folder(dest)
    sweep(dest)  # what a kill has left
    manifest = Manifest(kind=KIND, complete=False, pictures=found.pictures, class_names=found.class_names, pieces=(),
                        notes=found.notes)  # fmt: skip
    if not is_converted(dest):  # so that a folder with a first file alone is known to be of this conversion
        _write(dest, manifest)
    before = {piece.inputs: piece for piece in read_manifest(dest).pieces}
    done = _written(found, dest, manifest, before, told)
    _write(dest, manifest := manifest.model_copy(update={"pieces": tuple(done.values()), "complete": True}))
    for name in {name for old in {*before} - {*done} for name in (old, before[old].labels)}:
        with disk_errors(dest / name):
            (dest / name).unlink(missing_ok=True)
    return manifest


def _written(
    found: Source, dest: Path, manifest: Manifest, before: dict[str, Piece], told: Callable[[str], None]
) -> dict[str, Piece]:
    """Write all pieces, and after each one the manifest; return them by the names of their files."""
    total = sum(len(part.labels) for part in found.parts.values())
    known, done = dict(before), dict[str, Piece]()
    for piece in _pieces(found, dest, before):
        known[piece.inputs] = done[piece.inputs] = piece
        _write(dest, manifest.model_copy(update={"pieces": tuple(known.values())}))
        told(_("rows: {done} of {total}").format(done=sum(each.rows for each in done.values()), total=total))
    return done


def _write(dest: Path, manifest: Manifest) -> None:
    write_file(dest / MANIFEST, manifest.model_dump_json(indent=1).encode())


def _pieces(found: Source, dest: Path, before: dict[str, Piece]) -> Iterator[Piece]:
    """Write the files of one piece after the other; of those written before, keep what is the same."""
    step = max(1, PIECE_BYTES // found.row_bytes)
    for name, part in found.parts.items():
        for number, first in enumerate(range(0, len(part.labels), step)):
            last = min(first + step, len(part.labels))
            files = tuple(f"{kind}_{name}-{number:05}.npy" for kind in "Xy")
            key = f"{part.key(first, last)} {part.labels[first:last].tolist()} {found.class_names}"
            source = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
            old = before.get(files[0])
            if old and old.source == source and tuple(digest_of(dest / file) for file in files) == old.sha256:
                yield old
                continue
            inputs, kept = part.read(first, last)
            digests = [_save(dest / file, array)
                       for file, array in zip(files, (inputs, part.labels[first:last][kept]), strict=True)]  # fmt: skip
            yield Piece(part=name, rows=len(inputs), inputs=files[0], labels=files[1],
                        sha256=(digests[0], digests[1]), source=source,
                        most=float(inputs.max()) if inputs.size else 0.0)  # fmt: skip


def _save(path: Path, array: NDArray[Any]) -> str:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
    content = stream.getvalue()
    write_file(path, content)
    return hashlib.sha256(content).hexdigest()


def _source(source: Path, dest: Path, resize: str, skip: bool, limits: Limits) -> Source:
    """Find the rows of `source`, after checking where they are to be written."""
    with suppress(OSError):
        if dest.resolve() == source.resolve() or (source.is_dir() and source.resolve() in dest.resolve().parents):
            message = _("{dest}: in {source}, which is only read; give a folder beside it: {mend}")
            raise ConfigError(message.format(dest=dest, source=source, mend=f"{source.resolve()}-rows"))
    if dest.exists() and not (dest.is_dir() and (not any(dest.iterdir()) or is_converted(dest))):
        message = _("{dest}: not an empty folder, nor that of an interrupted conversion; give the name of a new one")
        raise ConfigError(message.format(dest=dest))
    if not source.exists():
        raise DataError(_("{path}: there is no such file or folder").format(path=source))
    kind = of_folder(source) if source.is_dir() else of_file(source)
    if kind in (FORMATS["arrays"], FORMATS["npy"], FORMATS["npz"]) and not resize:
        return _arrays(source, limits)
    if kind == FORMATS["images"]:
        return _images(source, parse_size(resize) if resize else None, skip, limits)
    message = _("{path}: not converted; what is: a folder of images by class, which --resize is for, NPY and "
                "NPZ; other data is read into memory: descenso train {path}")  # fmt: skip
    raise DataError(message.format(path=source))


def _arrays(source: Path, limits: Limits) -> Source:
    """Find the rows of arrays; those in NPY files are mapped."""
    parts, notes = read_parts(source, limits)
    rows = {name: Rows(channels_last(part.inputs), plain_labels(str(source), f"y_{name}", part.labels))
            for name, part in parts.items()}  # fmt: skip
    names = in_order(source, {str(label) for label in np.unique(rows["train"].labels)})
    shape, files = (
        rows["train"].inputs.shape[1:],
        sorted((source if source.is_dir() else source.parent).glob("*.np[yz]")),
    )
    about = " ".join(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    found = {}
    for name, part in rows.items():
        what = f"{source}, {name}"
        check_rows(Split(*part), shape, what, encoded=False)
        labels = coded(str(source), f"y_{name}", part.labels, names)
        key = partial("{} {} {} {}".format, about, name)
        found[VALIDATION if name == "val" else name] = Part(labels, key, partial(_slice, in_file(part.inputs), what))
    row_bytes = max(1, rows["train"].inputs[:1].nbytes)
    return Source(found, tuple(names), row_bytes, False, notes)


def _slice(inputs: NDArray[Any], what: str, first: int, last: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    rows = inputs[first:last]
    check_finite(rows, what, first)
    return rows.astype(np.uint8) if rows.dtype == np.bool_ else rows, np.ones(last - first, np.bool_)


def _images(source: Path, size: tuple[int, int] | None, skip: bool, limits: Limits) -> Source:
    """Find the images of a folder, and shuffle them."""
    listed = find(source, limits)
    check_classes(source, listed.parts)
    names, inspection = list(listed.parts[TRAIN]), Inspection(source, skip)
    inspection.beside(listed.beside)
    inspection.settle(1)
    files = {part: [(path, names.index(name)) for name, paths in classes.items() for path in paths]
             for part, classes in listed.parts.items()}  # fmt: skip
    shuffled = {part: [rows[row] for row in random_of(0).permutation(len(rows))] for part, rows in files.items()}
    reader = _Images(source, size, skip, limits, [path for rows in shuffled.values() for path, _label in rows])
    found = {}
    for part, rows in shuffled.items():
        paths, labels = [path for path, _label in rows], np.array([label for _path, label in rows], np.int32)
        found[part] = Part(labels, partial(reader.key, paths), partial(reader.read, paths))
    return Source(found, tuple(names), int(np.prod(reader.shape)), True, listed.notes)


class _Images:
    """Reads images of one folder, which all get the shape of the first one that can be read."""

    def __init__(self, root: Path, size: tuple[int, int] | None, skip: bool, limits: Limits, paths: list[Path]) -> None:
        self.root, self.size, self.skip, self.limits, self.mode = root, size, skip, limits, ""
        if size is not None and any(self._in_colour(path) for path in paths):
            self.mode = "RGB"
        inspection = Inspection(root, False)
        for self.first in paths:
            if (values := self._one(self.first, inspection)) is not None:
                self.shape = values.shape
                return
        raise DataError(inspection.refusal(0))

    def key(self, all_paths: list[Path], first: int, last: int) -> str:
        """Write what the pixels of some images depend on."""
        with refusals(self.root):
            stats = [(path.relative_to(self.root), path.stat()) for path in all_paths[first:last]]
        files = " ".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
        return f"{files} {self.shape} {self.size} {self.mode} {self.skip}"

    def read(self, all_paths: list[Path], first: int, last: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Read some images; those that cannot be used are named together, or left out."""
        inspection, paths = Inspection(self.root, self.skip), all_paths[first:last]
        rows, kept = np.empty((len(paths), *self.shape), np.uint8), np.zeros(len(paths), np.bool_)
        for place, path in enumerate(paths):
            values = self._one(path, inspection)
            if values is None:
                continue
            if values.shape != self.shape:
                raise DataError(unlike_others(path, values.shape, self.first, self.shape))
            rows[place], kept[place] = values, True
        if refusal := inspection.refusal(len(paths)):
            raise DataError(refusal)
        return rows[kept], kept

    def _in_colour(self, path: Path) -> bool:
        try:
            return has_channels(inside(self.root, *path.relative_to(self.root).parts), self.limits)
        except DataError:  # which reading it names
            return False

    def _one(self, path: Path, inspection: Inspection) -> NDArray[Any] | None:
        """Read one image; what cannot be used is noted."""
        try:
            file = inside(self.root, *path.relative_to(self.root).parts)
            picture = read_pixels(file, self.limits, self.size, self.mode)
            if picture.depth not in (EIGHT, UPPER):
                raise DataError(_("{path}: more than 8 bits a value; save it with 8 bits").format(path=path))
        except DataError as error:
            inspection.refuse(path, error)
            return None
        return picture.values
