"""Train as one of several processes, of which the chief alone writes the run."""

import warnings
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.engines.cluster import Cluster, cluster_of, exposed
from descenso.errors import ConfigError, SavedElsewhere, stopped_by
from descenso.runs.directory import RunDirectory, open_directory
from descenso.text import _, printable
from descenso.training.control import Control, Progress
from descenso.training.display import starting

if TYPE_CHECKING:
    from descenso.training.plan import Plan

WORKERS = "workers"  # the engine


def join(engine: Any, cluster: Cluster | None, deterministic: Any = False) -> Cluster | None:
    """Start the worker of this process for the engine `workers`, before TensorFlow computes, and wait for the others.

    Args:
        engine: of the training run.
        cluster: the processes; by default those that `TF_CONFIG` or Slurm name.
        deterministic: whether TensorFlow is to use one thread, which must be set before.

    Returns:
        The cluster, if this process only follows the chief, which writes the run; else None.

    Raises:
        ConfigError: if a cluster is given for another engine, or what names it is malformed.
        WorkerError: if not all processes start, or TensorFlow has started already.
    """
    if engine != WORKERS:
        if cluster is not None:
            message = _("cluster is for the engine workers, got {engine}; try engine='workers'")
            raise ConfigError(message.format(engine=engine or "compiled"))
        return None
    cluster = cluster or cluster_of()
    if cluster and cluster.chief and (message := exposed(cluster)):  # once
        warnings.warn(message, stacklevel=1)
    with starting():
        from descenso.engines.team import team
        from descenso.training.session import make_deterministic
    if deterministic:
        make_deterministic()
    team(cluster)
    return None if cluster is None or cluster.chief else cluster


def follow(cluster: Cluster, plan: "Plan", control: Control, begin: Progress | None = None) -> RunDirectory:
    """Train with the chief and write nothing; return the run that the chief has written.

    Raises:
        SavedElsewhere: if this machine does not see the chief's run directory.
        KeyboardInterrupt, SystemExit: after a signal to any of the processes, as of `train`.
    """
    from descenso.engines.team import team
    from descenso.errors import Interruption
    from descenso.training.loop import walk

    with Interruption(control), closing(plan.bind()) as runner:
        for _progress in walk(plan, runner, begin, control):
            pass
    run = Path(team().finish("")[0])
    told = _("{worker}: the run is saved by {chief}, in {run}")
    told = told.format(worker=cluster.name(cluster.index), chief=cluster.name(0), run=printable(str(run)))
    if control.signal:
        raise stopped_by(control.signal, told, run)
    if not (run / "status.json").is_file():
        raise SavedElsewhere(told)
    return open_directory(run)


def finish(run: Path) -> None:
    """Tell the processes that follow this one that the run is saved, and wait until all have ended training."""
    from descenso.engines.team import team

    team().finish(str(run.resolve()))
