"""Progress is kept in the run directory while the next steps are already being walked."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from descenso.runs.checkpoints import Checkpoint, write_checkpoint
from descenso.runs.directory import RunDirectory
from descenso.runs.history import Epoch
from descenso.training.checkpointing import snapshot
from descenso.training.loop import Progress

COSTS = "costs"  # the name under which the unfinished epoch's costs travel beside the state


class RunJournal:
    """Writes epochs to the run's history and checkpoints to its store, the latter in a thread of its own.

    Closing waits for the last checkpoint. A `DiskError` of the thread is raised by the next call, and by `close`.
    """

    def __init__(self, directory: RunDirectory, about: dict[str, Any]) -> None:
        self._directory, self._about = directory, about
        self._writer = ThreadPoolExecutor(1, "descenso-checkpoint")
        self._writing: Future[Path] | None = None

    def epoch(self, record: Epoch) -> None:
        """Add `record` to the history; once there is a checkpoint to go on from, without which it would be lost."""
        self._wait()
        self._directory.append(record)

    def commit(self, progress: Progress) -> None:
        """Write a checkpoint; waits for the one before."""
        self._wait()
        arrays = {**snapshot(progress.state, progress.best), COSTS: progress.costs}
        about = {**self._about, "history_bytes": self._directory.history_bytes, "seconds": progress.seconds}
        if progress.best:
            about["best"] = {"epoch": progress.best.epoch, "cost": progress.best.cost}
        self._writing = self._writer.submit(self._write, Checkpoint(progress.position, arrays, about))

    def _write(self, checkpoint: Checkpoint) -> Path:
        self._directory.sync_history()
        return write_checkpoint(self._directory.checkpoints, checkpoint)

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def close(self) -> None:
        """Wait until all is on the disk."""
        try:
            self._wait()
            self._directory.sync_history()
        finally:
            self._writer.shutdown()
