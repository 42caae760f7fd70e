"""`descenso launch`."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.options import as_module, option, say
from descenso.cli.usage import LAUNCHED, answer
from descenso.config import SETTINGS, TrainConfig, flag
from descenso.errors import ConfigError
from descenso.files import read_settings
from descenso.registry import OWN, is_own
from descenso.text import _
from descenso.training.processes import LINE_START

PROCESSES = _("Several processes")  # title of the help panel
ENGINE = "workers"
SHOW_CURSOR = "\x1b[?25h"
LINE = _("After --: train, resume or compare, with its options. The first two train with the engine workers.")
WORKERS = _("Number of processes on this machine. Worker 0, the chief, writes the run.")
RESTARTS = _(
    "Start new processes so many times if one is killed or fails; they resume the run at its newest checkpoint."
)


def launch(
    workers: Annotated[int, option(WORKERS, "--workers", panel=PROCESSES, min=1, metavar=_("NUMBER"))],
    line: Annotated[list[str] | None, typer.Argument(help=LINE, metavar=_("COMMAND ..."), show_default=False)] = None,
    restarts: Annotated[int, option(RESTARTS, "--restarts", panel=PROCESSES, min=0, metavar=_("NUMBER"))] = 0,
) -> None:
    """Train in several processes on this machine, with one log; exit with the code of the first that fails."""
    if sys.platform == "win32":
        message = _(
            "launch needs the processes and pipes of Linux or macOS; on Windows, start each process by hand: descenso "
            "train --engine workers --coordinator 127.0.0.1:2222 --workers {workers} --index 0, 1, …"
        )
        raise ConfigError(message.format(workers=workers))
    name, *words = line or [""]
    if name not in LAUNCHED:
        message = _("launch takes {names} after --, got {got}; such as descenso launch --workers {workers} -- train")
        raise ConfigError(
            message.format(names=", ".join(LAUNCHED), got=shlex.join(line or []) or "--", workers=workers)
        )
    given = _given(name, words, workers)
    _check(name, given, restarts)
    from descenso.engines.isolation import isolate
    from descenso.training import launching

    _fetch(given)
    isolate()
    started = _Started(name, words, given, restarts)
    code = launching.launch(started.command, workers, restarts, _tell)
    started.tidy()
    if sys.stderr.isatty():
        typer.echo(SHOW_CURSOR, nl=False, err=True)  # which a chief that was killed has left hidden
    raise typer.Exit(code)


def _tell(text: str) -> None:
    """Print a message on standard error, in place of a bar that the chief may have drawn in the last line."""
    if sys.stderr.isatty():
        typer.echo(LINE_START, nl=False, err=True)
    say(f"descenso: {text}", err=True)


class _Started:
    """What each process is started with: the command given, or, once it has made a run, what resumes the run.

    Args:
        name, words: the command and its arguments.
        given: the arguments as parsed.
        restarts: as of `launch`; if there are any, the run directory of `train` is chosen here.
    """

    def __init__(self, name: str, words: Sequence[str], given: dict[str, Any], restarts: int) -> None:
        self._again = ["resume", "", *_kept(given)] if name == "train" else None
        self._words = [name, *words, *([] if name == "compare" else ["--engine", ENGINE])]
        self._made, self._run = None, given.get("out")
        if restarts and self._again and self._run is None:
            from descenso.runs.files import fresh_folder, run_name

            data = _settings(given).get("data", TrainConfig.model_fields["data"].default)
            self._made = self._run = fresh_folder(Path("runs"), run_name(data, ENGINE))
            self._words += ["--out", str(self._run)]

    def command(self) -> list[str]:
        """Return what to start now."""
        words = self._words
        if self._again and self._run and (self._run / "status.json").is_file():
            words = [self._again[0], str(self._run), *self._again[2:]]
        return [sys.executable, "-m", "descenso", *words]

    def tidy(self) -> None:
        """Remove the run directory that was chosen, if there is no run in it."""
        if self._made and not any(self._made.iterdir()):
            self._made.rmdir()


def _fetch(given: dict[str, Any]) -> None:
    """Download a dataset that is not on this machine, which the processes cannot do: they have no network."""
    from descenso.data.named import NAMED, load_named, present
    from descenso.data.sources import Sources

    name = _settings(given).get("data")
    if name in NAMED and not present(name, given.get("data_dir")):
        load_named(name, Sources.of(given.get("limit"), given.get("data_dir")))


def _given(name: str, words: list[str], workers: int) -> dict[str, Any]:
    """Parse the arguments of a command here, so that a mistake is told once, and not by each process."""
    from descenso.cli.app import Command, find_command

    app = typer.Typer()
    app.command(name, cls=Command, context_settings={"allow_extra_args": True})(find_command(name))
    try:
        with typer.main.get_command(app).make_context(f"descenso {name}", list(words)) as context:
            return {each: value for each, value in context.params.items() if value is not None}
    except Exception as error:  # those of Click are answered
        answered = answer(error, [name, *words])
        if answered is None or isinstance(error, typer.Exit):
            raise
        launched = rf"descenso launch --workers {workers} -- \1"
        raise ConfigError(re.sub(rf"descenso ({'|'.join(LAUNCHED)})(?! --help)", launched, answered[0])) from None


def _check(name: str, given: dict[str, Any], restarts: int) -> None:
    """Refuse what cannot be meant, before any process starts."""
    ours = [
        each for each, none in (("coordinator", ""), ("workers", 0), ("index", None)) if given.get(each, none) != none
    ]
    if ours:
        message = _("launch gives each process its place among the workers; leave {name} out of the command")
        raise ConfigError(message.format(name=flag(ours[0])))
    if name == "compare":
        engines = given.get("engines", "").split(",")
        if ENGINE not in engines and given.get("engine") != ENGINE:
            message = _("launch starts processes for the engine {engine}; try --engines compiled,{engine}")
            raise ConfigError(message.format(engine=ENGINE))
        if restarts:
            raise ConfigError(_("--restarts is for train and resume, which save checkpoints; leave it out for compare"))
        return
    engine = given.get("engine", ENGINE)
    if engine != ENGINE:
        message = _("launch trains with the engine {expected}, got {got}; leave --engine out")
        raise ConfigError(message.format(expected=ENGINE, got=engine))
    if name == "train":
        from descenso.data.catalog import before_data

        TrainConfig.of(**before_data(_settings(given)))


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of `train`, of the file and of the flags, but for the engine."""
    settings = read_settings(given["config"]) if "config" in given else {}
    settings |= {name: value for name, value in given.items() if name in SETTINGS}
    settings |= {kind: as_module(settings[kind]) for kind in OWN if kind in settings}
    return {name: value for name, value in settings.items() if name != "engine"}


def _kept(given: dict[str, Any]) -> list[str]:
    """Return the options of `train` that `resume` needs again; the other ones are in the run's config."""
    kept = ["--json"] if given.get("as_json") else []
    kept += [word for limit in given.get("limit") or () for word in ("--limit", limit)]
    names = ["tensorboard", "data_dir", *(kind for kind in OWN if is_own(kind, as_module(given.get(kind, ""))))]
    return kept + [word for each in names if each in given for word in (flag(each), str(given[each]))]
