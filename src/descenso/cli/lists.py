"""`descenso models`, `rules`, `schedules`, `runs`, `env` and `plot`."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len

from descenso.cli.options import Json, completing, of_kind, option, run_directories, say, say_json, say_table, terminal
from descenso.config import TrainConfig, flag
from descenso.errors import ConfigError, DataError
from descenso.registry import MODELS, RULES, SCHEDULES, RuleInfo, ScheduleInfo, describe_options, to_json
from descenso.runs.files import SWEEP, check_output, is_held
from descenso.studies import cell, plain
from descenso.text import SPACE, _
from descenso.training.waiting import waiting

if TYPE_CHECKING:
    from descenso.runs.directory import RunDirectory

TEXTS = ("run", "outcome", "data", "model", "rule")  # columns of `descenso runs` that are text; the others are numbers
LONGEST, SHORTEST = 18, 8  # characters: in a table that is too wide, texts are cut to a length between these
EDGES = 2  # characters beside a table
SCHEDULE = _("Plot this schedule instead, NAME or NAME:OPTION=VALUE; may be repeated.")
FILM = _("Train runs, or lanes of a sweep, again, and film the templates of softmax regression as they form, as a GIF.")


def models(as_json: Json = False) -> None:
    """List the models and their default settings, which flags override."""
    if as_json:
        say_json({"models": {name: {**model.settings, "presets": model.presets} for name, model in MODELS.items()}})
        return
    rows = [[_("model"), _("what it is"), _("settings")]]
    for name, model in MODELS.items():
        rows.append([name, _(model.text), _flags(model.settings)])
        rows += [["", f"--preset {preset}", _flags(settings)] for preset, settings in model.presets.items()]
    say_table(rows, text_columns=3)


def _flags(settings: dict[str, Any]) -> str:
    return " ".join(f"{flag(name)} {value}" for name, value in settings.items() if value)


def rules(as_json: Json = False) -> None:
    """List the update rules: formula, source, options with defaults and ranges, default learning rate."""
    head = [_("rule"), _("formula"), _("options"), _("rate"), _("source")]
    _list_registry("rules", RULES, head, as_json)


def schedules(as_json: Json = False) -> None:
    """List the learning rate schedules: formula, source, options with defaults and ranges."""
    _list_registry("schedules", SCHEDULES, [_("schedule"), _("rate at a step"), _("options"), _("source")], as_json)
    if not as_json:
        say(_("η is the learning rate, t the number of steps taken, T the number of steps of the whole training run."))


def _list_registry(name: str, registry: Mapping[str, RuleInfo | ScheduleInfo], head: list[str], as_json: bool) -> None:
    if as_json:
        say_json({name: {key: to_json(info) for key, info in registry.items()}})
        return
    rows = [head]
    for key, info in registry.items():
        rate = [f"{info.learning_rate:g}"] if isinstance(info, RuleInfo) else []
        rows.append([key, _unbroken(_(info.formula)), describe_options(info.options), *rate, _(info.source)])
    say_table(rows, text_columns=len(head))


def _unbroken(formula: str) -> str:
    """Keep each assignment of a formula on a line; words around them may be broken."""
    return re.sub(r"\w+ [←=] [^;]*", lambda found: found[0].replace(" ", SPACE), formula)


def runs(
    folder: Annotated[Path, typer.Argument(help=_("Folder that holds the runs."), metavar=_("FOLDER"))] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List the runs in a folder."""
    from descenso.runs.directory import find_runs

    rows = [*map(_run, find_runs(folder)), *(_sweep(entry.parent) for entry in sorted(folder.glob(f"*/{SWEEP}")))]
    if as_json:
        say_json({"runs": rows})
        return
    if not rows:
        say(_("There are no runs in {folder}; make one with `descenso train`.").format(folder=folder))
        return
    head = {
        "run": _("run"), "outcome": _("outcome"), "data": _("data"), "model": _("model"), "rule": _("rule"),
        "learning_rate": _("rate"), "epochs_done": _("epochs"), "cost": _("cost"), "test_accuracy": _("accuracy"),
    }  # fmt: skip
    table = [head, *(_told(row, folder) for row in rows)]
    hidden = _hide(table, terminal().width)
    if "outcome" in hidden:  # an accuracy alone would not tell that a run has not ended
        for line, row in zip(table[1:], rows, strict=True):
            if row["outcome"] != "completed":
                line["test_accuracy"] = _(row["outcome"])
        _shorten(table, hidden, terminal().width)
    shown = [name for name in head if name not in hidden]
    say_table([[line[name] for name in shown] for line in table], len([name for name in shown if name in TEXTS]))


def _run(directory: "RunDirectory") -> dict[str, Any]:
    """Return all that is known of a run: its settings and results."""
    try:
        config, status, history = directory.config, directory.status, directory.history
    except (DataError, ValueError) as error:
        return {"run": str(directory.path), "outcome": "damaged", "error": str(error)}
    results = ("test_accuracy", "test_cost", "validation_accuracy", "train_seconds", "exact")
    return {
        "run": str(directory.path),
        "outcome": directory.outcome,
        "epochs_done": len(history.costs),
        "cost": plain(history.costs[-1]) if history.costs else None,
        "steered": [change.learning_rate for change in history.changes],
        **{name: plain(status.get(name)) for name in results},
        "settings": config.model_dump(),
    }


