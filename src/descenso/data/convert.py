"""Convert images, arrays and tables into files of rows, which a run reads without loading them into memory."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.data import conversion, conversion_images
from descenso.data.conversion import Source, state_of
from descenso.data.file_rows import Scratch
from descenso.data.formats import FORMATS, OPTIONS, Format, of_file, of_folder, titles
from descenso.data.formats.converted import KIND, MANIFEST, Manifest, Piece, digest_of, read_manifest
from descenso.data.formats.converted import recognises as is_converted
from descenso.data.formats.folders import find
from descenso.data.formats.mixed import check_parquet
from descenso.data.formats.parquet import files_of, of_tables
from descenso.data.sources import Limits, Request
from descenso.errors import ConfigError, DataError, DescensoError
from descenso.files import TEMPORARY, check_free_space, disk_errors, make_folder, sweep, write_file
from descenso.text import _, spelled

PIECE_BYTES = 2**26  # of the inputs in one file, about
UNLIMITED = 2**62  # bytes of a file or an array of which little is in memory at a time
LATER = ("test_fraction", "seed", "input_shape")  # settings that rows which are no table take when they are trained on


def convert(
    source: str | Path,
    dest: str | Path,
    *,
    limits: Limits | None = None,
    told: Callable[[str], None] = lambda line: None,
    **settings: Any,
) -> Manifest:
    """Convert images, arrays or a table into a folder of NPY files with a manifest, some rows at a time.

    `source` is only read. After an interruption, files that are whole and would be the same are kept. Rows of arrays
    and of Parquet files with images keep their order; images in folders, which lie class by class, are shuffled. A
    table is split into training rows and test rows, which are encoded, as `descenso.load` does with these settings.

    Args:
        source: a folder of images by class; NPY, NPZ or IDX files or a folder of them; a CSV or Parquet file, or a
            folder of Parquet files with images.
        dest: the folder to write; new, empty, or of an interrupted conversion.
        limits: what to refuse as too large; the sizes of files and arrays do not count, but for images in folders.
        told: is called with a line on what is done.
        **settings: those of `descenso.load` that say how `source` is read.

    Returns: the manifest that was written.
    Raises: ConfigError, DataError or DiskError, where `dest`, `source` or the disk cannot be used.
    """
    drop = tuple(filter(None, str(settings.pop("drop", "")).split(",")))
    return convert_rows(Request(str(source), limits or Limits(), drop=drop, **settings), Path(dest), told)


def convert_rows(request: Request, dest: Path, told: Callable[[str], None]) -> Manifest:
    """Convert what `request` names into the folder `dest`; see `convert`."""
    _check_paths(request.path, dest)
    with _begun(dest), TemporaryDirectory(TEMPORARY, ".columns", dest, ignore_cleanup_errors=True) as folder:
        state = digest_of_state(request)
        found = _source(request, dest, Scratch(Path(folder)))
        encoding = None if found.encoding is None else found.encoding.plain()
        manifest = Manifest(kind=KIND, complete=False, pictures=found.pictures, class_names=found.class_names,
                            pieces=(), notes=found.notes, encoding=encoding)  # fmt: skip
        before = {piece.inputs: piece for piece in read_manifest(dest).pieces}
        check_free_space(dest, found.row_bytes * (found.rows - sum(piece.rows for piece in before.values())))
        done = _written(found, dest, manifest, before, told)
        if state_of(found.files) != found.state:
            message = _("{path}: it has changed while it was converted; convert it again")
            raise DataError(message.format(path=request.path))
        manifest = manifest.model_copy(update={"pieces": tuple(done.values()), "complete": True, "state": state})
        _write(dest, manifest)
    _remove(dest, [piece for name, piece in before.items() if name not in done])
    return manifest


def digest_of_state(request: Request) -> str:
    """Return the SHA-256 of the paths, sizes and times of the files that `request` names."""
    root = request.path if request.path.is_dir() else request.path.parent
    states = (f"{path.relative_to(root).parent}: {state_of([path])}\n" for path in _files(request))  # with its class
    return hashlib.sha256("".join(states).encode("utf-8", "surrogateescape")).hexdigest()


def is_table(request: Request) -> bool:
    """Tell whether a request is for a table, whose rows are split before they are encoded."""
    kind = _kind(request.path)
    if kind not in (FORMATS["parquet"], FORMATS["parquets"]):
        return kind == FORMATS["csv"]
    return of_tables(_unlimited(request)) is not None


def _kind(source: Path) -> Format | None:
    return of_folder(source) if source.is_dir() else of_file(source)


def _unlimited(request: Request) -> Request:
    return request._replace(limits=request.limits._replace(file_bytes=UNLIMITED, array_bytes=UNLIMITED))


def _files(request: Request) -> list[Path]:
    """List the files that a request names, and of some formats those beside them."""
    kind, source = _kind(request.path), request.path
    if kind == FORMATS["images"]:
        parts = find(source, request.limits).parts
        return [path for classes in parts.values() for paths in classes.values() for path in paths]
    if kind in (FORMATS["parquet"], FORMATS["parquets"]):
        return [path for paths in files_of(request)[0].values() for path in paths]
    if kind in (FORMATS["idx"], FORMATS["idx-file"]):
        return list(conversion.beside(source, FORMATS["idx-file"].suffixes))
    return [source] if kind == FORMATS["csv"] else list(conversion.arrays_beside(source))


def _remove(dest: Path, pieces: list[Piece]) -> None:
    """Remove the files of pieces that a former conversion has left."""
    for name in (name for piece in pieces for name in (piece.inputs, piece.labels)):
        with disk_errors(dest / name):
            (dest / name).unlink(missing_ok=True)


@contextmanager
def _begun(dest: Path) -> Iterator[None]:
    """Make the folder of a conversion, unless there is one; it goes again where nothing can be written to it."""
    is_new = not dest.exists()
    make_folder(dest)
    sweep(dest)  # what a kill has left
    if is_empty := not is_converted(dest):  # with a manifest, a folder without rows is known to be of a conversion
        _write(dest, Manifest(kind=KIND, complete=False, pictures=False, class_names=(), pieces=()))
    try:
        yield
    except DescensoError:
        if is_empty and not read_manifest(dest).pieces:
            (dest / MANIFEST).unlink()
            if is_new:
                dest.rmdir()
        raise


def _written(
    found: Source, dest: Path, manifest: Manifest, before: dict[str, Piece], told: Callable[[str], None]
) -> dict[str, Piece]:
    """Write all pieces, and after each one the manifest; return them by the names of their files."""
    known, done = dict(before), dict[str, Piece]()
    for piece in _pieces(found, dest, before):
        known[piece.inputs] = done[piece.inputs] = piece
        _write(dest, manifest.model_copy(update={"pieces": tuple(known.values())}))
        told(_("rows: {done} of {total}").format(done=sum(each.rows for each in done.values()), total=found.rows))
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


def _check_paths(source: Path, dest: Path) -> None:
    """Check that there is a source, and where it is to be written."""
    with suppress(OSError):
        if dest.resolve() == source.resolve() or (source.is_dir() and source.resolve() in dest.resolve().parents):
            message = _("{dest}: in {source}, which is only read; give a folder beside it: {mend}")
            raise ConfigError(message.format(dest=dest, source=source, mend=f"{source.resolve()}-rows"))
    if dest.exists() and not (dest.is_dir() and (not any(dest.iterdir()) or is_converted(dest))):
        message = _("{dest}: not an empty folder, nor that of an interrupted conversion; give the name of a new one")
        raise ConfigError(message.format(dest=dest))
    if not source.exists():
        raise DataError(_("{path}: there is no such file or folder").format(path=source))


def _source(request: Request, dest: Path, scratch: Scratch) -> Source:
    """Find the rows of a source."""
    source, kind = request.path, _kind(request.path)
    if kind == FORMATS["images"]:
        _check_options(request, dest, ("resize", "skip_unreadable"))
        return conversion_images.of_folder(request)
    request = _unlimited(request)
    if kind in (FORMATS["arrays"], FORMATS["npy"], FORMATS["npz"]):
        _check_options(request, dest, ())
        return conversion.of_arrays(source, request.limits, scratch)
    if kind in (FORMATS["idx"], FORMATS["idx-file"]):
        _check_options(request, dest, ())
        return conversion.of_idx(source, request.limits, scratch)
    is_parquet = kind in (FORMATS["parquet"], FORMATS["parquets"])
    if is_parquet and source.is_dir():
        check_parquet(source, request.limits)
    table = of_tables(request) if is_parquet else (request, ()) if kind == FORMATS["csv"] else None
    if kind and table:
        _check_options(request, dest, tuple({*kind.options, "seed"} - {"resize"}))
        found = conversion.of_table(table[0], scratch)
        return found._replace(notes=(*table[1], *found.notes))
    if is_parquet:
        _check_options(request, dest, ("label", "resize"))
        return conversion_images.of_parquet(request)
    message = _("{path}: not converted; what is: folders of images by class, NPY, NPZ, IDX, CSV and Parquet")
    raise DataError(message.format(path=source))


def _check_options(request: Request, dest: Path, taken: tuple[str, ...]) -> None:
    """Refuse settings that this source does not take."""
    for option in (*OPTIONS, *LATER):
        if not getattr(request, option) or option in taken:
            continue
        message = _("{path}: --{option} is for {formats} only; leave --{option} out")
        if option in LATER:
            message = _("{path}: --{option} is not for its conversion; give it to descenso train {dest}")
        formats = titles(option)
        raise ConfigError(message.format(path=request.name, option=spelled(option), formats=formats, dest=dest))
