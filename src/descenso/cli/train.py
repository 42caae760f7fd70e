"""`descenso train`, `descenso resume` and `descenso replay`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descenso.cli.options import (
    OWN_CODE,
    Json,
    ModelOption,
    RunArgument,
    SourcesOptions,
    TensorBoardOption,
    option,
    say,
    say_json,
    with_settings,
)
from descenso.config import FREE, TrainConfig
from descenso.errors import ConfigError, DescensoError
from descenso.files import read_settings
from descenso.registry import smaller_rate
from descenso.runs.files import is_sweep
from descenso.settings import RUN
from descenso.text import _, plural, prose
from descenso.training.display import Display, quiet

if TYPE_CHECKING:
    from descenso.api.run import Run
    from descenso.engines.cluster import Cluster

CONFIG = _("Read settings from a TOML file, or from a run's config.json; flags override them.")
OUT = _("Directory of the run, which must be new or empty. Default: a new one in runs/.")
FORCE = _("Resume although config, data or versions have changed; the result is then not exact.")
PROCESSES = _("Several processes")  # title of the help panel
COORDINATOR = _(
    "HOST:PORT of the chief, worker 0; worker I then listens at PORT + I of that host. For several hosts: HOST:PORT of "
    "every worker, the chief first, with commas between them. The same for all processes."
)
WORKERS = _("Number of processes that train together; not needed if --coordinator lists them all.")
INDEX = _("Number of this process among the workers: 0 for the chief, which writes the run.")

CoordinatorOption = Annotated[str, option(COORDINATOR, panel=PROCESSES, metavar=_("HOST:PORT,..."), show_default=False)]
WorkersOption = Annotated[int, option(WORKERS, panel=PROCESSES, metavar=_("NUMBER"), show_default=False)]
IndexOption = Annotated[int | None, option(INDEX, panel=PROCESSES, metavar=_("NUMBER"))]


@with_settings()
def train(
    config: Annotated[Path | None, option(CONFIG, panel=_(RUN), metavar=_("FILE"))] = None,
    out: Annotated[Path | None, option(OUT, "--out", "-o", metavar=_("DIR"))] = None,
    sources: SourcesOptions = None,
    tensorboard: TensorBoardOption = None,
    coordinator: CoordinatorOption = "",
    workers: WorkersOption = 0,
    index: IndexOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train a model by gradient descent and save the run in a directory."""
    settings = {**(read_settings(config) if config else {}), **settings}
    from descenso.data.catalog import before_data

    checked = TrainConfig.of(**before_data(settings))  # refuse before TensorFlow is imported, which takes seconds
    cluster = _cluster(checked.engine, coordinator, workers, index)
    with _watched(as_json) as display:
        from descenso.api import train as api

        callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard}
        run = _run_of(api.train, out=out, sources=sources, **callbacks, **cluster, **settings)
    finish(run, as_json, reports=_writes(cluster))


