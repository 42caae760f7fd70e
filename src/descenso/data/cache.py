"""Convert data that is larger than what is read into memory, once, into a folder of the user's cache."""

import hashlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from descenso._version import __version__
from descenso.data.convert import LATER, UNLIMITED, convert_rows, digest_of_state, is_table
from descenso.data.formats import OPTIONS
from descenso.data.formats.converted import MANIFEST, Manifest, read_manifest, recognises
from descenso.data.named import cache_of
from descenso.data.sources import Request
from descenso.errors import DataError
from descenso.files import disk_errors, make_folder, remove_folder, sweep
from descenso.text import _, printable

ROWS = "rows"  # the folder of the cache that holds a folder for each dataset
PATIENCE = 1.0  # seconds after which it is said that rows are converted
SECONDS = 10.0  # between two lines on the progress
MOST_LETTERS = 40  # of the data's name in that of its folder


def cached(request: Request, *, verify: bool = False) -> tuple[Request, str]:
    """Convert the data of `request`, unless that has been done; return a request for its rows, and where they are.

    The folder is found again by the path of the data and the settings by which it is read, by the same version of
    descenso. Where a file of the data has another size or time than before, its rows are converted again. Of several
    processes one converts, and the others wait for it. With `verify`, files that were written before are compared with
    their SHA-256, and those that differ are written again.

    Raises: as of `convert`.
    """
    folder = _folder(request)
    make_folder(folder.parent)
    with _locked(folder):
        sweep(folder.parent, f"{folder.name}.")
        if (manifest := _manifest(folder)) is None and folder.exists():
            remove_folder(folder)
        if verify or manifest is None or not manifest.complete or manifest.state != digest_of_state(request):
            message = _("{path}: more rows than are read into memory; they are converted, once, into {folder}")
            said = threading.Timer(PATIENCE, _say, [message.format(path=request.name, folder=folder)])
            said.start()  # and not where it is refused, or done, before
            try:
                convert_rows(_converted_by(request), folder, _progress())
            finally:
                said.cancel()
    unlimited = request.limits._replace(file_bytes=UNLIMITED, array_bytes=UNLIMITED)  # rows stay in their files
    later = {name: getattr(request, name) for name in _later(request)}
    note = _("its rows, more than are read into memory, stay in {folder}; if you remove that folder, it is made again")
    return Request(str(folder), unlimited, **later), note.format(folder=folder)


def converted() -> dict[Path, int]:
    """Return the folders in the cache with converted rows, and their sizes in bytes."""
    with disk_errors(cache_of(ROWS)):
        folders = sorted(path.parent for path in cache_of(ROWS).glob(f"[!.]*/{MANIFEST}"))
        return {folder: sum(path.stat().st_size for path in folder.rglob("*")) for folder in folders}


def _later(request: Request) -> tuple[str, ...]:
    """Name the settings that the rows take, and not their conversion."""
    return () if is_table(request) else LATER


def _converted_by(request: Request) -> Request:
    """Return the request for the conversion, without the settings that the rows take."""
    return request._replace(**{name: Request._field_defaults[name] for name in _later(request)})


def _folder(request: Request) -> Path:
    path, asked = request.path.resolve(), _converted_by(request)
    how = {name: str(getattr(asked, name)) for name in (*OPTIONS, *LATER)}
    key = hashlib.sha256(f"{__version__} {path} {sorted(how.items())}".encode("utf-8", "surrogateescape")).hexdigest()
    name = "-".join(re.findall(r"\w+", path.stem))[:MOST_LETTERS]
    return cache_of(ROWS) / f"{name}-{key[:16]}"


def _manifest(folder: Path) -> Manifest | None:
    """Return the manifest in `folder`; None where there is none, or a damaged one."""
    with suppress(DataError):
        return read_manifest(folder) if recognises(folder) else None
    return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which another process may have."""
    lock = FileLock(f"{folder}.lock")
    with disk_errors(folder):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _say(_("waiting for another process, which converts the same data into {folder}").format(folder=folder))
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _progress() -> Callable[[str], None]:
    """Return a function that says, now and then, how many rows are done."""
    said = time.monotonic()

    def told(line: str) -> None:
        nonlocal said
        if time.monotonic() > said + SECONDS:
            said = time.monotonic()
            _say(f"{_('Converting')}: {line}")

    return told


def _say(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")
