"""The run directory, the unit that is kept, compared and shared.

    <run>/  config.json  environment.json  status.json  history.jsonl
            checkpoints/  model/weights.safetensors  plots/

`status.json` appears last: with it, the run is there. `history.jsonl` is only ever appended to, one line an epoch.
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
from descenso.files import inside, open_regular
from descenso.runs.checkpoints import prepare
from descenso.runs.files import (
    disk_errors,
    fresh_folder,
    make_folder,
    portable_name,
    sweep,
    sync_folder,
    write_file,
)
from descenso.runs.history import Epoch, History, finite, read_history
from descenso.runs.lock import LOCK, is_held, locked
from descenso.runs.weights import read_weights, weights_bytes
from descenso.settings_files import read_settings
from descenso.text import _, mark

HISTORY = "history.jsonl"
MOST_BYTES = 2**20  # of a JSON file of a run
OUTCOMES = (  # those a run may be shown with; the first four are how a descent ends
    mark("completed"), mark("stopped early"), mark("diverged"), mark("interrupted"),
    mark("running"), mark("killed"), mark("damaged"),
)  # fmt: skip


class RunDirectory:
    """A run on disk. Made by `create`, which also locks it, or by `open_directory`, to be read."""

    def __init__(self, path: Path, lock: FileLock | None = None) -> None:
        self.path = path
        self._lock = lock
        self._history: BinaryIO | None = None

    @property
    def config(self) -> TrainConfig:
        """What the run was asked to do."""
        return TrainConfig.of(**read_settings(inside(self.path, "config.json")))

    @property
    def status(self) -> dict[str, Any]:
        """How it went: outcome, and once finished accuracy, cost and times."""
        found = self._json("status.json")
        outcome, accuracy = found.get("outcome"), found.get("test_accuracy")
        told = outcome in OUTCOMES
        if told and (accuracy is None or (isinstance(accuracy, int | float) and 0 <= accuracy <= 1)):
            return found
        reason = f"test_accuracy: {accuracy!r}" if told else f"outcome: {outcome!r}"
        raise DataError(_("{path}: cannot be read ({reason})").format(path=self.path / "status.json", reason=reason))

    @property
    def environment(self) -> dict[str, Any]:
        """What it ran on."""
        return self._json("environment.json")

    @property
    def checkpoints(self) -> Path:
        """The folder of its checkpoints."""
        return inside(self.path, "checkpoints")

    @property
    def history(self) -> History:
        """Its epochs, as far as they were written whole."""
        return read_history(inside(self.path, HISTORY))

    @property
    def outcome(self) -> str:
        """How it ended; "running" while a process holds its lock, "killed" where that one ended unannounced."""
        outcome = str(self.status["outcome"])
        if outcome != "running" or self._lock is not None or is_held(self.path):
            return outcome
        outcome = str(self.status["outcome"])  # it may have ended since it was read
        return "killed" if outcome == "running" else outcome

    def weights(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
        """The final parameters by name, as a textbook writes them, and what the file says of itself.

        Raises:
            DataError: where there are none, or the file is damaged.
        """
        path = inside(self.path, "model", "weights.safetensors")
        if not path.is_file():
            raise self._without_weights()
        return read_weights(path)

    def _without_weights(self) -> DataError:
        outcome = self.outcome
        told = _("{run}: no weights were kept (outcome: {outcome}); train again with --config {run}/config.json")
        if outcome == "running":
            told = _("{run}: no weights were kept yet, it is still being written; wait until it has ended")
        elif outcome in ("killed", "interrupted"):
            told = _("{run}: no weights were kept yet (outcome: {outcome}); to go on: descenso resume {run}")
        return DataError(told.format(run=self.path, outcome=outcome))

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace one of the JSON files."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_file(self.path / name, text.encode())

    def append(self, epoch: Epoch) -> None:
        """Add a line to the history, and hand it to the operating system at once."""
        with disk_errors(self.path / HISTORY):
            file = self._opened_history()
            file.write(epoch.line.encode())
            file.flush()

    @property
    def history_bytes(self) -> int:
        """How long the history is; asked before it is appended to, or cut."""
        with disk_errors(self.path / HISTORY):
            return self._opened_history().tell()

    def sync_history(self) -> None:
        """See the history so far onto the disk."""
        with disk_errors(self.path / HISTORY):
            os.fsync(self._opened_history().fileno())
            sync_folder(self.path)  # which holds its name

    def cut_history(self, size: int) -> None:
        """Forget what a checkpoint did not commit: the history beyond its first `size` bytes.

        Raises:
            CheckpointError: where it is shorter than that, or no epoch ends there; nothing is cut.
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
        """Keep the final parameters."""
        folder = inside(self.path, "model")
        make_folder(folder)
        write_file(folder / "weights.safetensors", weights_bytes(arrays, about))

    def drop_weights(self) -> None:
        """Keep none, where a run that had some was extended and diverged."""
        path = inside(self.path, "model", "weights.safetensors")
        with disk_errors(path):
            if path.exists():
                path.unlink()
                sync_folder(path.parent)

    def plot_path(self, name: str) -> Path:
        """Where the picture `name` belongs; its folder is made."""
        folder = inside(self.path, "plots")
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        return folder / name

    def discard(self) -> None:
        """Remove it, where nothing was begun yet: what cannot be meant leaves nothing behind."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Close the history and release the lock."""
        history, self._history = self._history, None
        lock, self._lock = self._lock, None
        try:
            if history is not None:
                with disk_errors(self.path / HISTORY):
                    history.close()  # which tries again to write what `append` could not
        finally:
            if lock is not None:
                lock.release()

    def _json(self, name: str) -> dict[str, Any]:
        path = inside(self.path, name)
        try:
            with open_regular(path, MOST_BYTES) as file:
                found = json.loads(file.read().decode("utf-8"), parse_float=finite, parse_constant=finite)
            if not isinstance(found, dict):
                raise ValueError("no JSON object")
            return found
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=error)) from None


