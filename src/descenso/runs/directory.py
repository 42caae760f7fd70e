"""Create, read and write run directories.

    <run>/  config.json  environment.json  data.json  status.json  history.jsonl
            checkpoints/  model/weights.safetensors  plots/

`status.json` is written last: a folder without it is no run. `history.jsonl` gets one line per epoch, and one per
change of the learning rate by hand.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.errors import CheckpointError, ConfigError, DataError
from descenso.files import disk_errors, inside, make_folder, open_regular, read_settings, sweep, sync_folder, write_file
from descenso.registry import smaller_rate
from descenso.runs.checkpoints import prepare
from descenso.runs.files import fresh_folder, is_held, locked, no_run, not_a_path, refuse_full, run_name
from descenso.runs.history import Epoch, History, RateChange, finite, read_history
from descenso.runs.trained import read_weights, weights_bytes
from descenso.text import _, mark, reason_of

HISTORY = "history.jsonl"
MOST_BYTES = 2**20  # of a JSON file of a run
OUTCOMES = (  # the first four are how training ends
    mark("completed"), mark("stopped early"), mark("diverged"), mark("interrupted"),
    mark("running"), mark("killed"), mark("damaged"),
)  # fmt: skip


class RunDirectory:
    """A run on disk: from `create` or `reopen`, locked for writing, or from `open_directory`, for reading."""

    def __init__(self, path: Path, lock: FileLock | None = None) -> None:
        self.path = path
        self._lock = lock
        self._history: BinaryIO | None = None

    @property
    def config(self) -> TrainConfig:
        """Settings of the run."""
        return TrainConfig.of(**read_settings(inside(self.path, "config.json")))

    @property
    def status(self) -> dict[str, Any]:
        """Outcome, and after the end accuracy, cost and times."""
        status = self._json("status.json")
        accuracy = status.get("test_accuracy")
        reason = f"test_accuracy: {accuracy!r}"
        if status.get("outcome") not in OUTCOMES:
            reason = f"outcome: {status.get('outcome')!r}"
        elif accuracy is None or (isinstance(accuracy, int | float) and 0 <= accuracy <= 1):
            return status
        raise DataError(_("{path}: cannot be read ({reason})").format(path=self.path / "status.json", reason=reason))

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, processor and platform that the run was trained with."""
        return self._json("environment.json")

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return inside(self.path, "checkpoints")

    @property
    def history(self) -> History:
        """Epochs of the run, as far as they were written completely."""
        return read_history(inside(self.path, HISTORY))

    @property
    def outcome(self) -> str:
        """How training ended; "running" while a process holds the lock, "killed" if it ended without a record."""
        outcome = str(self.status["outcome"])
        if outcome != "running" or self._lock is not None or is_held(self.path):
            return outcome
        outcome = str(self.status["outcome"])  # it may have ended since the first read
        return "killed" if outcome == "running" else outcome

    def weights(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
        """Read the final arrays by name, and the metadata of their file; see `Trained.unpacked`.

        Raises:
            DataError: if there are none, or the file is damaged.
        """
        path = inside(self.path, "model", "weights.safetensors")
        if not path.is_file():
            raise self._without_weights()
        return read_weights(path)

    def _without_weights(self) -> DataError:
        outcome, flags = self.outcome, ""
        message = _(
            "{run}: no weights were kept (outcome: {outcome}); again: descenso train --config {run}/config.json{flags}"
        )
        if outcome == "running":
            message = _("{run}: no weights were kept yet, it is still being written; wait until it has ended")
        elif outcome in ("killed", "interrupted"):
            message = _("{run}: no weights were kept yet (outcome: {outcome}); to go on: descenso resume {run}")
        elif outcome == "diverged":
            flags = f" --learning-rate {smaller_rate(self.config.rule, self.config.learning_rate):g}"
        return DataError(message.format(run=self.path, outcome=_(outcome), flags=flags))

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write the JSON file `name` atomically."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_file(self.path / name, text.encode())

    def append(self, record: Epoch | RateChange) -> None:
        """Append an epoch, or a change of the learning rate, to the history and flush it."""
        with disk_errors(self.path / HISTORY):
            file = self._opened_history()
            file.write(record.line.encode())
            file.flush()

    @property
    def history_bytes(self) -> int:
        """Size of the history."""
        with disk_errors(self.path / HISTORY):
            return self._opened_history().tell()

    def sync_history(self) -> None:
        """Sync the history to disk."""
        with disk_errors(self.path / HISTORY):
            os.fsync(self._opened_history().fileno())
            sync_folder(self.path)  # the folder holds the file's name

    def cut_history(self, size: int) -> None:
        """Truncate the history to the `size` in bytes that a checkpoint was written after.

        Raises:
            CheckpointError: if it is shorter, or no epoch ends there; nothing is truncated.
        """
        with disk_errors(self.path / HISTORY), (self.path / HISTORY).open("rb") as written:
            written.seek(max(size - 1, 0))
            ends_there = not size or written.read(1) == b"\n"
        if not ends_there:
            raise CheckpointError(
                _("{path}: {found} bytes, the checkpoint was written after {expected}").format(
                    path=self.path / HISTORY, found=self.history_bytes, expected=size
                )
            )
        with disk_errors(self.path / HISTORY):
            file = self._opened_history()
            file.truncate(size)
            file.seek(0, os.SEEK_END)

    def _opened_history(self) -> BinaryIO:
        if self._history is None:
            self._history = inside(self.path, HISTORY).open("ab")
        return self._history

    def write_weights(self, arrays: dict[str, NDArray[np.generic]], about: dict[str, str]) -> None:
        """Write the final weights."""
        folder = inside(self.path, "model")
        make_folder(folder)
        write_file(folder / "weights.safetensors", weights_bytes(arrays, about))

    def drop_weights(self) -> None:
        """Remove the weights of a run that was extended and diverged."""
        path = inside(self.path, "model", "weights.safetensors")
        with disk_errors(path):
            if path.exists():
                path.unlink()
                sync_folder(path.parent)

    def plot_path(self, name: str) -> Path:
        """Return the path of the picture `name`, and make its folder."""
        folder = inside(self.path, "plots")
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        return folder / name

    def discard(self) -> None:
        """Remove the directory of a run whose training did not start."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Close the history and release the lock."""
        history, self._history = self._history, None
        lock, self._lock = self._lock, None
        try:
            if history is not None:
                with disk_errors(self.path / HISTORY):
                    history.close()  # writes again what `append` could not
        finally:
            if lock is not None:
                lock.release()

    def _json(self, name: str) -> dict[str, Any]:
        path = inside(self.path, name)
        try:
            with open_regular(path, MOST_BYTES) as file:
                values = json.loads(file.read().decode("utf-8"), parse_float=finite, parse_constant=finite)
            if not isinstance(values, dict):
                raise ValueError(_("no JSON object"))
            return values
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=reason_of(error))) from None


