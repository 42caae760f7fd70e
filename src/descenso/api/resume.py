"""Resume a run."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.run import Run
from descenso.api.train import checked_callbacks, own_of, pose, result, rows_of
from descenso.config import TrainConfig
from descenso.data.checks import check_dataset
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.registry import OWN, is_own
from descenso.runs.checkpoints import Checkpoint, is_empty, newest
from descenso.runs.directory import RunDirectory, reopen
from descenso.text import printable
from descenso.training.control import Callback, Control
from descenso.training.display import displaying

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.descent.problem import Own
    from descenso.hints import RunPath, Settings


def resume(
    run: "RunPath",
    *,
    data: Dataset | None = None,
    model: Any = None,
    force: bool = False,
    progress: bool | None = None,
    callbacks: Sequence[Callback] | Callback = (),
    control: Control | None = None,
    tensorboard: str | Path | None = None,
    warn: Callable[[str], None] = warnings.warn,
    sources: Sources | None = None,
    **changes: "Unpack[Settings]",
) -> Run:
    """Resume a run from its newest checkpoint, to the same bits as if it had never stopped.

    Args:
        run: the run, or its directory.
        data, model, and so `rule`, `schedule`, `loss`: where they were the user's own; the method of a Run has them.
        progress, callbacks, control, tensorboard, sources: as of `train`.
        force: go on although config, data or versions changed; the run is then no longer exact.
        warn: called with a message for each newer checkpoint that is damaged and passed over.
        **changes: `epochs` extends a run; `engine` (no longer exact); `patience`; `checkpoint_every`.

    Raises:
        CheckpointError: where no checkpoint is valid, or something changed; the difference is named.
        RunInUse: where another process is writing the run. KeyboardInterrupt: as of `train`.
    """
    callbacks, control, given = (
        checked_callbacks(callbacks, tensorboard),
        control or Control(),
        {**changes, "model": model},
    )
    with closing(reopen(Path(run))) as directory:
        checkpoint, (changed, own) = _newest(directory, warn), _given_again(directory.config, given)
        config = TrainConfig.of(**{**directory.config.model_dump(), **changed})
        rows = check_dataset(data) if data else rows_of(config, sources)
        plan = pose(config, rows, own)
        from descenso.training import session

        rate = config.learning_rate if "learning_rate" in changes else None
        with displaying(progress, callbacks) as heard:
            session.resume(session.Training(directory, plan, rows, heard, control), checkpoint, force, rate)
    return result(directory, control, data, given)


def _newest(directory: RunDirectory, warn: Callable[[str], None]) -> Checkpoint | None:
    """Read the newest valid checkpoint; None where the run ended before its first one."""
    if not directory.history_bytes and is_empty(directory.checkpoints):
        return None
    checkpoint, damaged = newest(directory.checkpoints)
    for message in damaged:
        warn(printable(message))
    return checkpoint


def _given_again(config: TrainConfig, changes: dict[str, Any]) -> tuple[dict[str, Any], "Own | None"]:
    """Return the changes of settings, and the user's own code, of which the run of `config` may need some again."""
    needed = [kind for kind in OWN if is_own(kind, getattr(config, kind))]
    again = {kind: changes[kind] for kind in needed if changes.get(kind) is not None}
    rest = {name: value for name, value in changes.items() if name not in needed and value is not None}
    changes, own = own_of(rest)
    if needed:
        from descenso.descent.own import given_again

        own = given_again(config, again, own=own)
    return changes, own
