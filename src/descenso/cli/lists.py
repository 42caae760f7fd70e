"""`descenso models`, `rules`, `schedules`, `runs`, `env` and `plot`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.display import quiet
from descenso.cli.options import Json, OutFile, say, say_json, say_table
from descenso.config import TrainConfig, flag
from descenso.errors import ConfigError, DataError
from descenso.registry import MODELS, RULES, SCHEDULES, RuleInfo, ScheduleInfo, describe_options, to_json
from descenso.studies import cell, plain
from descenso.text import _

SCHEDULE = _("Plot this schedule instead, NAME or NAME:OPTION=VALUE; may be repeated.")


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
        rows.append([key, _(info.formula), describe_options(info.options), *rate, _(info.source)])
    say_table(rows, text_columns=len(head))


def runs(
    folder: Annotated[Path, typer.Argument(help=_("Folder that holds the runs."), metavar=_("FOLDER"))] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List the runs in a folder."""
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
    table = []
    for record in rows:
        words = [record.get(name, "–") for name in ("engine", "dtype", "epochs_done")]
        numbers = [cell(record.get(name)) for name in ("cost", "test_accuracy")]
        table.append([Path(record["run"]).relative_to(folder), _(record["outcome"]), *words, *numbers])
    say_table([head, *table], text_columns=4)


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
    runs: Annotated[list[Path] | None, typer.Argument(help=_("Run directories."), metavar=_("RUN..."))] = None,
    schedule: Annotated[list[str] | None, typer.Option(help=SCHEDULE)] = None,
    out: OutFile = None,
) -> None:
    """Plot the training loss of one or more runs on one axis, or learning rate schedules."""
    if bool(runs) == bool(schedule):
        raise ConfigError(_("plot takes either runs or schedules; try descenso plot runs/*, or --schedule one-cycle"))
    specs = [TrainConfig.of(schedule=spec).schedule for spec in schedule or []]
    with quiet():
        from descenso.reports import figures

        if specs:
            from descenso.descent.schedules import shares

            figure, path = figures.schedules_figure({spec: shares(spec) for spec in specs}), Path("schedule.png")
        else:
            from descenso.runs.directory import open_directory

            opened = [open_directory(run) for run in runs or []]
            curves = [figures.curves(str(run.path), run.history) for run in opened]
            figure = figures.loss_figure({label: costs for run in curves for label, costs in run.items()})
            path = opened[0].plot_path("loss.png") if len(opened) == 1 else Path("loss.png")
        say(figures.save_figure(figure, out or path))