def create(config: TrainConfig, environment: dict[str, Any], out: Path | None = None) -> RunDirectory:
    """Make and lock a new run directory; no existing run is ever written into.

    Args:
        config: kept as `config.json`.
        environment: kept as `environment.json`.
        out: the directory itself; by default `runs/<dataset>-<model>-<number>` below the working directory.

    Raises:
        ConfigError: where `out` exists and is not an empty directory, or is no path.
        RunInUse: where another process is making the same run.
        DiskError: where it cannot be made or written.
    """
    path = fresh_folder(Path("runs"), portable_name(f"{Path(config.data).name}-{config.model}")) if out is None else out
    try:
        make_folder(path)
    except ValueError as error:  # a zero byte, half of a character
        raise ConfigError(
            _("out must be a path, got {path!r} ({reason}); try --out runs/mine").format(path=str(path), reason=error)
        ) from None
    run = RunDirectory(path, locked(path))
    try:
        refuse_full(path)
        prepare(run.checkpoints)
        run.write("environment.json", environment)
        run.write("config.json", config.model_dump())
        run.write("status.json", {"outcome": "running", "epochs_done": 0})  # last: with it, the run is there
    except ConfigError:
        run.close()
        raise
    except BaseException:  # what was begun is no run, and would be in the way of the next one
        run.discard()
        raise
    return run


def refuse_full(folder: Path) -> None:
    """Raise ConfigError unless `folder` is empty."""
    if any(entry.name != LOCK for entry in folder.iterdir()):
        told = _("{path} is not empty, and no run is ever overwritten; try --out with a new name")
        raise ConfigError(told.format(path=folder))


def reopen(path: Path) -> RunDirectory:
    """The run at `path`, locked, to go on with.

    Raises:
        DataError: where there is none.
        RunInUse: where another process is writing it; nothing is changed.
        DiskError: where it cannot be written.
    """
    open_directory(path)
    run = RunDirectory(path, locked(path))
    try:
        prepare(run.checkpoints)
        for folder in (path, inside(path, "model"), inside(path, "plots")):
            sweep(folder)
    except BaseException:
        run.close()
        raise
    return run


def open_directory(path: Path) -> RunDirectory:
    """The run at `path`, to be read.

    Raises:
        DataError: where there is none, or where none can be looked for.
    """
    try:
        found = (path / "status.json").is_file()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=error.strerror)) from None
    if not found:
        raise DataError(_("{path}: there is no run; `descenso runs` lists those there are").format(path=path))
    return RunDirectory(path)


def find_runs(folder: Path) -> list[RunDirectory]:
    """The runs directly below `folder`, oldest first."""
    found = [entry.parent for entry in folder.glob("*/status.json")]
    return [RunDirectory(path) for path in sorted(found, key=lambda path: (_made(path), path.name))]


def _made(path: Path) -> float:
    """When the run at `path` was made; by its status, where someone has taken its config away."""
    config = path / "config.json"
    return (config if config.exists() else path / "status.json").stat().st_mtime
