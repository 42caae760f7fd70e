"""Parts that bombs are made of."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

OUT = r".*: a link out of the folder; copy the file into it"


class Bomb(NamedTuple):
    """A hostile file.

    Attributes:
        make: folder -> nothing.
        read: folder -> what was read from it.
        told: a regular expression that matches the whole message of the refusal.
        refused: the name of the documented error.
    """

    make: Callable[[Path], Any]
    read: Callable[[Path], Any]
    told: str
    refused: str = "DataError"


def written(name: str, content: bytes) -> Callable[[Path], Any]:
    """Return a function that writes one file."""
    return lambda folder: (folder / name).write_bytes(content)


def sparse(size: int, start: bytes = b"") -> Callable[[Path], Any]:
    """Return a function that writes a file of `size` bytes which takes no space on disk."""

    def put(path: Path) -> None:
        with path.open("wb") as file:
            file.write(start)
            file.truncate(size)

    return put


def link(target: str) -> Callable[[Path], Any]:
    """Return a function that makes a link to `target`."""
    return lambda path: path.symlink_to(target)


def listening(path: Path) -> None:
    """Make a socket at `path`; a relative name avoids the limit on its length."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def instead(make: Callable[[Path], Any], name: str, put: Callable[[Path], Any] | bytes) -> Callable[[Path], Any]:
    """Return a function that calls `make`, then replaces its file `name` by what `put` writes."""

    def made(folder: Path) -> None:
        make(folder)
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.write_bytes(put) if isinstance(put, bytes) else put(path)

    return made


def draw(run: Path) -> int:
    """Return the number of bytes of the picture of a run's costs."""
    from descenso.reports.figures import loss_figure, png
    from descenso.runs.directory import open_directory

    return len(png(loss_figure({"one": open_directory(run).history.costs, "two": [1.0, 2.0]})))


def listed(folder: Path) -> list[str]:
    """Return the outcome of each run in a folder."""
    from descenso.runs.directory import find_runs

    return [run.outcome for run in find_runs(folder)]
