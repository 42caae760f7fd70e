"""`descenso plot`."""

from pathlib import Path
from typing import Annotated

import typer

from descenso.cli.display import quiet
from descenso.cli.options import OutFile, say
from descenso.errors import ConfigError
from descenso.text import _


def plot(
    runs: Annotated[list[Path] | None, typer.Argument(help=_("Run directories."), metavar="RUN...")] = None,
    schedule: Annotated[
        list[str] | None,
        typer.Option(help=_("Plot this schedule instead, NAME or NAME:OPTION=VALUE; may be repeated.")),
    ] = None,
    out: OutFile = None,
) -> None:
    """Plot the training loss of one or more runs on one axis, or learning rate schedules."""
    if bool(runs) == bool(schedule):
        raise ConfigError(_("plot takes either runs or schedules; try descenso plot runs/*, or --schedule one-cycle"))
    say(_draw_schedules(schedule, out) if schedule else _draw_runs(runs or [], out))


def _draw_runs(runs: list[Path], out: Path | None) -> Path:
    from descenso.reports.figures import curves, loss_figure, save_figure
    from descenso.runs.directory import open_directory

    opened = [open_directory(path) for path in runs]
    drawn = {label: costs for run in opened for label, costs in curves(str(run.path), run.history).items()}
    if out is None:
        out = opened[0].plot_path("loss.png") if len(opened) == 1 else Path("loss.png")
    return save_figure(loss_figure(drawn), out)


def _draw_schedules(specs: list[str], out: Path | None) -> Path:
    from descenso.config import TrainConfig

    checked = [TrainConfig.of(schedule=spec).schedule for spec in specs]
    with quiet():
        from descenso.descent.schedules import shares
        from descenso.reports.figures import save_figure, schedules_figure

        drawn = {spec: shares(spec) for spec in checked}
    return save_figure(schedules_figure(drawn), out or Path("schedule.png"))
