"""`descenso predict`."""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from descenso.cli.options import Json, LimitOption, ModelOption, RunArgument, cell, say, say_json
from descenso.cli.quiet import quiet
from descenso.data.formats import input_titles
from descenso.text import _, printable

if TYPE_CHECKING:
    from descenso.api.inference import Predictions

MOST_SHOWN = 100  # rows of the table; all are in --json and --csv


def predict(
    run: RunArgument,
    files: Annotated[
        list[Path],
        typer.Argument(help=_("Files to predict on: {formats}.").format(formats=input_titles()), metavar="FILE..."),
    ],
    model: ModelOption = None,
    limit: LimitOption = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help=_("Print a row for each input, with all probabilities."))
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a run's model takes images or rows for, with probabilities."""
    with quiet():
        from descenso.api import inference as using
        from descenso.data.limits import Sources
        from descenso.reports.figures import is_picture, predictions_figure, save_figure

        found = using.predict(run, files, model, Sources.of(limit))
    classes = [found.class_names[place] for place in found.probabilities.argmax(axis=1)]
    if as_json:
        rows = zip(found.names, classes, found.probabilities.tolist(), strict=True)
        told = [{"input": name, "class": label, "probabilities": shares} for name, label, shares in rows]
        say_json({"classes": list(found.class_names), "predictions": told})
        return
    if as_csv:
        _write_csv(found, classes)
        return
    table = Table(_("input"), _("class"), _("probability"))
    for name, label, share in list(zip(found.names, classes, found.probabilities.max(axis=1), strict=True))[
        :MOST_SHOWN
    ]:
        table.add_row(cell(name), cell(label), f"{share:.4f}")
    Console().print(table)
    if len(classes) > MOST_SHOWN:
        say(_("… {more} more; --csv or --json prints all").format(more=len(classes) - MOST_SHOWN))
    if is_picture(found.inputs.shape[1:]):
        picture = save_figure(predictions_figure(found.inputs, classes), Path(f"{run.name}-seen.png"))
        say(_("What the model saw: {path}").format(path=picture))


def _write_csv(found: "Predictions", classes: list[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    rows = zip(found.names, classes, found.probabilities.tolist(), strict=True)
    writer.writerow(map(printable, ("input", "class", *found.class_names)))
    writer.writerows([printable(name), printable(label), *shares] for name, label, shares in rows)
