"""`descenso train` and `descenso resume`."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descenso.cli.options import (
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
from descenso.errors import DescensoError
from descenso.files import read_settings
from descenso.setting import RUN
from descenso.text import _
from descenso.training.display import Display, quiet

if TYPE_CHECKING:
    from descenso.api.run import Run

CONFIG = _("Read settings from a TOML file, or from a run's config.json; flags override them.")
OUT = _("Directory of the run, which must be new or empty. Default: a new one in runs/.")
FORCE = _("Resume although config, data or versions have changed; the result is then not exact.")


@with_settings()
def train(
    config: Annotated[Path | None, option(CONFIG, panel=_(RUN), metavar="FILE")] = None,
    out: Annotated[Path | None, option(OUT, "--out", "-o", metavar="DIR")] = None,
    sources: SourcesOptions = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train a model by gradient descent and save the run in a directory."""
    settings = {**(read_settings(config) if config else {}), **settings}
    TrainConfig.of(**settings)  # refuse before TensorFlow is imported, which takes seconds
    with quiet():
        from descenso.api import train as api

        with Display(to_stderr=as_json) as display:
            callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard}
            run = _run_of(api.train, out=out, sources=sources, **callbacks, **settings)
    finish(run, as_json)


@with_settings(FREE, show_defaults=False)
def resume(
    run: RunArgument,
    force: Annotated[bool, option(FORCE, "--force", panel=_(RUN))] = False,
    model: ModelOption = None,
    sources: SourcesOptions = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Resume a run from its newest checkpoint, to the same bits as without a stop; --epochs N extends it."""
    with quiet():
        from descenso.api import train as api

        done = not settings and _is_complete(run)
        with Display(to_stderr=as_json) as display:
            callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard, "warn": display.warn}
            resumed = _run_of(api.resume, run, sources=sources, model=model, force=force, **callbacks, **settings)
    if done:
        hint = _("The run was complete already; to extend it: descenso resume {path} --epochs {epochs}")
        say(hint.format(path=run, epochs=2 * resumed.config.epochs), err=True)
    finish(resumed, as_json)


def _run_of(train: Callable[..., "Run"], *given: Any, **settings: Any) -> "Run":
    """Train, and return the run, also one that a signal has stopped, of which `finish` tells."""
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


def finish(run: "Run", as_json: bool) -> None:
    """Print the summary of `run`, and exit with the code of its outcome."""
    if as_json:
        say_json(run.summary())
    else:
        _summarise(run)
    _exit(run)


def _summarise(run: "Run") -> None:
    status, config = run.status, run.config
    if run.outcome == "completed":
        say(_("Training finished!"))
    if run.outcome == "stopped early":
        message = _("Stopped early; the weights are those after epoch {epoch}, which had the lowest validation cost.")
        say(message.format(epoch=status["best_epoch"]))
    if run.test_accuracy is not None:
        say(_("Test accuracy: {accuracy:.4f}").format(accuracy=run.test_accuracy))
    if status.get("validation_accuracy") is not None:
        say(_("Validation accuracy: {accuracy:.4f}").format(accuracy=status["validation_accuracy"]))
    times = {"train": status["train_seconds"], "compile": status["compile_seconds"]}
    message = _("Trained in {train:.2f} s, compiled in {compile:.2f} s ({engine}, {dtype})")
    say(message.format(**times, engine=config.engine, dtype=config.dtype))
    if status.get("fingerprint"):
        say(_("Fingerprint of the weights: {digest}").format(digest=status["fingerprint"]))
    if not status.get("exact", True):
        say(_("Not exact: the run was resumed after something had changed."))
    say(_("Run: {path}").format(path=run.path))
    say(_("Pictures: {path}").format(path=run.path / "plots"))


def _exit(run: "Run") -> None:
    """Exit with the code of the outcome, after printing what it means and how to continue."""
    status, config = run.status, run.config
    if run.outcome == "diverged":
        epoch, step = status["diverged_at"]
        advice = _("the naive loss takes the logarithm of 0; try --loss cross_entropy")
        if config.loss != "naive":
            advice = _("try a smaller --learning-rate, such as {rate:g}").format(rate=config.learning_rate / 10)
        message = _("descenso: diverged: the cost stopped being finite at epoch {epoch}, step {step}; {advice}")
        say(message.format(epoch=epoch, step=step, advice=advice), err=True)
        raise typer.Exit(8)
    if run.outcome == "interrupted":
        message = _("descenso: interrupted after {done} of {epochs} epochs; to go on: descenso resume {path}")
        say(message.format(done=status["epochs_done"], epochs=config.epochs, path=run.path), err=True)
        raise typer.Exit(128 + (status["signal"] or 2))
