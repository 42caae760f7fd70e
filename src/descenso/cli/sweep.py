"""`descenso sweep`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descenso.cli.options import (
    Json,
    OutFile,
    SourcesOptions,
    completing,
    option,
    run_directories,
    say,
    say_json,
    say_table,
    with_settings,
)
from descenso.config import SETTINGS, TrainConfig
from descenso.errors import ConfigError
from descenso.registry import RULES, SCHEDULES
from descenso.runs.files import check_output
from descenso.settings import RUN
from descenso.studies.sweep.grid import FIND_SEEDS, FIND_STEPS, lanes_of
from descenso.text import _, mark, plural, prose
from descenso.training.display import progress_bar, quiet

if TYPE_CHECKING:
    from descenso.studies.sweep.progress import Told
    from descenso.studies.sweep.result import Sweep

SWEEP, FINDING = _("Sweep"), _("Search")
RATES = _("Learning rates: FIRST..LAST:COUNT, evenly spaced in the logarithm, or a list with commas.")
DECAYS = _("Weight decays, in the same form.")
WHICH_RULES = _("Rules, separated by commas, each with its default learning rate unless rates are given.")
WHICH_SCHEDULES = _("Schedules, separated by commas.")
SIZES = _("Batch sizes, separated by commas.")
SEEDS = _("Seeds, separated by commas, or how many: each combination is trained with each, and ranked by its median.")
VERIFY = _(
    "Lanes (runs of the sweep) that are trained again alone: 2 (the best, and the one next to divergence), all or none."
)
KEEP = _(
    "Lanes that are trained alone as well, as runs in the sweep's directory: best, all (but those dropped) or none."
)
HALVING = _("Drop the worse half of the settings at rungs known beforehand; the others go on.")
AUDIT = _("Train what halving drops to the end, too, and say whether the later winner was dropped.")
OUT = _("Directory of the sweep, which must be new or empty. Default: a new one in runs/.")
LINE_SECONDS = 10.0  # between two lines where no bar can be drawn
WORDS = mark("VALUES")


def _values(text: str, *names: Any, **more: Any) -> Any:
    return option(text, *names, panel=SWEEP, metavar=_(WORDS), **more)


RunsArgument = Annotated[
    list[Path], typer.Argument(help=_("Run directories."), metavar=_("RUN..."), autocompletion=run_directories)
]


def _count(text: str, least: int) -> Any:
    return option(text, panel=FINDING, min=least, metavar=_("NUMBER"))


VerifyOption = Annotated[
    str, option(VERIFY, panel=SWEEP, metavar="2|all|none", autocompletion=completing(lambda: ("2", "all", "none")))
]
KeepOption = Annotated[
    str, option(KEEP, panel=SWEEP, metavar="best|all|none", autocompletion=completing(lambda: ("best", "all", "none")))
]


@with_settings()
def sweep(
    learning_rates: Annotated[str | None, _values(RATES)] = None,
    rules: Annotated[str | None, _values(WHICH_RULES, autocompletion=completing(lambda: RULES))] = None,
    schedules: Annotated[str | None, _values(WHICH_SCHEDULES, autocompletion=completing(lambda: SCHEDULES))] = None,
    weight_decays: Annotated[str | None, _values(DECAYS)] = None,
    batch_sizes: Annotated[str | None, _values(SIZES)] = None,
    seeds: Annotated[str | None, _values(SEEDS)] = None,
    verify: VerifyOption = "2",
    keep: KeepOption = "none",
    halving: Annotated[bool, option(HALVING, "--halving", panel=SWEEP)] = False,
    audit: Annotated[bool, option(AUDIT, "--audit", panel=SWEEP)] = False,
    out: Annotated[Path | None, option(OUT, "--out", "-o", panel=_(RUN), metavar=_("DIR"))] = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train a run for each combination of settings, many as one program, and rank them."""
    axes = {
        "learning_rates": learning_rates, "rules": rules, "schedules": schedules,
        "weight_decays": weight_decays, "batch_sizes": batch_sizes, "seeds": seeds,
    }  # fmt: skip
    lanes_of(settings, axes)  # refuse before TensorFlow is imported, which takes seconds
    with watched(as_json) as told:
        from descenso.api import sweep as api

        more: dict[str, Any] = {"verify": verify, "keep": keep, "halving": halving, "audit": audit, **axes, **settings}
        found = _stopped(api.sweep, out=out, sources=sources, told=told, **more)
    finish(found, as_json)


