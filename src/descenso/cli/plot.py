"""`descenso plot`."""

from pathlib import Path
from typing import Annotated

import typer

from descenso.cli.options import OutFile, say
from descenso.text import _


def plot(
    runs: Annotated[list[Path], typer.Argument(help=_("Run directories."), metavar="RUN...")],
    out: OutFile = None,
) -> None:
    """Draw the training loss of one or several runs on one axis."""
    from descenso.reports.figures import curves, loss_figure, save_figure
    from descenso.runs.directory import open_directory

    opened = [open_directory(path) for path in runs]
    drawn = {label: costs for run in opened for label, costs in curves(str(run.path), run.history).items()}
    if out is None:
        out = opened[0].plot_path("loss.png") if len(opened) == 1 else Path("loss.png")
    say(save_figure(loss_figure(drawn), out))
