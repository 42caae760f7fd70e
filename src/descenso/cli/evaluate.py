"""`descenso evaluate`."""

import math
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from descenso.cli.options import Json, LimitOption, RunArgument, cell, say, say_json
from descenso.cli.quiet import quiet
from descenso.text import _


def evaluate(
    run: RunArgument,
    data: Annotated[
        str | None, typer.Option(help=_("Dataset whose test rows are used; by default the run's own."))
    ] = None,
    limit: LimitOption = None,
    as_json: Json = False,
) -> None:
    """Measure a run on test rows: accuracy, cost, accuracy per class, confusion matrix."""
    with quiet():
        from descenso import api
        from descenso.data.limits import Limits
        from descenso.reports.figures import confusion_figure, save_figure

        found = api.evaluate(run, data, Limits.of(limit or []))
    directory = api.open_directory(run)
    class_names = directory.weights()[1]["class_names"].split("\n")
    picture = save_figure(confusion_figure(found.confusion, class_names), directory.plot_path("confusion.png"))
    if as_json:
        answer = {
            "accuracy": found.accuracy,
            "cost": found.cost if math.isfinite(found.cost) else None,
            "classes": class_names,
            "per_class": found.per_class,
            "confusion": found.confusion.tolist(),
        }
        say_json(answer)
        return
    say(_("Accuracy: {accuracy:.4f}, cost: {cost:.6f}").format(accuracy=found.accuracy, cost=found.cost))
    table = Table(_("class"), _("rows"), _("accuracy"))
    for name, rows, share in zip(class_names, found.confusion.sum(axis=1), found.per_class, strict=True):
        table.add_row(cell(name), str(rows), "–" if share is None else f"{share:.4f}")
    Console().print(table)
    say(_("Confusion matrix: {path}").format(path=picture))