def _sweep(path: Path) -> dict[str, Any]:
    """Return all that is known of a sweep: how many lanes have ended, and settings and results of the best one."""
    from descenso.api.sweep import open_sweep

    try:
        found = open_sweep(path)
    except DataError as error:
        return {"run": str(path), "outcome": "damaged", "error": str(error)}
    best, done = found.best, len(found.records)
    ended = "running" if is_held(path) else "interrupted"
    row: dict[str, Any] = {"run": str(path), "outcome": "completed" if done == len(found.lanes) else ended}
    row |= {"lanes": len(found.lanes), "lanes_ended": done}
    if best is None:
        return {**row, "settings": found.lanes[0].config.model_dump()}
    record, config = found.records[best], found.lanes[best].config
    results = {"epochs_done": len(record.costs), "cost": record.costs[-1], "test_accuracy": record.test_accuracy}
    return {**row, **results, "settings": config.model_dump()}


def _told(row: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return the cells of a run's row in the table."""
    settings = row.get("settings", {})
    rates = [
        settings.get("learning_rate"),
        *row.get("steered", [])[-1:],
    ]  # the first and the last
    return {
        "run": str(Path(row["run"]).relative_to(folder)),
        "outcome": _(row["outcome"]),
        "data": Path(settings.get("data", "–")).name,
        "model": settings.get("model", "–"),
        "rule": settings.get("rule", "–"),
        "learning_rate": " → ".join(cell(rate, "g") for rate in rates),
        "epochs_done": str(row.get("epochs_done", "–")),
        "cost": cell(row.get("cost")),
        "test_accuracy": cell(row.get("test_accuracy")),
    }


def _widths(table: list[dict[str, str]], hidden: Collection[str]) -> dict[str, int]:
    """Return the width of each column that is shown, the space beside it included."""
    return {name: max(cell_len(line[name]) for line in table) + 1 for name in table[0] if name not in hidden}


def _hide(table: list[dict[str, str]], width: int) -> list[str]:
    """Cut long texts in `table` and return the columns that do not fit into `width` characters."""
    hidden = list[str]()
    for name in ("cost", "epochs_done", "outcome"):
        widths = _widths(table, hidden)
        if sum(min(each, LONGEST) if column in TEXTS else each for column, each in widths.items()) <= width - EDGES:
            break
        hidden.append(name)
    _shorten(table, hidden, width)
    return hidden


def _shorten(table: list[dict[str, str]], hidden: Collection[str], width: int) -> None:
    """Cut texts in `table`, those of the widest column first, until it fits into `width` characters."""
    while sum((widths := _widths(table, hidden)).values()) > width - EDGES:
        widest = max((name for name in TEXTS if name in widths), key=lambda name: widths[name])
        if widths[widest] <= SHORTEST:
            return
        for line in table[1:]:
            line[widest] = _cut(line[widest], widths[widest] - 2)


def _cut(text: str, most: int) -> str:
    """Cut `text` to `most` characters in the middle: runs differ at their ends.

    >>> _cut("holiday-photos-cnn-012", 14)
    'holida…cnn-012'
    """
    if len(text) <= most:
        return text
    tail = most // 2
    return f"{text[: most - tail - 1]}…{text[-tail:]}"


def env(as_json: Json = False) -> None:
    """Show versions, processor and platform, as runs record them."""
    from descenso.runs.environment import environment

    versions = environment()
    if as_json:
        say_json(versions)
        return
    rows = [[name, _("not installed") if value is None else value] for name, value in versions.items()]
    say_table([[_("name"), _("value")], *rows], text_columns=2)


def plot(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help=_("Run directories."), metavar=_("RUN..."), autocompletion=run_directories),
    ] = None,
    schedule: Annotated[
        list[str] | None, option(SCHEDULE, metavar=_("NAME"), autocompletion=completing(lambda: SCHEDULES))
    ] = None,
    film: Annotated[bool, option(FILM, "--film")] = False,
    out: Annotated[
        Path | None, option(_("PNG file to write; GIF with --film."), "--out", "-o", metavar=_("FILE"))
    ] = None,
    as_json: Json = False,
) -> None:
    """Plot the training loss of one or more runs on one axis, or learning rate schedules."""
    if bool(runs) == bool(schedule) or (film and not runs):
        raise ConfigError(_("plot takes either runs or schedules; try descenso plot runs/*, or --schedule one-cycle"))
    specs = [TrainConfig.of(schedule=spec).schedule for spec in schedule or []]
    given = of_kind(out, "GIF" if film else "PNG")
    picture = None if given is None else check_output(given)
    if film:
        from descenso.cli.sweep import filmed

        path = filmed(runs or [], picture)
    else:
        with waiting(_("Drawing"), not as_json):
            path = _drawn(runs or [], specs, picture)
    if as_json:
        say_json({"picture": str(path)})
    else:
        say(path)


def _drawn(runs: list[Path], specs: list[str], picture: Path | None) -> Path:
    """Draw the schedules `specs`, or else the costs of runs; return the path of the picture."""
    from descenso.reports import figures

    if specs:
        from descenso.descent.schedules import shares

        figure, path = figures.schedules_figure({spec: shares(spec) for spec in specs}), Path("schedule.png")
    else:
        from descenso.runs.directory import open_directory

        opened = [open_directory(run) for run in _only_runs(runs)]
        curves = [figures.curves(str(run.path), run.history) for run in opened]
        figure = figures.loss_figure({label: costs for run in curves for label, costs in run.items()})
        path = opened[0].plot_path("loss.png") if len(opened) == 1 else Path("loss.png")
    return figures.save_figure(figure, picture or path)


def _only_runs(paths: list[Path]) -> list[Path]:
    """Leave out what `runs/*` may hold besides runs, such as the folder of a reproduction, and say so."""
    found = [path for path in paths if (path / "status.json").exists()]
    if not found:
        return paths  # for the error that says what the first one is
    for path in paths:
        if path not in found:
            say(_("descenso: warning: {path} is no run, and is left out").format(path=path), err=True)
    return found