@with_settings([name for name in SETTINGS if name not in ("schedule", "epochs", "patience", "checkpoint_every")])
def find_rate(
    steps: Annotated[int, _count(_("Steps of each short training run."), 2)] = FIND_STEPS,
    seeds: Annotated[int, _count(_("Seeds that each rate is tried with."), 1)] = FIND_SEEDS,
    out: OutFile = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Find the learning rate by short training runs: the fastest safe one, and the edge of divergence."""
    TrainConfig.of(**{"schedule": "constant", **settings})  # refuse before TensorFlow is imported, which takes seconds
    picture = check_output(out or Path("rates.png"))
    with _progress(_("Short training runs")) as told:
        from descenso.api.find_rate import find_rate as find

        found = find(steps=steps, seeds=seeds, told=told, sources=sources, **settings)
        _show(found, picture, as_json)
    if found.best is None:
        raise typer.Exit(8)


def landscape(
    runs: RunsArgument,
    grid: Annotated[int, _count(_("Points along each side of the plane."), 2)] = 31,
    out: OutFile = None,
    as_json: Json = False,
) -> None:
    """Draw the cost over the plane in which runs move most, with their paths; the runs are trained again."""
    picture = check_output(out or Path("landscape.png"))
    with _progress(_("Landscape")) as told:
        from descenso.api.landscape import landscape as survey

        _show(survey(*runs, grid=grid, told=told), picture, as_json)


def filmed(runs: list[Path], picture: Path | None) -> Path:
    """Write a film of the templates of runs or sweeps, as `descenso plot --film`; return its path."""
    with _progress(_("Film")) as told:
        from descenso.api.film import film

        return film(*runs, out=picture, told=told)


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    """Show a share of what is done in a bar, where one can be drawn."""
    with _bar() as bar:
        yield lambda share: bar.update(what, share, "") if bar is not None else None


@contextmanager
def _bar() -> Iterator[Any]:
    """Hold back messages as `quiet` does, and yield a bar on standard error; None where none can be drawn."""
    bar = progress_bar(to_stderr=True)
    with quiet():
        if bar is not None:
            bar.start()
        try:
            yield bar
        finally:
            if bar is not None:
                bar.stop()


def _show(found: Any, picture: Path, as_json: bool) -> None:
    """Save the picture of a result, and print its tables and sentences, or one JSON object."""
    from descenso.reports.figures import save_figure

    save_figure(found.plot(), picture)
    if as_json:
        say_json(found.as_json())
        return
    for table in found.tables():
        say_table(table, text_columns=1)
    for line in found.sentences():
        say(line)
    say(_("Picture: {path}").format(path=picture))


def resume(path: Path, as_json: bool, force: bool, sources: Any, given: dict[str, Any]) -> None:
    """Go on with a sweep, as `descenso resume SWEEP`; it takes no settings."""
    if given:
        message = _("{run}: a sweep goes on with the settings that it has; leave {names} out")
        raise ConfigError(message.format(run=path, names=", ".join(given)))
    with watched(as_json) as told:
        from descenso.api import sweep as api

        found = _stopped(api.resume_sweep, path, force=force, sources=sources, told=told)
    finish(found, as_json)


def _stopped(study: Any, *given: Any, **settings: Any) -> "Sweep":
    """Run a sweep; return its result, also if a signal stopped it, which `finish` then says."""
    try:
        result: Sweep = study(*given, **settings)
    except (KeyboardInterrupt, SystemExit) as stop:
        if not hasattr(stop, "run"):
            raise
        from descenso.api.sweep import open_sweep

        return open_sweep(stop.run)
    return result


@contextmanager
def watched(as_json: bool) -> Iterator[Any]:
    """Show how far a sweep is: in a bar where one can be drawn, else in a line every ten seconds on standard error."""
    begun: tuple[float, float] | None = None  # time, and share that a sweep which goes on has done before
    last = time.monotonic()

    def told(now: "Told") -> None:
        nonlocal begun, last
        for line in now.sentences:
            say(line, err=True)
        if begun is None:
            begun = time.monotonic(), now.share
            return
        left = (time.monotonic() - begun[0]) * (1 - now.share) / max(now.share - begun[1], 1e-9)
        message = plural(
            "{count} lane alive, best cost {cost:.4g}, {time} left",
            "{count} lanes alive, best cost {cost:.4g}, {time} left",
            now.alive,
        )
        text = prose(message, count=now.alive, cost=now.best, time=timedelta(seconds=round(left)))
        what = _("Verifying") if now.verifying else _("Sweep")
        if bar is not None:
            bar.update(what, now.share, "" if now.verifying else text)
        elif not as_json and time.monotonic() - last > LINE_SECONDS:
            say(what if now.verifying else f"{what}: {100 * now.share:.0f} %, {text}", err=True)
            last = time.monotonic()

    with _bar() as bar:
        yield told


def finish(found: "Sweep", as_json: bool) -> None:
    """Print the result of a sweep; exit with 1 if a lane is not the same run as alone, 8 if all diverged, 130 if it was
    stopped.
    """
    if as_json:
        say_json(found.as_json())
    else:
        for table in found.tables():
            say_table(table, text_columns=1)
        for line in found.sentences():
            say(line)
        times = {"train": found.seconds, "compile": found.compile_seconds, "count": len(found.records)}
        message = plural(
            "{count} lane trained in {train:.2f} s, compiled in {compile:.2f} s",
            "{count} lanes trained in {train:.2f} s, compiled in {compile:.2f} s",
            len(found.records),
        )
        say(prose(message, **times))
        if (found.path / "best.json").is_file():
            say(_("To train the best: descenso train --config {path}").format(path=found.path / "best.json"))
        say(_("Sweep: {path}").format(path=found.path))
        say(_("Picture: {path}").format(path=found.path / "plots" / "sweep.png"))
        say(_("Table: {path}").format(path=found.path / "table.csv"))
        say(_("Report: {path}").format(path=found.path / "report.html"))
    if len(found.records) < len(found.lanes):
        raise typer.Exit(130)
    if not found.holds:
        raise typer.Exit(1)
    if found.best is None:
        raise typer.Exit(8)
