"""`descenso compare`, `gradcheck` and `reproduce`."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.options import (
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
from descenso.config import SETTINGS, TrainConfig, choices, having
from descenso.registry import RULES
from descenso.runs.files import check_output
from descenso.settings import RUN
from descenso.text import _
from descenso.training.display import Display, quiet, starting
from descenso.training.waiting import waiting

RUNS = _(RUN)
COMPARISON, GRADIENT_CHECK = _("Comparison"), _("Gradient check")  # help panels
EXPLAIN = _("Itemise the time of the eager engine, removing one source of overhead at a time.")
REPEATS = _("Time each training run this many times; by default 3, or 7 with --explain.")
COMPONENTS = _("Number of components of each parameter for central differences.")
TOLERANCE = _("Largest relative difference at which two ways agree.")
FOLDER = _("Folder of the report and its runs. Default: a new one in runs/.")


def _show(result: Any, passed: bool, as_json: bool, *sentences: str, text_columns: int = 1) -> None:
    """Print the result of a study and further sentences; exit with code 1 if it did not pass."""
    if as_json:
        say_json(result.as_json())
    else:
        for table in result.tables():
            say_table(table, text_columns)
        for sentence in (*result.sentences(), *sentences):
            say(sentence)
    if not passed:
        raise typer.Exit(1)


def listed(help: str, names: Callable[[], Iterable[str]] = tuple) -> Any:
    """Make an option that takes several values, which a shell completes to `names`."""
    return option(help, panel=COMPARISON, metavar="A,B,...", autocompletion=completing(names))


@with_settings([name for name in SETTINGS if name not in having("saved")])
def compare(
    engines: Annotated[
        str | None,
        listed(_("Compare engines, separated by commas; by default all of one process."), lambda: choices("engine")),
    ] = None,
    rules: Annotated[
        str | None, listed(_("Compare rules, each with its default learning rate."), lambda: RULES)
    ] = None,
    learning_rates: Annotated[str | None, listed(_("Compare learning rates."))] = None,
    batch_sizes: Annotated[str | None, listed(_("Compare batch sizes."))] = None,
    datasets: Annotated[str | None, listed(_("Compare datasets."), datasets)] = None,
    explain: Annotated[bool, option(EXPLAIN, "--explain", panel=COMPARISON)] = False,
    repeats: Annotated[int | None, option(REPEATS, panel=COMPARISON, min=1, metavar=_("NUMBER"))] = None,
    out: OutFile = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Compare training runs: engines (do they agree?), rules, learning rates, batch sizes or datasets."""
    lists = {"engines": engines, "rules": rules, "learning_rates": learning_rates, "batch_sizes": batch_sizes,
             "datasets": datasets}  # fmt: skip
    settings |= {name: value for name, value in lists.items() if value is not None}
    settings |= {} if repeats is None else {"repeats": repeats}
    picture = check_output(out or Path("explain.png" if explain else "compare.png"))
    follower = "workers" in f"{engines} {settings.get('engine')}" and _follows()
    with waiting(_("Measuring") if explain else _("Comparing"), not as_json) as tell:
        from descenso.api import compare as api
        from descenso.reports.figures import save_figure

        study = api.explain if explain else api.compare
        result = study(**settings, sources=sources, progress=tell)
        if follower:
            return
        save_figure(result.plot(), picture)
    passed = result.as_json().get("coincide", True)  # only engines have a verdict
    _show(result, passed, as_json, _("Picture: {path}").format(path=picture))


def _follows() -> bool:
    """Tell whether this process is a worker that the chief reports for."""
    from descenso.engines.cluster import cluster_of

    cluster = cluster_of()
    return cluster is not None and not cluster.chief


@with_settings(having("cost"))
def gradcheck(
    components: Annotated[int, option(COMPONENTS, panel=GRADIENT_CHECK, min=1, metavar=_("NUMBER"))] = 50,
    tolerance: Annotated[float, option(TOLERANCE, panel=GRADIENT_CHECK, min=0.0, metavar=_("NUMBER"))] = 1e-6,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Compute a model's gradient in several ways, compare them, and name the worst component."""
    from descenso.data.catalog import before_data, with_model

    settings["dtype"] = "float64"
    config = TrainConfig.of(**before_data(settings))
    with waiting(_("Computing gradients"), not as_json):
        from descenso.api.train import rows_of

        with starting():
            from descenso.studies.gradcheck import check_model

        chosen, rows = with_model(settings, rows_of(config, sources))
        config = TrainConfig.of(**chosen)
        result = check_model(config, rows, components, tolerance, settings)
    note = _("{model} has no formula by hand here, so there is no such column.").format(model=config.model)
    _show(result, result.passed, as_json, *([] if "by hand" in result.ways else [note]))


def reproduce(
    epochs: Annotated[
        int, option(_("Number of epochs."), "--epochs", "-e", panel=RUNS, min=1, metavar=_("NUMBER"))
    ] = 100,
    fast: Annotated[
        bool, option(_("Skip the programs as published, which take minutes."), "--fast", panel=RUNS)
    ] = False,
    out: Annotated[Path | None, option(FOLDER, "--out", "-o", metavar=_("DIR"))] = None,
    as_json: Json = False,
) -> None:
    """Run the tutorial's two programs as published and compiled, and report whether its claims hold."""
    with waiting(_("Starting TensorFlow"), not as_json), starting():
        from descenso.studies import reproduction
    with quiet():
        result = reproduction.reproduce(out, epochs, fast, _watched)
        report = reproduction.write_report(result)
    _show(result, result.holds, as_json, _("Report: {path}").format(path=report), text_columns=3)


@contextmanager
def _watched(name: str, config: TrainConfig) -> Iterator[Display]:
    say(f"{name}: {config.engine}, {config.dtype}", err=True)
    with Display(to_stderr=True) as display:
        yield display
