"""`descenso train`."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.display import Display
from descenso.cli.options import Json, with_settings
from descenso.cli.quiet import quiet
from descenso.config import TrainConfig, read_settings
from descenso.text import _


@with_settings
def train(
    config: Annotated[
        Path | None,
        typer.Option(help=_("Settings from a TOML file, or from a run's config.json; flags go before them.")),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=_("The run directory itself; by default a new one in runs/."))
    ] = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train by gradient descent, and keep the run in a directory of its own."""
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = TrainConfig.of(**{**(read_settings(config) if config else {}), **given})
    with quiet():
        from descenso import api

        with Display(chosen.epochs, to_stderr=as_json) as display:
            observer = api.observer(display.bound, display.epoch)
            run = api.train(chosen.data, out=out, observer=observer, **chosen.model_dump(exclude={"data"}))
    if as_json:
        typer.echo(json.dumps(run.summary(), ensure_ascii=False, allow_nan=False))
    else:
        _tell(run)
    _leave(run, quietly=as_json)


def _tell(run: Any) -> None:
    if run.outcome == "completed":
        typer.echo(_("Training finished!"))
    if run.test_accuracy is not None:
        typer.echo(_("Test accuracy: {accuracy:.4f}").format(accuracy=run.test_accuracy))
    if run.status.get("validation_accuracy") is not None:
        typer.echo(_("Validation accuracy: {accuracy:.4f}").format(accuracy=run.status["validation_accuracy"]))
    typer.echo(
        _("Trained in {train:.2f} s, compiled in {compile:.2f} s ({engine}, {dtype})").format(
            train=run.status["train_seconds"],
            compile=run.status["compile_seconds"],
            engine=run.config.engine,
            dtype=run.config.dtype,
        )
    )
    typer.echo(_("Run: {path}").format(path=run.path))
    typer.echo(_("Pictures: {path}").format(path=run.path / "plots"))


def _leave(run: Any, quietly: bool) -> None:
    """End with the outcome's exit code, after saying what it means."""
    if run.outcome == "diverged":
        epoch, step = run.status["diverged_at"]
        advice = (
            _("the naive loss takes log 0; try --loss cross_entropy")
            if run.config.loss == "naive"
            else _("try a smaller --learning-rate, such as {rate:g}").format(rate=run.config.learning_rate / 10)
        )
        typer.echo(
            _("descenso: diverged: the cost stopped being finite at epoch {epoch}, step {step}; {advice}").format(
                epoch=epoch, step=step, advice=advice
            ),
            err=True,
        )
        raise typer.Exit(8)
    if run.outcome == "interrupted":
        typer.echo(
            _(
                "descenso: interrupted after {done} of {epochs} epochs; the weights so far are kept in {path}.\n"
                "To train it whole: descenso train --config {config}"
            ).format(
                done=run.status["epochs_done"],
                epochs=run.config.epochs,
                path=run.path,
                config=os.fspath(run.path / "config.json"),
            ),
            err=True,
        )
        raise typer.Exit(128 + (run.status["signal"] or 2))
