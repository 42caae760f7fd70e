"""Options that commands share; those of a descent are made from the table in `descenso.config`."""

import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from descenso.config import BY_MODEL, TrainConfig, choices
from descenso.data.formats import titles
from descenso.errors import ConfigError
from descenso.text import _, printable

Json = Annotated[bool, typer.Option("--json", help=_("Print one JSON object on standard output, nothing else there."))]


def _png(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() != ".png":
        raise ConfigError(
            _("out must be a PNG file, got {path}; try --out {stem}.png").format(path=path, stem=path.stem)
        )
    return path


OutFile = Annotated[Path | None, typer.Option("--out", "-o", callback=_png, help=_("The PNG file to write."))]
LimitOption = Annotated[
    list[str] | None,
    typer.Option("--limit", help=_("Raise a reader's limit, NAME=N: file_bytes, array_bytes, rows, columns, pixels.")),
]
DataDirOption = Annotated[
    Path | None, typer.Option(help=_("Folder where named datasets are looked for first; also DESCENSO_DATA."))
]
ModelOption = Annotated[
    str | None, typer.Option(help=_("Import the run's own model, package.module:factory; it is code, and runs."))
]
TensorBoardOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help=_("Folder for what TensorBoard shows; the run gets a folder of its name in it.")),
]
RunArgument = Annotated[Path, typer.Argument(help=_("A run directory."), metavar="RUN")]


def say(message: object, err: bool = False) -> None:
    """Print a line for a person, with nothing in it that a terminal would obey."""
    typer.echo(printable(str(message)), err=err)


def say_json(answer: Mapping[str, object]) -> None:
    """Print one JSON object, in ASCII; a number that is not finite has no place in it."""
    typer.echo(json.dumps(answer, allow_nan=False))


def cell(value: object) -> Text:
    """A table's cell: text as it is, neither markup nor escapes."""
    return Text(printable(str(value)))


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print a table: its head, then its rows; all but the first column flush right."""
    (first, *others), *body = rows
    table = Table(first, *(Column(each, justify="right") for each in others), box=SIMPLE, padding=0)
    for row in body:
        table.add_row(*map(cell, row))
    Console().print(table)


def setting_option(name: str) -> Any:
    """The option of one setting, with the help text that the table of settings has."""
    return typer.Option(help=_(str(TrainConfig.model_fields[name].description)))


def with_settings(without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give `command(**settings)` an option for each row of the settings' table but those it goes `without`.

    Those not given arrive as None.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters.values()
        named = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
        made = [_parameter(name) for name in TrainConfig.model_fields if name not in without]
        parameters = sorted([*made, *named], key=lambda each: each.name != "data")  # the argument comes first

        def called(**values: Any) -> None:
            command(**values)

        called.__doc__ = command.__doc__
        called.__name__ = command.__name__
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        return called

    return decorated


def _parameter(name: str) -> inspect.Parameter:
    field = TrainConfig.model_fields[name]
    kind: Any = bool if field.annotation is bool else str  # numbers are read, and refused, where all settings are
    default = _("by model") if name in BY_MODEL else field.default
    told = _("[default: {}]").format(default).replace("[", "\\[", 1) if default != "" else ""
    text = f"{_(str(field.description)).replace('{formats}', titles())} {told}".rstrip()
    if name == "data":
        info = typer.Argument(help=text, metavar="DATA", show_default=False)
    else:
        extra = field.json_schema_extra
        short = [str(extra["short"])] if isinstance(extra, dict) and extra["short"] else []
        flag = f"--{name.replace('_', '-')}"
        metavar = "|".join(choices(name)) or (_("NUMBER") if field.annotation in (int, float) else None)
        info = typer.Option(flag, *short, help=text, metavar=metavar, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=Annotated[kind | None, info]
    )
