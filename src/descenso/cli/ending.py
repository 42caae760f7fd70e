"""The summary of a run that has ended, and the exit code of its outcome."""

from typing import TYPE_CHECKING

import typer

from descenso.cli.options import say, say_json
from descenso.text import _

if TYPE_CHECKING:
    from descenso.api.run import Run


def finish(run: "Run", as_json: bool) -> None:
    """Print the summary of `run`, and exit with the code of its outcome."""
    if as_json:
        say_json(run.summary())
    else:
        _summarise(run)
    _exit(run)


def _summarise(run: "Run") -> None:
    if run.outcome == "completed":
        say(_("Training finished!"))
    if run.outcome == "stopped early":
        message = _("Stopped early; the weights are those after epoch {epoch}, which had the lowest validation cost.")
        say(message.format(epoch=run.status["best_epoch"]))
    if run.test_accuracy is not None:
        say(_("Test accuracy: {accuracy:.4f}").format(accuracy=run.test_accuracy))
    if run.status.get("validation_accuracy") is not None:
        say(_("Validation accuracy: {accuracy:.4f}").format(accuracy=run.status["validation_accuracy"]))
    say(
        _("Trained in {train:.2f} s, compiled in {compile:.2f} s ({engine}, {dtype})").format(
            train=run.status["train_seconds"],
            compile=run.status["compile_seconds"],
            engine=run.config.engine,
            dtype=run.config.dtype,
        )
    )
    if run.status.get("fingerprint"):
        say(_("Fingerprint of the weights: {digest}").format(digest=run.status["fingerprint"]))
    if not run.status.get("exact", True):
        say(_("Not exact: the run was resumed after something had changed."))
    say(_("Run: {path}").format(path=run.path))
    say(_("Pictures: {path}").format(path=run.path / "plots"))


def _exit(run: "Run") -> None:
    """Exit with the code of the outcome, after printing what it means and how to continue."""
    if run.outcome == "diverged":
        epoch, step = run.status["diverged_at"]
        advice = (
            _("the naive loss takes the logarithm of 0; try --loss cross_entropy")
            if run.config.loss == "naive"
            else _("try a smaller --learning-rate, such as {rate:g}").format(rate=run.config.learning_rate / 10)
        )
        say(
            _("descenso: diverged: the cost stopped being finite at epoch {epoch}, step {step}; {advice}").format(
                epoch=epoch, step=step, advice=advice
            ),
            err=True,
        )
        raise typer.Exit(8)
    if run.outcome == "interrupted":
        say(
            _("descenso: interrupted after {done} of {epochs} epochs; to go on: descenso resume {path}").format(
                done=run.status["epochs_done"],
                epochs=run.config.epochs,
                path=run.path,
            ),
            err=True,
        )
        raise typer.Exit(128 + (run.status["signal"] or 2))
