"""Replay a run: train again, with the learning rate changed at the same steps, and compare the weights."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.again import own_again, rows_again
from descenso.api.run import Replay, Run, open_run
from descenso.api.train import pose
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import CheckpointError, ConfigError
from descenso.runs.checkpoints import Position, newest
from descenso.runs.directory import RunDirectory, create, open_directory
from descenso.runs.environment import environment
from descenso.runs.history import RateChange
from descenso.text import _
from descenso.training.control import Callback, Control
from descenso.training.display import displaying

if TYPE_CHECKING:
    from descenso.hints import RunPath
    from descenso.training.plan import Plan


class Replaying(Control):
    """Changes the learning rate at given positions, and stops at another.

    Args:
        changes: to make, in order.
        end: position at which to stop; None for where training ends by itself.
    """

    def __init__(self, changes: Sequence[RateChange], end: Position | None) -> None:
        super().__init__()
        self._changes, self._end = list(changes), end
        self._reached(Position(0, 0))

    def _take_end(self, position: Position) -> Position | None:
        """Return the position of the next change, or of the end."""
        super()._take_end(position)
        return Position(*self._changes[0][:2]) if self._changes else self._end

    def _reached(self, position: Position) -> None:
        """Make the changes of `position`; stop at the end."""
        while self._changes and self._changes[0][:2] <= position:
            self.change_rate(self._changes.pop(0).learning_rate)
        if self._end is not None and position >= self._end:
            self.stop()


def replay(
    run: "RunPath",
    out: str | Path | None = None,
    *,
    data: Any = None,
    model: Any = None,
    progress: bool | None = None,
    callbacks: Sequence[Callback] = (),
    sources: Sources | None = None,
    **own: Any,
) -> Replay:
    """Train a run again, with the learning rate changed by hand at the same steps, and compare the two.

    Args:
        run: the run, or its directory; it must have ended.
        out: directory of the new run; by default a new one below `runs/`.
        data, model, and so `rule`, `schedule`, `loss`: where they were the user's own; the method of a Run has them.
        progress, callbacks, sources: as of `train`.

    Raises:
        CheckpointError: where no checkpoint is valid, or data or versions have changed; the difference is named.
        ConfigError: for a run that has not ended, or did not go on exactly when it was resumed.
    """
    before = open_directory(Path(run))
    plan, rows, control = _posed(before, data, {**own, "model": model}, sources)
    from descenso.training import session

    with (
        closing(create(plan.config, environment(), None if out is None else Path(out))) as directory,
        displaying(progress, list(callbacks)) as heard,
    ):
        session.run(session.Training(directory, plan, rows, heard, control))
    if control.signal:
        raise KeyboardInterrupt
    again = Run(open_directory(directory.path), data, {"model": model, **own})
    parting = _parting(open_run(before.path), again)
    return Replay(again, not parting, parting)


def _posed(
    before: RunDirectory, data: Any, given: dict[str, Any], sources: Sources | None
) -> tuple["Plan", Dataset, Replaying]:
    """Pose the training run of `before` again, after checking that it can lead to the same bits."""
    _check(before.path, before.outcome, before.status)
    checkpoint, _damaged = newest(before.checkpoints)
    config, (_changes, own) = before.config, own_again(before.config, given)
    rows = rows_again(before, data, "replay", sources)
    plan = pose(config, rows, own)
    from descenso.training import session

    changed = session.differences(checkpoint.about, session.circumstances(config, rows, plan.own.sources))
    if changed:
        message = _("{run}: it cannot be replayed to the same bits, for this changed: {changed}")
        raise CheckpointError(message.format(run=before.path, changed="; ".join(changed)))
    end = checkpoint.position if before.outcome == "interrupted" else None
    return plan, rows, Replaying(before.history.changes, end)


def _check(path: Path, outcome: str, status: dict[str, Any]) -> None:
    if outcome in ("running", "killed"):
        message = _("{run}: it has not ended (outcome: {outcome}), and cannot be replayed; try descenso resume {run}")
        raise ConfigError(message.format(run=path, outcome=_(outcome)))
    if not status.get("exact", True):
        message = _("{run}: it was resumed after something had changed, so that no single run leads to its weights")
        raise ConfigError(message.format(run=path))


def _parting(before: Run, again: Run) -> str:
    """Say where two runs part; "" where they do not."""
    pairs = zip(before.history.epochs, again.history.epochs, strict=False)
    for one, other in pairs:
        if repr(one._replace(seconds=0.0)) != repr(other._replace(seconds=0.0)):  # NaN is not equal to itself
            message = _("they part in epoch {epoch}: cost {before!r}, now {now!r}")
            return message.format(epoch=one.epoch, before=one.cost, now=other.cost)
    if len(before.history.epochs) != len(again.history.epochs) or before.outcome != again.outcome:
        message = _("outcome: {before} (epochs: {epochs}), now {now} (epochs: {others})")
        return message.format(
            before=_(before.outcome), now=_(again.outcome),
            epochs=len(before.history.epochs), others=len(again.history.epochs),
        )  # fmt: skip
    if before.status.get("fingerprint") != again.status.get("fingerprint"):
        return _("the costs are equal, the weights are not")
    return ""
