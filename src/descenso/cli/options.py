"""Options and output that commands share; the options of training are made from the table in `descenso.config`."""

import inspect
import json
import os
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from descenso.config import NAMED, SETTINGS, TrainConfig, choices, flag, having, is_number
from descenso.data.formats import titles
from descenso.errors import ConfigError
from descenso.registry import MODELS, OWN
from descenso.settings import DATA, MODEL
from descenso.text import USUAL_WIDTH, _, longest_word, printable, width_of, wrapped

OUTPUT = _("Output")  # title of the help panel
OWN_CODE = ("rule", "schedule", "loss")  # may be the user's own code, which a run then needs again
LONG_WORD = 36  # characters of a word, such as a path, that may be broken in a table
MANY = 8  # a table of so many columns has one space between them
WIDEST = 100_000  # characters of a line that goes to no terminal
READ_DATA = (*having("reads data"), "seed")  # settings of every command that reads data by name


def option(help: str, *flags: str, panel: str = OUTPUT, **more: Any) -> Any:
    """Make an option that `--help` shows in `panel`; without a `metavar`, Typer names its type in English."""
    return typer.Option(*flags, help=help, rich_help_panel=panel, **more)


def completing(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Make the function by which a shell completes one of `names`, or the last of several with commas between them."""

    def complete(incomplete: str) -> list[str]:
        before, comma, begun = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in names() if name.startswith(begun)]

    return complete


def datasets() -> list[str]:
    """Return the names of datasets; a shell completes paths by itself."""
    from descenso.data.named import NAMED as KNOWN

    return list(KNOWN)


def run_directories(incomplete: str) -> list[str]:
    """Return the runs in the folder of `incomplete`, by default in `runs`, for a shell to complete."""
    folder = incomplete.rpartition("/")[0] or "runs"
    try:
        return sorted(f"{folder}/{status.parent.name}" for status in Path(folder).glob("*/status.json"))
    except (OSError, ValueError):  # an unreadable folder, or not a path
        return []


def newest_run() -> Path | None:
    """Return the newest run in `runs`, or None."""
    from descenso.runs.directory import find_runs

    try:
        found = find_runs(Path("runs"))
    except OSError:  # an unreadable folder
        return None
    return found[-1].path if found else None


def _no_file(context: typer.Context, run: Path) -> Path:
    """Refuse a file where the run is expected: the run was left out."""
    if run.is_file():
        command, newest = str(context.command.name), newest_run() or Path("RUN")
        with_file = {"predict": [str(run)], "evaluate": ["--data", str(run)]}.get(command, [])
        message = _("{path} is a file, and the first argument is a run; with the newest one: {line}")
        if not newest.exists():
            message = _("{path} is a file, and the first argument is a run, as descenso train makes one: {line}")
        line = shlex.join(["descenso", command, str(newest), *with_file])
        raise ConfigError(message.format(path=run, line=line))
    return run


def words_of(name: str) -> tuple[str, ...]:
    """Return the words that the setting `name` takes, as far as they are known."""
    presets = tuple(preset for model in MODELS.values() for preset in model.presets)
    return {"preset": presets, "order": ("permutation", "sequential", "buffer:"), "batch_size": ("full",)}.get(
        name, choices(name) or tuple(NAMED.get(name, ()))
    )


def of_kind(path: Path | None, kind: str) -> Path | None:
    """Return the path of a picture that is to be written; `kind` is "PNG" or "GIF".

    Raises:
        ConfigError: if its name ends otherwise.
    """
    suffix = f".{kind.lower()}"
    if path is not None and path.suffix.lower() != suffix:
        message = _("out must be a {kind} file, got {path}; try --out {file}")
        raise ConfigError(
            message.format(kind=kind, path=path, file=path.with_suffix(suffix) if path.name else f"out{suffix}")
        )
    return path


def _png(path: Path | None) -> Path | None:
    return of_kind(path, "PNG")


Json = Annotated[
    bool, option(_("Print one JSON object on standard output, and nothing else; docs/json.md describes it."), "--json")
]
OutFile = Annotated[Path | None, option(_("PNG file to write."), "--out", "-o", callback=_png, metavar=_("FILE"))]
LIMIT = _("Raise a limit of the file readers: file_bytes, array_bytes, rows, columns or pixels.")
LimitOption = Annotated[list[str] | None, option(LIMIT, "--limit", panel=_(DATA), metavar=_("NAME=N"))]
DATA_DIR = _("Folder to search first for datasets that have a name; also DESCENSO_DATA.")
DataDirOption = Annotated[Path | None, option(DATA_DIR, panel=_(DATA), metavar=_("DIR"))]
CUSTOM_MODEL = _("Custom model of the run, FILE.py:NAME or package.module:NAME; its code is imported and run.")
ModelOption = Annotated[
    str | None,
    option(CUSTOM_MODEL, panel=_(MODEL), metavar=_("NAME"), callback=lambda value: as_module(value)),
]
SourcesOptions = Any  # a parameter of this name becomes --limit and --data-dir; see `with_settings`
TENSORBOARD = _("Write event files for TensorBoard into a folder of the run's name in DIR.")
TensorBoardOption = Annotated[Path | None, option(TENSORBOARD, metavar=_("DIR"))]
RunArgument = Annotated[
    Path,
    typer.Argument(help=_("Run directory."), metavar=_("RUN"), callback=_no_file, autocompletion=run_directories),
]


def say(message: object, err: bool = False) -> None:
    """Print a message, with control characters escaped; in a terminal, in lines that are broken between words."""
    for line in wrapped(printable(str(message)), width_of(sys.stderr if err else sys.stdout)):
        typer.echo(line, err=err)


def say_text(text: str, indent: str = "", err: bool = False) -> None:
    """Print a paragraph to be read, in lines of at most 80 characters in a file and in a pipe, too."""
    for line in wrapped(printable(text), width_of(sys.stderr if err else sys.stdout) or USUAL_WIDTH, indent):
        typer.echo(line, err=err)


def say_code(line: str, err: bool = False) -> None:
    """Print a line of code, which is never broken, with control characters escaped."""
    typer.echo(printable(line), err=err)


def say_json(answer: Mapping[str, object]) -> None:
    """Print one JSON object, in ASCII; numbers that are not finite are not allowed."""
    typer.echo(json.dumps(answer, allow_nan=False))


def cell(value: object) -> Text:
    """Make a table cell of plain text: no markup, control characters escaped."""
    return Text(printable(str(value)))


def terminal() -> Console:
    """Return the console for standard output; in a pipe or a file, where nothing is cut, it is as wide as any line."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=WIDEST) if piped else Console()


def say_table(rows: Sequence[Sequence[object]], text_columns: int = 1) -> None:
    """Print a table: a head, then rows; or each row as a paragraph where the columns do not fit side by side.

    Args:
        rows: the head, then the rows, of equal length.
        text_columns: how many columns from the left are text, aligned left; the others are numbers, aligned right.
    """
    head, *body = texts = [[printable(str(value)) for value in row] for row in rows]
    console = terminal()
    width = console.width - 1
    spaces = 1 if len(head) >= MANY or _widths(texts, 0, width - len(head)) else 2  # 1 if rows fit only so
    spaces = 2 if len(head) < MANY and _widths(texts, 0, width - 2 * len(head)) else spaces
    widths = _widths(texts, text_columns, width - spaces * len(head))
    if widths is None:
        _say_paragraphs(head, body)
        return
    table = Table(box=SIMPLE, padding=(0, spaces - 1, 0, 0))
    for place, (title, width) in enumerate(zip(head, widths, strict=True)):
        side: Any = "left" if place < text_columns else "right"
        table.add_column(Text(title), justify=side, overflow="fold", width=width)
    for row in body:
        table.add_row(*(Text("\n".join(wrapped(text, width))) for text, width in zip(row, widths, strict=True)))
    console.print(table)


def _widths(rows: Sequence[Sequence[str]], text_columns: int, most: int) -> list[int] | None:
    """Return widths of columns that `most` characters hold together, or None if that would break words or numbers."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    least = [
        min(max(map(longest_word, column)), LONG_WORD) if place < text_columns else width
        for place, (column, width) in enumerate(zip(columns, widths, strict=True))
    ]
    while sum(widths) > most:
        spare = [width if width > below else 0 for width, below in zip(widths, least, strict=True)]
        if not any(spare):
            return None
        widths[spare.index(max(spare))] -= 1
    return widths


def _say_paragraphs(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for first, *others in rows:
        say("")
        if first:
            say(first)
        for title, text in zip(head[1:], others, strict=True):
            if text:
                say_text(f"{title}: {text}" if title else text, "  ")
    say("")


def setting_option(name: str) -> Any:
    """Make the option of one setting, with the help text and the panel of its row."""
    help, panel = _(SETTINGS[name].help), _(SETTINGS[name].panel)
    if TrainConfig.model_fields[name].annotation is bool:
        return option(help, flag(name), panel=panel)
    return option(help, panel=panel, metavar=_word(name))


def _word(name: str) -> str:
    """Return the word that stands in the help for the value of the setting `name`."""
    return _("NUMBER") if is_number(name) else _("NAME") if choices(name) or name in NAMED else _("TEXT")


def with_settings(
    names: Collection[str] = tuple(SETTINGS), show_defaults: bool = True, panel: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add an option to `command(**settings)` for each setting of `names`; it receives those that the user gave.

    A parameter `sources` of the command becomes the options --limit and --data-dir; it receives a `Sources`. The
    options stand in the panels of the table of settings, or all in `panel`.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        parameters = [_parameter(name, show_defaults, panel) for name in SETTINGS if name in names]
        for parameter in inspect.signature(command).parameters.values():
            if parameter.name == "sources":
                parameters += [_option("limit", LimitOption), _option("data_dir", DataDirOption)]
            elif parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                parameters.append(parameter)
        parameters.sort(key=lambda parameter: parameter.name not in ("data", "run"))  # arguments first

        def called(*words: Any, limit: Any = None, data_dir: Any = None, **values: Any) -> None:
            from descenso.data.sources import Sources

            values = {name: value for name, value in values.items() if name not in names or value is not None}
            values |= {name: as_module(values[name]) for name in OWN if name in values}
            command(*words, sources=Sources.of(limit, data_dir), **values)

        called.__doc__ = command.__doc__
        called.__name__ = command.__name__
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return decorated


def as_module(name: Any) -> Any:
    """Return code of the user's own, as typed, as the name of its module: a path of a file is one, too."""
    if not isinstance(name, str) or ".py:" not in name:
        return name
    from descenso.guesses import module_of

    return module_of(name) or name


def _option(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def _parameter(name: str, show_default: bool, panel: str) -> inspect.Parameter:
    field, row = TrainConfig.model_fields[name], SETTINGS[name]
    kind: Any = bool if field.annotation is bool else str  # numbers are parsed, and refused, by the config
    by_model = any(name in model.settings for model in MODELS.values())
    default = _("by model") if by_model else "" if name == "model" else field.default  # its help says it
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    note = "" if not show_default or shown in ("", "False") else _("[default: {}]").format(shown).replace("[", "\\[", 1)
    text = f"{_(row.help).replace('{formats}', titles())} {note}".rstrip()
    if name == "data":
        info = typer.Argument(help=text, metavar=_("DATA"), show_default=False, autocompletion=completing(datasets))
    else:
        short = [row.short] if row.short else []
        metavar = None if kind is bool else _word(name)
        complete = completing(lambda: words_of(name))
        more: dict[str, Any] = {"metavar": metavar, "show_default": False, "autocompletion": complete}
        info = option(text, flag(name), *short, panel=_(panel or row.panel), **more)
    return _option(name, Annotated[kind | None, info])
