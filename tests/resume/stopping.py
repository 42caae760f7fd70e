"""Interrupt runs between two chunks, and return the parts of a run that must be equal bit for bit."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import descenso as ds
from descenso.data.dataset import Dataset
from descenso.runs.checkpoints import newest
from descenso.runs.directory import open_directory
from descenso.training import loop as chunks
from descenso.training import plan
from descenso.training.plan import bind

FULL, WITH_REST = 29, 25  # batch sizes: of the 203 rows of `tiny`, seven batches; eight and a last one of three rows
TIMES = ("started_unix_seconds", "compile_seconds", "train_seconds", "waiting_share")  # in status.json; they vary
EVERY = "3"  # steps between two checkpoints, and so in a chunk


class Stopped(Exception):  # noqa: N818 - not an error
    """Stand in for anything that may end a process; raised where the next chunk would begin."""


@contextlib.contextmanager
def stopping_after(count: int) -> Iterator[None]:
    """Interrupt training after `count` chunks.

    Chunks end only where a checkpoint is due, on a slow machine too.
    """

    class Stopping:
        def __init__(self, *bound: Any) -> None:
            self._runner = bind(*bound)
            self.compile_seconds = self._runner.compile_seconds

        def walk(self, *given: Any) -> Iterator[Any]:
            with contextlib.closing(self._runner.walk(*given)) as walked:
                for number, chunk in enumerate(walked):
                    if number == count:
                        raise Stopped
                    yield chunk
            raise AssertionError(f"there were no more than {count} chunks: nothing was stopped")

        def close(self) -> None:
            self._runner.close()

    unpaced = mock.patch.object(chunks, "CHUNK_SECONDS", 1e9)
    with mock.patch.object(plan, "bind", Stopping), unpaced, contextlib.suppress(Stopped):
        yield
        raise AssertionError("nothing was stopped")


def start_and_stop(data: Dataset, path: Path, count: int, **settings: Any) -> None:
    with stopping_after(count):
        ds.train(data, out=path, **settings)


def resume_and_stop(data: Dataset, path: Path, count: int, **changes: Any) -> None:
    with stopping_after(count):
        ds.resume(path, data=data, **changes)


def position(path: Path) -> tuple[int, int]:
    """Return the position of the newest checkpoint."""
    return tuple(newest(path / "checkpoints")[0].position)


def exact_bytes(arrays: Any) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (np.asarray(a).dtype.str, np.shape(a), np.asarray(a).tobytes()) for name, a in arrays.items()}


def kept(path: Path) -> dict[str, Any]:
    """Return all that must be equal to the last bit, however often the run was interrupted: all but its times."""
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
    """Return the content of every file below `folder`, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
