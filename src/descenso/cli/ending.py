"""What is said of a run when it has ended, and the exit code that says it to a shell."""

from typing import TYPE_CHECKING

import typer

from descenso.cli.options import say, say_json
from descenso.text import _

if TYPE_CHECKING:
    from descenso.api.run import Run


def tell(run: "Run", as_json: bool) -> None:
    """Print how `run` ended, and end the process with the exit code of that."""
    if as_json:
        say_json(run.summary())
    else:
        _summarise(run)
    _leave(run)


def _summarise(run: "Run") -> None:
    if run.outcome == "completed":
        say(_("Training finished!"))
    if run.outcome == "stopped early":
        told = _("Stopped early, out of patience; the weights are those after epoch {epoch}, the best on validation.")
        say(told.format(epoch=run.status["best_epoch"]))
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
        say(_("No longer exact: the run went on after something had changed."))
    say(_("Run: {path}").format(path=run.path))
    say(_("Pictures: {path}").format(path=run.path / "plots"))


def _leave(run: "Run") -> None:
    """End with the outcome's exit code, after saying what it means."""
    if run.outcome == "diverged":
        epoch, step = run.status["diverged_at"]
        advice = (
            _("the naive loss takes log 0; try --loss cross_entropy")
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
