"""`descenso data`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descenso.cli.options import (
    READ_DATA,
    Json,
    OutFile,
    SourcesOptions,
    completing,
    datasets,
    option,
    say,
    say_json,
    say_table,
    with_settings,
)
from descenso.config import TrainConfig
from descenso.data.formats import titles
from descenso.errors import ConfigError
from descenso.runs.files import check_output
from descenso.settings import DATA
from descenso.text import _, prose
from descenso.training.waiting import waiting

if TYPE_CHECKING:
    from descenso.data.dataset import Dataset
    from descenso.data.sources import Limits

NAME_HELP = _("A dataset's name, a folder, or a file: {formats}.").format(formats=titles())
SAMPLES = _("Write example files into this new folder: a picture, photos by class, a table, arrays, a program.")
CONVERT = "convert"  # in the place of a dataset's name; a folder of that name is ./convert
PATHS_HELP = _("After the word convert: a folder of images, arrays, IDX files or a table; and the folder to write, "
               "whose rows are trained on without loading them into memory.")  # fmt: skip
MOST_COLUMNS = 20  # of a table that are shown on the screen


@with_settings(READ_DATA, show_defaults=False, panel=DATA)
def data(
    name: Annotated[
        str, typer.Argument(help=NAME_HELP, metavar=_("DATA"), autocompletion=completing(datasets))
    ] = "mnist",
    paths: Annotated[list[Path] | None, typer.Argument(help=PATHS_HELP, metavar=_("SOURCE DEST"))] = None,
    listed: Annotated[
        bool, option(_("List the named datasets, and the converted rows in the cache."), "--list")
    ] = False,
    out: OutFile = None,
    samples: Annotated[Path | None, option(SAMPLES, metavar=_("DIR"))] = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Describe a dataset: shapes, type, range, rows per class; and write a sheet of samples."""
    if name == CONVERT or paths:
        _convert(name, paths or [], sources.limits, as_json, **settings)
        return
    if listed:
        _list(sources.data_dir, as_json)
        return
    picture = check_output(out or Path(f"{Path(name).name}.png"))
    with waiting(_("Reading"), not as_json):
        from descenso.data.catalog import load
        from descenso.data.describe import describe

        dataset = load(name, **TrainConfig.of(**settings).model_dump(include=set(READ_DATA)), sources=sources)
        if samples is None:
            about, sheet = {**describe(dataset), "name": name}, _sheet(dataset, picture)
    if samples is not None:
        from descenso.reports.samples import write_samples

        _say_written(write_samples(dataset, samples), as_json)
        return
    if as_json:
        say_json({**about, "sheet": None if sheet is None else str(sheet)})
        return
    _show(about)
    if sheet is not None:
        say(_("Samples: {path}").format(path=sheet))


def _convert(name: str, paths: list[Path], limits: "Limits", as_json: bool, **settings: Any) -> None:
    """Convert the first of `paths` into the second, a folder."""
    if name != CONVERT:
        message = _("{command} takes no further argument, got {words}; see descenso {command} --help")
        raise ConfigError(message.format(command="data", words=" ".join(map(str, paths))))
    if len(paths) != 2:
        message = _("data convert takes a source and the folder to write, got {words}; try descenso data convert "
                    "photos photos-rows")  # fmt: skip
        raise ConfigError(message.format(words=" ".join(map(str, paths)) or _("nothing")))
    settings = TrainConfig.of(**settings).model_dump(include=set(READ_DATA))
    with waiting(_("Converting"), not as_json) as told:
        from descenso.data.convert import convert

        manifest = convert(*paths, **settings, limits=limits, told=told)
    rows = {part: sum(piece.rows for piece in manifest.pieces if piece.part == part)
            for part in ("train", "validation", "test")}  # fmt: skip
    if as_json:
        say_json({"converted": str(paths[1]), "classes": list(manifest.class_names), "rows": rows,
                  "files": 2 * len(manifest.pieces)})  # fmt: skip
        return
    for sentence in manifest.notes:
        say(sentence)
    say(_("Written: {path}").format(path=paths[1]))
    say(_("Rows for training: {train}; for validation: {validation}; for testing: {test}").format(**rows))
    say(_("To train on them: {command}").format(command=f"descenso train {shlex.quote(str(paths[1]))}"))


def _sheet(dataset: "Dataset", path: Path) -> Path | None:
    """Draw samples of pictures into `path`; of tables, which do without matplotlib, nothing."""
    if len(dataset.input_shape) == 1:
        return None
    from descenso.reports.figures import save_figure
    from descenso.reports.pictures import contact_sheet, is_picture

    if not is_picture(dataset.input_shape):
        return None
    return save_figure(contact_sheet(dataset.train, dataset.class_names), path)


def _say_written(paths: list[Path], as_json: bool) -> None:
    if as_json:
        say_json({"samples": [str(path) for path in paths]})
        return
    for path in paths:
        say(_("Written: {path}").format(path=path))


def _list(data_dir: Path | None, as_json: bool) -> None:
    from descenso.data.cache import converted
    from descenso.data.named import NAMED, present

    sizes = converted()
    where = {name: present(name, data_dir) for name in NAMED}
    if as_json:
        rows = [
            {"name": name, "source": NAMED[name].url, "present": None if where[name] is None else str(where[name])}
            for name in NAMED
        ]
        made = [{"folder": str(folder), "bytes": size} for folder, size in sizes.items()]
        say_json({"datasets": rows, "converted": made})
        return
    table: list[list[object]] = [[_("name"), _("source"), _("on this machine"), _("classes")]]
    for name, known in NAMED.items():
        size = _("no; {size} MB to download").format(size=round(known.bytes / 1e6))
        table.append([name, known.url or _("comes with descenso"), where[name] or size, len(known.class_names)])
    say_table(table, text_columns=3)
    if sizes:
        say(_("Rows that were converted; if you remove a folder, it is made again when it is needed:"))
        lines = [[folder, f"{size / 1e6:.0f}"] for folder, size in sizes.items()]
        say_table([[_("folder"), _("MB")], *lines], text_columns=1)


def _show(about: dict[str, Any]) -> None:
    splits = about["train"], about["test"]
    rows = [
        [_("inputs"), *("×".join(map(str, split["inputs_shape"])) for split in splits)],
        [_("type"), *(split["dtype"] for split in splits)],
        [_("minimum"), *(f"{split['minimum']:g}" for split in splits)],
        [_("maximum"), *(f"{split['maximum']:g}" for split in splits)],
        [_("labels"), *("×".join(map(str, split["labels_shape"])) for split in splits)],
    ]
    for label in about["classes"]:
        name = _("rows of class {name}").format(name=label)
        rows.append([name, *(split["rows_per_class"][label] for split in splits)])
    say_table([[about["name"], _("train"), _("test")], *rows])
    if about["columns"]:
        _show_columns(about["columns"])
    say(_normalisation(about))
    for sentence in about["notes"]:
        say(sentence)


def _show_columns(columns: list[dict[str, Any]]) -> None:
    statistics = ("mean", "standard_deviation", "minimum", "maximum")
    rows = [[column["name"], *(f"{column[key]:g}" for key in statistics)] for column in columns[:MOST_COLUMNS]]
    say_table([[_("column"), _("mean"), _("standard deviation"), _("minimum"), _("maximum")], *rows])
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
    return prose(text, maximum=about["train"]["maximum"], scale=about["input_scale"], shift=about["input_shift"])
