"""`descenso data`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from descenso.cli.options import Json, LimitOption, OutFile, cell, say, say_json
from descenso.text import _


def data(
    name: Annotated[
        str, typer.Argument(help=_("A dataset's name, or a folder of IDX files."), metavar="DATA")
    ] = "mnist",
    out: OutFile = None,
    limit: LimitOption = None,
    as_json: Json = False,
) -> None:
    """Look at a dataset: shapes, type, range, rows per class; and write a sheet of samples."""
    from descenso.data.catalog import load
    from descenso.data.describe import describe
    from descenso.data.limits import Limits
    from descenso.reports.figures import contact_sheet, save_figure

    found = load(name, Limits.of(limit or []))
    about = describe(found)
    sheet = out or Path(f"{Path(name).name}.png")
    save_figure(contact_sheet(found.train, found.class_names), sheet)
    if as_json:
        say_json({**about, "sheet": str(sheet)})
        return
    _show(about)
    say(_("Samples: {path}").format(path=sheet))


def _show(about: dict[str, Any]) -> None:
    console = Console()
    splits = {_("train"): about["train"], _("test"): about["test"]}
    table = Table(Column(cell(about["name"])), *splits)
    table.add_row(_("inputs"), *("×".join(map(str, each["inputs_shape"])) for each in splits.values()))
    table.add_row(_("type"), *(each["dtype"] for each in splits.values()))
    table.add_row(_("minimum"), *(f"{each['minimum']:g}" for each in splits.values()))
    table.add_row(_("maximum"), *(f"{each['maximum']:g}" for each in splits.values()))
    table.add_row(_("labels"), *("×".join(map(str, each["labels_shape"])) for each in splits.values()))
    for label in about["classes"]:
        table.add_row(
            cell(_("rows of class {name}").format(name=label)),
            *(str(each["rows_per_class"][label]) for each in splits.values()),
        )
    console.print(table)
    if about["needs_normalisation"]:
        text = _("Normalisation: needed; the values reach {maximum:g}, so each step multiplies them by {scale:.6g}.")
    else:
        text = _("Normalisation: not needed; the values reach {maximum:g}.")
    say(text.format(maximum=about["train"]["maximum"], scale=about["input_scale"]))
