"""Resume a run."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.again import own_again, rows_again
from descenso.api.run import Run
from descenso.api.train import checked_callbacks, joined, pose, result
from descenso.config import TrainConfig
from descenso.data.checks import check_dataset
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.runs.checkpoints import Checkpoint, is_empty, newest
from descenso.runs.directory import RunDirectory, open_directory, reopen
from descenso.text import printable
from descenso.training.control import Callback, Control
from descenso.training.display import displaying

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.engines.cluster import Cluster
    from descenso.hints import RunPath, Settings
    from descenso.training.plan import Plan


def resume(
    run: "RunPath",
    *,
    data: Any = None,
    model: Any = None,
    force: bool = False,
    progress: bool | None = None,
    callbacks: Sequence[Callback] | Callback = (),
    control: Control | None = None,
    tensorboard: str | Path | None = None,
    warn: Callable[[str], None] = warnings.warn,
    sources: Sources | None = None,
    cluster: "Cluster | None" = None,
    **changes: "Unpack[Settings]",
) -> Run:
    """Resume a run from its newest checkpoint, to the same bits as if it had never stopped.

    Args:
        run: the run, or its directory.
        data: what `train` was given, where it was in memory; or the path to which its file has moved.
        model, `rule`, `schedule`, `loss`: where they were the user's own; the method of a Run has them.
        progress, callbacks, control, tensorboard, sources, cluster: as of `train`.
        force: go on although config, data or versions changed; the run is then no longer exact.
        warn: called with a message for each newer checkpoint that is damaged and passed over.
        **changes: `epochs` extends a run; `engine` (no longer exact); `patience`; `checkpoint_every`.

    Raises:
        CheckpointError: where no checkpoint is valid, or something changed; the difference is named.
        RunInUse, KeyboardInterrupt: where another process is writing the run; as of `train`.
    """
    listeners, control = checked_callbacks(callbacks, tensorboard), control or Control()
    follower = joined({**open_directory(Path(run)).config.model_dump(), **changes}, cluster)
    how = data, {**changes, "model": model}, warn, sources
    if follower:
        return _follow(follower, open_directory(Path(run)), how, control)
    with closing(reopen(Path(run))) as directory, displaying(progress, listeners) as heard:
        rows = _resume(directory, how, force, heard, control)
    return result(directory, control, None if isinstance(data, str | Path | None) else rows, how[1])


def _resume(
    directory: RunDirectory, how: tuple[Any, ...], force: bool, callbacks: Sequence[Callback], control: Control
) -> Dataset:
    """Resume the run and return its data; `how` are the arguments of `_posed` after the directory."""
    (plan, rows), checkpoint = _posed(directory, *how)
    from descenso.training import session

    rate = plan.config.learning_rate if "learning_rate" in how[1] else None
    session.resume(session.Training(directory, plan, rows, callbacks, control), checkpoint, force, rate)
    return rows


def _follow(cluster: "Cluster", directory: RunDirectory, how: tuple[Any, ...], control: Control) -> Run:
    """Resume with the chief, and write nothing; `how` is as of `_resume`."""
    training, checkpoint = _posed(directory, *how)
    from descenso.api.together import follow
    from descenso.training import session

    if checkpoint is None:
        return Run(follow(cluster, training[0], control))
    rate = training[0].config.learning_rate if "learning_rate" in how[1] else None
    begin, _ = session.begin_again(training[0], checkpoint, session.changed_since(checkpoint, *training), rate)
    return Run(follow(cluster, training[0], control, begin))


def _posed(
    directory: RunDirectory,
    data: Any,
    given: dict[str, Any],
    warn: Callable[[str], None],
    sources: Sources | None,
) -> tuple[tuple["Plan", Dataset], Checkpoint | None]:
    """Read the newest checkpoint, and set up the training run again, with the changes and the code in `given`."""
    checkpoint, (changed, own) = _newest(directory, warn), own_again(directory.config, given)
    config = TrainConfig.of(**{**directory.config.model_dump(), **changed})
    rows = check_dataset(data) if isinstance(data, Dataset) else rows_again(directory, data, "resume", sources)
    return (pose(config, rows, own), rows), checkpoint


def _newest(directory: RunDirectory, warn: Callable[[str], None]) -> Checkpoint | None:
    """Read the newest valid checkpoint; None where the run ended before its first one."""
    if not directory.history_bytes and is_empty(directory.checkpoints):
        return None
    checkpoint, damaged = newest(directory.checkpoints)
    for message in damaged:
        warn(printable(message))
    return checkpoint
