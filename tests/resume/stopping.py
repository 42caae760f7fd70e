"""Runs that are stopped between two pieces, and what is kept of a run, to be compared bit for bit."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import descenso as ds
from descenso.data.dataset import Dataset
from descenso.engines import bind
from descenso.runs.checkpoints import newest
from descenso.runs.directory import open_directory
from descenso.training import loop

FULL, WITH_REST = 29, 25  # batches of the 203 rows of `tiny`: seven of one size; eight, and a smaller one of three rows
TIMES = ("started_unix_seconds", "compile_seconds", "train_seconds")  # in status.json, and no two runs have the same
EVERY = "3"  # steps between two checkpoints, and so in a piece


class Stopped(Exception):  # noqa: N818 - it is no error
    """Stands for whatever may end a process; it is raised where the next piece was to begin."""


@contextlib.contextmanager
def stopping_after(pieces: int) -> Iterator[None]:
    """While entered, an engine walks that many pieces and no more."""

    class Stopping:
        def __init__(self, *bound: Any) -> None:
            self._runner = bind(*bound)
            self.compile_seconds = self._runner.compile_seconds

        def epochs(self, *given: Any) -> Iterator[Any]:
            with contextlib.closing(self._runner.epochs(*given)) as walked:
                for number, each in enumerate(walked):
                    if number == pieces:
                        raise Stopped
                    yield each
            raise AssertionError(f"there were no more than {pieces} pieces: nothing was stopped")

        def close(self) -> None:
            self._runner.close()

    with mock.patch.object(loop, "bind", Stopping), contextlib.suppress(Stopped):
        yield
        raise AssertionError("nothing was stopped")


def start_and_stop(data: Dataset, path: Path, pieces: int, **settings: Any) -> None:
    with stopping_after(pieces):
        ds.train(data, out=path, **settings)


def resume_and_stop(data: Dataset, path: Path, pieces: int, **changes: Any) -> None:
    with stopping_after(pieces):
        ds.resume(path, data=data, **changes)


def position(path: Path) -> tuple[int, int]:
    """Where the newest checkpoint stands."""
    return tuple(newest(path / "checkpoints")[0].position)


def exact_bytes(arrays: Any) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (np.asarray(a).dtype.str, np.shape(a), np.asarray(a).tobytes()) for name, a in arrays.items()}


def kept(path: Path) -> dict[str, Any]:
    """All that must be the same to the last bit, however often the run was stopped: what times it took is not."""
    directory = open_directory(path)
    checkpoint, damaged = newest(directory.checkpoints)
    assert not damaged
    status = directory.status
    return {
        "weights": exact_bytes(directory.weights()[0]),
        "state": exact_bytes(checkpoint.arrays),
        "position": checkpoint.position,
        "history": [epoch._replace(seconds=0.0) for epoch in directory.history.epochs],
        "status": {name: value for name, value in status.items() if name not in TIMES},
    }


def below(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