def create(config: TrainConfig, environment: dict[str, Any], out: Path | None = None) -> RunDirectory:
    """Make and lock a new run directory; an existing run is never overwritten.

    Args:
        config, environment: written to `config.json` and `environment.json`.
        out: path of the directory; by default `runs/<dataset>-<model>-<number>` in the working directory.

    Raises:
        ConfigError: if `out` exists and is not an empty directory, or is no valid path.
        RunInUse: if another process is making the same run.
        DiskError: if it cannot be made or written.
    """
    path = fresh_folder(Path("runs"), run_name(config.data, config.model)) if out is None else out
    try:
        make_folder(path)
    except ValueError as error:  # a null byte, half of a surrogate pair
        raise not_a_path(path, error) from None
    run = RunDirectory(path, locked(path))
    try:
        refuse_full(path)
        prepare(run.checkpoints)
        run.write("environment.json", environment)
        run.write("config.json", config.model_dump())
        run.write("status.json", {"outcome": "running", "epochs_done": 0})  # last: makes it a run
    except ConfigError:
        run.close()
        raise
    except BaseException:  # the folder is no run, and would block the next one
        run.discard()
        raise
    return run


def reopen(path: Path) -> RunDirectory:
    """Open and lock the run at `path` to resume it.

    Raises:
        DataError: if there is none.
        RunInUse: if another process is writing it; nothing is changed.
        DiskError: if it cannot be written.
    """
    open_directory(path)
    run = RunDirectory(path, locked(path))
    try:
        prepare(run.checkpoints)
        for folder in (path, inside(path, "model"), inside(path, "plots")):
            sweep(folder)
    except BaseException:  # Ctrl-C too: the run must not stay locked
        run.close()
        raise
    return run


def open_directory(path: Path) -> RunDirectory:
    """Open the run at `path` for reading.

    Raises:
        DataError: if there is none, or the path cannot be read.
    """
    try:
        is_run = (path / "status.json").is_file()
    except OSError as error:  # the name is too long, or the folder may not be entered
        raise DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=reason_of(error))) from None
    if not is_run:
        raise no_run(path)
    return RunDirectory(path)


def find_runs(folder: Path) -> list[RunDirectory]:
    """List the runs directly in `folder`, oldest first."""
    return [RunDirectory(status.parent) for status in sorted(folder.glob("*/status.json"), key=_made)]


def _made(status: Path) -> tuple[float, str]:
    """Return when the run of `status` was made, by its config where there is one, and its name."""
    times = [path.stat().st_mtime for path in (status.with_name("config.json"), status) if path.exists()]
    return times[0], status.parent.name
