"""Write progress to the checkpoints of a run directory, and restore it."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.descent.problem import Arrays, Problem, TrainState, start, weights
from descenso.errors import CheckpointError, ConfigError
from descenso.runs.checkpoints import Checkpoint, Position, drop_newer, newest, write_checkpoint
from descenso.runs.directory import RunDirectory
from descenso.runs.history import Epoch, RateChange
from descenso.text import _, plural
from descenso.training.control import Best, Progress
from descenso.training.loop import steps_between_checkpoints
from descenso.training.plan import Plan

FEW = 4  # arrays that a message names
COSTS = "costs"  # name of the unfinished epoch's costs beside the state
BEST = "best"  # before the names of the weights that did best on validation


class Checkpointing:
    """Append epochs to a run's history, and write its checkpoints in a thread of its own.

    Closing waits for the last checkpoint. A `DiskError` of the thread is raised by the next call, and by `close`.

    Args:
        directory: of the run.
        plan: the training run.
        about: what a resume compares; kept in each checkpoint.
    """

    def __init__(self, directory: RunDirectory, plan: Plan, about: dict[str, Any]) -> None:
        self._directory, self._plan, self._about = directory, plan, about
        self._steps = steps_between_checkpoints(plan.config.checkpoint_every)
        self._seconds = 0.0 if self._steps else float(plan.config.checkpoint_every[:-1])
        self._last = monotonic()
        self._writer = ThreadPoolExecutor(1, "descenso-checkpoint")
        self._writing: Future[Path] | None = None

    def append(self, progress: Progress) -> None:
        """Add the epoch that ended, and the change of the learning rate, to the history.

        Waits until the checkpoint before is written, without which they would be lost.
        """
        records: tuple[Epoch | RateChange | None, ...] = progress.ended, progress.changed
        for record in records:
            if record is not None:
                self._wait()
                self._directory.append(record)

    def is_due(self, progress: Progress) -> bool:
        """Whether a checkpoint is due, by the setting `checkpoint_every`."""
        if self._steps:
            epoch, step = progress.position
            return (epoch * self._plan.steps_per_epoch + step) % self._steps == 0
        if monotonic() - self._last < self._seconds:
            return False
        self._last = monotonic()
        return True

    def commit(self, progress: Progress) -> None:
        """Write a checkpoint; waits for the one before."""
        self._wait()
        arrays = {**snapshot(progress.state, progress.best), COSTS: progress.costs}
        about = {**self._about, "history_bytes": self._directory.history_bytes, "seconds": progress.seconds}
        if self._plan.parts != 1:  # which add up in another order
            about["parts"] = self._plan.parts
        if progress.best:
            about["best"] = {"epoch": progress.best.epoch, "cost": progress.best.cost}
        self._writing = self._writer.submit(self._write, Checkpoint(progress.position, arrays, about))

    def back(self, position: Position) -> Progress:
        """Go back to the newest checkpoint before `position`, or at it where there is none; later records are dropped.

        The history is cut, too: what is undone is no part of the run.
        """
        self._wait()
        folder = self._directory.checkpoints
        try:
            checkpoint, _damaged = newest(folder, position)
        except CheckpointError:
            checkpoint, _damaged = newest(folder)
        progress = progress_of(checkpoint, self._plan)
        cut_to(self._directory, checkpoint)
        return progress

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


def cut_to(directory: RunDirectory, checkpoint: Checkpoint) -> None:
    """Remove the checkpoints and the history after `checkpoint`.

    Raises:
        CheckpointError: where the history before it is not whole.
    """
    drop_newer(directory.checkpoints, checkpoint.position)
    directory.cut_history(checkpoint.about["history_bytes"])
    found, expected = len(directory.history.epochs), checkpoint.position.epoch
    if found != expected:
        message = plural(
            "{path}: {found} epoch, the checkpoint was written after {expected}",
            "{path}: {found} epochs, the checkpoint was written after {expected}",
            found,
        )
        raise CheckpointError(message.format(path=directory.path, found=found, expected=expected))


def progress_of(checkpoint: Checkpoint, plan: Plan) -> Progress:
    """Restore the progress that `checkpoint` holds.

    Raises:
        CheckpointError: for a checkpoint of another model, or of no run of these settings.
        ConfigError: for a checkpoint beyond the epochs of the settings.
    """
    (epoch, step), about, config = checkpoint.position, checkpoint.about, plan.config
    least = epoch + (step > 0)
    if config.epochs < least:
        message = _("epochs must be at least {least}, which are done, got {epochs}; try --epochs {least}")
        raise ConfigError(message.format(least=least, epochs=config.epochs))
    arrays, best = dict(checkpoint.arrays), about.get("best")
    costs = arrays.pop(COSTS, None)
    if costs is None:
        raise CheckpointError(_("the checkpoint holds no {name}").format(name=COSTS))
    if not _consistent(about) or step >= plan.steps_per_epoch or costs.shape != (step,) or costs.dtype != np.float64:
        message = _("the checkpoint stands at epoch {epoch}, step {step}, where no run of these settings ever stands")
        raise CheckpointError(message.format(epoch=epoch, step=step))
    if not config.patience:  # nothing asks for the best weights any more
        best, arrays = None, {name: array for name, array in arrays.items() if not name.startswith(f"{BEST}/")}
    if about.get("schema") == 1:
        before = about.get("config")
        rate = before.get("learning_rate") if isinstance(before, dict) else None
        arrays["rate"] = np.asarray(config.learning_rate if rate is None else rate, np.float64)
    measured = (int(best["epoch"]), float(best["cost"])) if best else None
    state, kept = restore(plan.problem, config.seed, arrays, measured)
    return Progress(checkpoint.position, state, costs.astype(np.float64), float(about["seconds"]), kept)


def _consistent(about: dict[str, Any]) -> bool:
    seconds, size, best = about.get("seconds"), about.get("history_bytes"), about.get("best")
    timed = isinstance(seconds, float) and math.isfinite(seconds) and isinstance(size, int) and size >= 0
    return timed and (best is None or set(best) == {"epoch", "cost"})


def snapshot(state: TrainState, best: Best | None = None) -> Arrays:
    """Return every tensor of `state` by its path: "step", "params/W", "rule_state/velocity/W", …; and the best weights
    below "best/".
    """
    kept = {BEST: {"params": best.params, "model_state": best.model_state}} if best else {}
    return {name: np.asarray(value) for name, value in _leaves({**state._asdict(), **kept})}


def restore(
    problem: Problem, seed: int, arrays: dict[str, NDArray[np.generic]], best: tuple[int, float] | None = None
) -> tuple[TrainState, Best | None]:
    """Invert `snapshot`; `best` is the epoch and the cost of the best weights, where there are any.

    Raises:
        CheckpointError: for arrays that are not those of `problem`.
    """
    template = start(problem, seed)
    params, carried = weights(problem, template), template.model_state
    like = Best(*best, params, carried) if best else None
    expected = {name: (value.shape, value.dtype) for name, value in snapshot(template, like).items()}
    found = {name: (value.shape, value.dtype) for name, value in arrays.items()}
    if found != expected:
        message = _("the checkpoint holds {found}, the run needs {expected}")
        other = [name for name in sorted({*found, *expected}) if found.get(name) != expected.get(name)][:FEW]
        held, needed = ({name: kinds[name] for name in other if name in kinds} for kinds in (found, expected))
        raise CheckpointError(message.format(found=_inventory(held), expected=_inventory(needed)))
    state = TrainState(**filled(template._asdict(), arrays, ""))
    if best is None:
        return state, None
    parts = ({name: arrays[f"{BEST}/{part}/{name}"] for name in nest} for part, nest in
             (("params", params), ("model_state", carried)))  # fmt: skip
    return state, Best(*best, *parts)


def _inventory(kinds: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]) -> str:
    return ", ".join(f"{name} {dtype} {shape}" for name, (shape, dtype) in sorted(kinds.items())) or _("none of them")


def _leaves(nest: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in nest.items():
        found += _leaves(value, f"{path}{name}/") if isinstance(value, dict) else [(path + name, value)]
    return found


def filled(nest: dict[str, Any], arrays: dict[str, NDArray[np.generic]], path: str) -> dict[str, Any]:
    """Return a nest of the form of `nest` with the tensors of `arrays`, whose names begin with `path`.

    Raises:
        KeyError: for a missing one.
    """
    return {
        name: filled(value, arrays, f"{path}{name}/") if isinstance(value, dict) else tf.constant(arrays[path + name])
        for name, value in nest.items()
    }
