"""`descenso data`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from descenso.cli.options import DataDirOption, Json, LimitOption, OutFile, cell, say, say_json, setting_option
from descenso.data.formats import titles
from descenso.text import _

MOST_COLUMNS = 20  # of a table that are shown to a person


def data(
    name: Annotated[
        str,
        typer.Argument(
            help=_("A dataset's name, a folder, or a file: {formats}.").format(formats=titles()), metavar="DATA"
        ),
    ] = "mnist",
    label: Annotated[str, setting_option("label")] = "",
    test_fraction: Annotated[float, setting_option("test_fraction")] = 0.0,
    resize: Annotated[str, setting_option("resize")] = "",
    seed: Annotated[int, typer.Option(help=_("Seed of the shuffle, and of which rows are tested on."), min=0)] = 0,
    data_dir: DataDirOption = None,
    listed: Annotated[bool, typer.Option("--list", help=_("List the datasets that have a name."))] = False,
    out: OutFile = None,
    limit: LimitOption = None,
    as_json: Json = False,
) -> None:
    """Look at a dataset: shapes, type, range, rows per class; and write a sheet of samples."""
    if listed:
        _list(data_dir, as_json)
        return
    from descenso.data.catalog import load
    from descenso.data.describe import describe
    from descenso.data.limits import Sources

    found = load(name, label=label, test_fraction=test_fraction, resize=resize, seed=seed,
                 sources=Sources.of(limit, data_dir))  # fmt: skip
    about = describe(found)
    sheet = None
    if len(found.input_shape) > 1:  # a table need not wait for matplotlib
        from descenso.reports.figures import contact_sheet, is_picture, save_figure

        if is_picture(found.input_shape):
            sheet = save_figure(contact_sheet(found.train, found.class_names), out or Path(f"{Path(name).name}.png"))
    if as_json:
        say_json({**about, "sheet": None if sheet is None else str(sheet)})
        return
    _show(about)
    if sheet is not None:
        say(_("Samples: {path}").format(path=sheet))


def _list(data_dir: Path | None, as_json: bool) -> None:
    from descenso.data.named import NAMED, present

    where = {name: present(name, data_dir) for name in NAMED}
    if as_json:
        rows = [
            {"name": name, "source": NAMED[name].url, "present": None if where[name] is None else str(where[name])}
            for name in NAMED
        ]
        say_json({"datasets": rows})
        return
    table = Table(_("name"), _("classes"), _("source"), _("on this machine"))
    for name, known in NAMED.items():
        size = _("no; {size} MB to download").format(size=round(known.bytes / 1e6))
        source = known.url or _("comes with descenso")
        table.add_row(cell(name), str(len(known.class_names)), cell(source), cell(where[name] or size))
    Console().print(table)


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
    if about["columns"]:
        _show_columns(about["columns"], console)
    say(_normalisation(about))


def _show_columns(columns: list[dict[str, Any]], console: Console) -> None:
    table = Table(_("column"), _("mean"), _("standard deviation"), _("minimum"), _("maximum"))
    for column in columns[:MOST_COLUMNS]:
        table.add_row(
            cell(column["name"]),
            *(f"{column[key]:g}" for key in ("mean", "standard_deviation", "minimum", "maximum")),
        )
    console.print(table)
    if len(columns) > MOST_COLUMNS:
        say(_("Columns not shown: {count}").format(count=len(columns) - MOST_COLUMNS))


def _normalisation(about: dict[str, Any]) -> str:
    if isinstance(about["input_scale"], list):
        return _("Normalisation: each step brings each column to mean 0 and standard deviation 1 of the training rows.")
    if about["input_shift"]:
        text = _("Normalisation: each step takes {shift:.6g} from the values and multiplies them by {scale:.6g}.")
    elif about["needs_normalisation"]:
        text = _("Normalisation: needed; the values reach {maximum:g}, so each step multiplies them by {scale:.6g}.")
    else:
        text = _("Normalisation: not needed; the values reach {maximum:g}.")
    return text.format(maximum=about["train"]["maximum"], scale=about["input_scale"], shift=about["input_shift"])
