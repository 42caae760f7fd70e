"""The cost over the plane in which runs move most."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.again import rows_again
from descenso.api.train import import_tensorflow
from descenso.data.sources import Sources
from descenso.errors import ConfigError
from descenso.runs.directory import open_directory
from descenso.text import _
from descenso.training.display import starting
from descenso.training.waiting import telling

if TYPE_CHECKING:
    from descenso.hints import RunPath
    from descenso.studies.landscape import Landscape


def landscape(
    *runs: "RunPath",
    grid: int = 31,
    data: Any = None,
    told: Callable[[float], None] | None = None,
    sources: Sources | None = None,
) -> "Landscape":
    """Train runs again, and compute the cost over the plane of the two principal directions of their paths.

    Args:
        runs: one or more runs, or their directories, of one model.
        grid: points along each side of the plane, at least 2.
        data: what `train` was given, where it was in memory.
        told: called with the share that is done; by default a bar is shown in a terminal or a notebook.
        sources: as of `train`.

    Raises:
        ConfigError: for runs of different models, and for one whose learning rate was changed by hand.
    """
    if not runs:
        raise ConfigError(_("landscape takes one run or more; `descenso runs` lists those there are"))
    if grid < 2:
        message = _("{name} must be at least {least}, got {value}; try --{name} {least}")
        raise ConfigError(message.format(name="grid", least=2, value=grid))
    directories = [open_directory(Path(run)) for run in runs]
    with starting():
        import_tensorflow()
        from descenso.studies.landscape import survey
        from descenso.training.plan import Plan

    plans = list[tuple[str, Plan]]()
    for directory in directories:
        if directory.history.changes:
            message = _("{run}: its learning rate was changed by hand, and a landscape would train it without that")
            raise ConfigError(message.format(run=directory.path))
        rows = rows_again(directory, data, "landscape", sources)
        plans.append((directory.path.name, Plan.of(directory.config, rows)))
    with telling(_("Landscape"), told) as tell:
        return survey(plans, grid, tell)