@with_settings((*FREE, *OWN_CODE), show_defaults=False)
def resume(
    run: RunArgument,
    force: Annotated[bool, option(FORCE, "--force", panel=_(RUN))] = False,
    model: ModelOption = None,
    sources: SourcesOptions = None,
    tensorboard: TensorBoardOption = None,
    coordinator: CoordinatorOption = "",
    workers: WorkersOption = 0,
    index: IndexOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Resume a run from its newest checkpoint, to the same bits as without a stop; --epochs N extends it."""
    if is_sweep(run):
        from descenso.cli import sweep

        sweep.resume(run, as_json, force, sources, {**settings, **({"model": model} if model else {})})
        return
    _refuse_patience(run, settings)
    cluster = _cluster(settings.get("engine") or run, coordinator, workers, index)
    with _watched(as_json, run) as display:
        from descenso.api import resume as api

        done = not settings and _is_complete(run)
        callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard, "warn": display.warn}
        resumed = _run_of(
            api.resume, run, sources=sources, model=model, force=force, **callbacks, **cluster, **settings
        )
    if done and _writes(cluster):
        say(_how_to_extend(resumed), err=True)
    finish(resumed, as_json, resumed=True, reports=_writes(cluster))


@with_settings(OWN_CODE, show_defaults=False)
def replay(
    run: RunArgument,
    out: Annotated[Path | None, option(OUT, "--out", "-o", metavar=_("DIR"))] = None,
    model: ModelOption = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train a run again, with the same changes of its learning rate, and compare the weights."""
    with quiet(), Display(to_stderr=as_json) as display:
        from descenso.api import replay as api

        replayed = api.replay(run, out, model=model, sources=sources, callbacks=[display], progress=False, **settings)
    again, changes = replayed.run, len(replayed.run.history.changes)
    if as_json:
        say_json({**again.summary(), "replayed": str(run), "equal": replayed.equal, "parting": replayed.parting})
    else:
        say(_("Replayed: {path}; changes of the learning rate: {changes}").format(changes=changes, path=again.path))
        equal = _("Equal: the costs of all epochs to the last bit, and the bytes of the weights.")
        say(equal if replayed.equal else _("Not equal: {parting}.").format(parting=replayed.parting))
    if not replayed.equal:
        raise typer.Exit(1)


def _cluster(engine: str | Path, coordinator: str, workers: int, index: int | None) -> dict[str, Any]:
    """Return the argument `cluster` for the Python function, if there is one; `engine` may be the run that has one."""
    if isinstance(engine, Path):
        from descenso.runs.directory import open_directory

        engine = open_directory(engine).config.engine
    if engine != "workers" and not (coordinator or workers or index is not None):
        return {}
    from descenso.cli.cluster import cluster_given

    return cluster_given(engine, coordinator, workers, index)


def _refuse_patience(path: Path, settings: dict[str, Any]) -> None:
    """Refuse `--patience` for a run without validation rows: it cannot get any."""
    from descenso.runs.directory import open_directory

    patience = TrainConfig.of(validation_size=1, **settings).patience
    if patience and not open_directory(path).config.validation_size:
        message = _(
            "patience needs validation rows, and {run} has none; to train a run with some: "
            "descenso train --config {run}/config.json --validation-size 0.1 --patience {patience}"
        )
        raise ConfigError(message.format(run=path, patience=patience))


@contextmanager
def _watched(as_json: bool, resumed: Path | None = None) -> Iterator[Display]:
    """Show the progress of training; if Ctrl-C ends it at once, name the saved run. `resumed` is the run to resume."""
    display = None
    try:
        with quiet(), Display(to_stderr=as_json) as display:
            yield display
    except KeyboardInterrupt:
        run = resumed or (display and display.run)
        say(_left(run) if run else _("descenso: interrupted before training began; there is no run"), err=True)
        raise typer.Exit(130) from None


def _left(path: Path) -> str:
    """Say what an interruption left of the run in `path`."""
    from descenso.runs.directory import open_directory

    try:
        run = open_directory(path)
        done, epochs, outcome = len(run.history.epochs), run.config.epochs, run.outcome
    except DescensoError as error:
        return _("descenso: interrupted; {reason}").format(reason=error)
    if outcome in ("completed", "stopped early"):
        return _("descenso: interrupted; the run is complete: {path}").format(path=path)
    return _interrupted(done, epochs, path)


def _interrupted(done: int, epochs: int, path: Path) -> str:
    message = _("descenso: interrupted after {done} of {epochs}; to go on: descenso resume {path}")
    of_all = plural("{count} epoch", "{count} epochs", epochs).format(count=epochs)
    return message.format(done=done, epochs=of_all, path=path)


def _how_to_extend(run: "Run") -> str:
    """Say how to train a complete run for more epochs."""
    hint = _("The run was complete already; to extend it: descenso resume {path} --epochs {epochs}")
    if run.config.schedule.partition(":")[0] != "constant":
        hint = _(
            "The run was complete already. Its schedule {schedule} depends on the number of epochs; to extend it all "
            "the same: descenso resume {path} --epochs {epochs} --force"
        )
    return hint.format(path=run.path, epochs=2 * run.config.epochs, schedule=run.config.schedule)


def _run_of(train: Callable[..., "Run"], *given: Any, **settings: Any) -> "Run":
    """Train, and return the run, even if a signal has stopped it, which `finish` reports."""
    try:
        return train(*given, **settings)
    except (KeyboardInterrupt, SystemExit) as stop:
        if not hasattr(stop, "run"):
            raise
        from descenso.api.run import open_run

        return open_run(stop.run)


def _is_complete(run: Path) -> bool:
    from descenso.runs.directory import open_directory

    with suppress(DescensoError):  # `resume` itself reports what cannot be read
        return open_directory(run).outcome == "completed"
    return False


def _writes(cluster: dict[str, "Cluster"]) -> bool:
    """Tell whether this process writes the run, and reports on it: the chief of a cluster does."""
    return "cluster" not in cluster or cluster["cluster"].chief


def finish(run: "Run", as_json: bool, resumed: bool = False, reports: bool = True) -> None:
    """Print the summary of `run` if this process `reports`, and exit with the code of its outcome."""
    if reports and as_json:
        say_json(run.summary())
    elif reports:
        _summarise(run)
    _exit(run, resumed)


def _summarise(run: "Run") -> None:
    status, config = run.status, run.config
    if run.outcome == "completed":
        say(_("Training finished!"))
    if run.outcome == "stopped early":
        message = _("Stopped early; the weights are those after epoch {epoch}, which had the lowest validation cost.")
        say(message.format(epoch=status["best_epoch"]))
    if run.test_accuracy is not None:
        say(prose(_("Test accuracy: {accuracy:.4f}"), accuracy=run.test_accuracy))
    if status.get("validation_accuracy") is not None:
        say(prose(_("Validation accuracy: {accuracy:.4f}"), accuracy=status["validation_accuracy"]))
    times = {"train": status["train_seconds"], "compile": status["compile_seconds"]}
    message = (
        _("Trained in {train:.2f} s, compiled in {compile:.2f} s ({engine}, {dtype})")
        if times["compile"]
        else _("Trained in {train:.2f} s ({engine}, {dtype})")  # eager compiles nothing
    )
    say(prose(message, **times, engine=config.engine, dtype=config.dtype))
    if status.get("waiting_share") is not None:
        from descenso.data.streams import said_of_waiting

        say(said_of_waiting(status["waiting_share"], config.order))
    if status.get("fingerprint"):
        say(_("Fingerprint of the weights: {digest}").format(digest=status["fingerprint"]))
    if run.history.changes:
        say(_steered(run))
    if not status.get("exact", True):
        say(_("Not exact: the run was resumed after something had changed."))
    say(_("Run: {path}").format(path=run.path))
    say(_("Pictures: {path}").format(path=run.path / "plots"))


def _steered(run: "Run") -> str:
    message = _("Steered: changes of the learning rate by hand: {changes}; to repeat it: descenso replay {path}")
    return message.format(changes=len(run.history.changes), path=run.path)


def _exit(run: "Run", resumed: bool) -> None:
    """Exit with the code of the outcome, after printing what it means and how to continue."""
    status, config = run.status, run.config
    if run.outcome == "diverged":
        epoch, step = status["diverged_at"]
        advice = _("the naive loss takes the logarithm of 0; try --loss cross_entropy")
        flags = "--loss cross_entropy"
        if config.loss != "naive":
            rate = smaller_rate(config.rule, config.learning_rate)
            advice = _("try a smaller --learning-rate, such as {rate:g}").format(rate=rate)
            flags = f"--learning-rate {rate:g}"
        if resumed:
            advice = _("to train it anew: descenso train --config {path}/config.json {flags}")
            advice = advice.format(path=run.path, flags=flags)
        message = _("descenso: diverged: the cost stopped being finite at epoch {epoch}, step {step}; {advice}")
        say(message.format(epoch=epoch, step=step, advice=advice), err=True)
        raise typer.Exit(8)
    if run.outcome == "interrupted":
        say(_interrupted(status["epochs_done"], config.epochs, run.path), err=True)
        raise typer.Exit(128 + (status["signal"] or 2))
