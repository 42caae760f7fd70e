"""`descenso runs`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.options import Json, say, say_json, say_table
from descenso.studies import plain
from descenso.text import _


def runs(
    folder: Annotated[Path, typer.Argument(help=_("Folder that holds the runs."), metavar="FOLDER")] = Path("runs"),
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
                "cost": plain(costs[-1]) if costs else None,
                "test_accuracy": status.get("test_accuracy"),
            }
        except (DataError, ValueError) as error:
            return {"run": str(run.path), "outcome": "damaged", "error": str(error)}

    rows = [row(run) for run in find_runs(folder)]
    if as_json:
        say_json({"runs": rows})
        return
    if not rows:
        say(_("There are no runs in {folder}; make one with `descenso train`.").format(folder=folder))
        return
    head = [_("run"), _("outcome"), _("engine"), _("dtype"), _("epochs"), _("cost"), _("accuracy")]
    say_table([head, *(_cells(record, folder) for record in rows)], text_columns=4)


def _cells(record: dict[str, Any], folder: Path) -> list[object]:
    """Make the table's row of one run, with a dash for each value that it does not have."""
    words = [record.get(name) for name in ("engine", "dtype", "epochs_done")]
    numbers = [f"{record[name]:.4f}" if record.get(name) is not None else None for name in ("cost", "test_accuracy")]
    cells = [Path(record["run"]).relative_to(folder), _(record["outcome"]), *words, *numbers]
    return ["–" if value is None else value for value in cells]
