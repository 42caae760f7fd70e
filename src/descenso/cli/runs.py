"""`descenso runs`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from descenso.cli.options import Json, cell, say, say_json
from descenso.text import _


def runs(
    folder: Annotated[Path, typer.Argument(help=_("The folder that holds them."), metavar="FOLDER")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List the runs in a folder."""
    from descenso.errors import DataError
    from descenso.runs.directory import RunDirectory, find_runs

    def row(run: RunDirectory) -> dict[str, Any]:
        try:
            config, status, costs = run.config, run.status, run.history.costs
            return {
                "run": str(run.path),
                "outcome": run.outcome,
                "data": config.data,
                "model": config.model,
                "engine": config.engine,
                "dtype": config.dtype,
                "epochs_done": len(costs),
                "cost": costs[-1] if costs and costs[-1] == costs[-1] else None,
                "test_accuracy": status.get("test_accuracy"),
            }
        except (DataError, ValueError) as error:
            return {"run": str(run.path), "outcome": "damaged", "error": str(error)}

    rows = [row(run) for run in find_runs(folder)]
    if as_json:
        say_json({"runs": rows})
        return
    if not rows:
        say(_("There are no runs in {folder}; `descenso train` makes one.").format(folder=folder))
        return
    names = (_("outcome"), _("engine"), _("dtype"), _("epochs"), _("cost"), _("accuracy"))
    table = Table(Column(_("run"), overflow="fold"), *names, box=SIMPLE, padding=(0, 1, 0, 0))
    for each in rows:
        shown = [each.get(name) for name in ("engine", "dtype", "epochs_done")]
        figures = [f"{each[name]:.4f}" if each.get(name) is not None else "–" for name in ("cost", "test_accuracy")]
        name = Path(each["run"]).relative_to(folder)
        table.add_row(cell(name), _(each["outcome"]), *("–" if s is None else str(s) for s in shown), *figures)
    Console().print(table)
