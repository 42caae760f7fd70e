"""Output of a training run: progress, summary and exit code; start-up messages of TensorFlow are held back."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from descenso.cli.options import cell, say, say_json
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.errors import DescensoError
from descenso.runs.history import Epoch
from descenso.text import _
from descenso.training.control import Callback

if TYPE_CHECKING:
    from descenso.api.run import Run


class Display(Callback):
    """Show the progress of a training run.

    Args:
        to_stderr: print to standard error, so that standard output is free for `--json`.
    """

    def __init__(self, to_stderr: bool) -> None:
        self._lines = sys.stderr if to_stderr else sys.stdout
        self._live = sys.stderr.isatty() and (to_stderr or sys.stdout.isatty())
        self._shown, self._seconds = 0, 0.0
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        texts = TextColumn("{task.fields[cost]}"), TextColumn("{task.fields[rate]}"), TimeRemainingColumn()
        console = Console(stderr=True)
        self._bar = Progress(*columns, *texts, console=console, transient=True, disable=not self._live)
        self._task = self._bar.add_task(_("Starting TensorFlow"), total=None, cost="", rate="")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def on_begin(self, run: Path, config: TrainConfig, data: Dataset) -> None:
        self._bar.update(self._task, total=config.epochs)

    def on_compiled(self, compile_seconds: float) -> None:
        self._bar.update(self._task, description=_("Training"))

    def on_epoch(self, epoch: Epoch) -> None:
        self._seconds += epoch.seconds
        self._shown += 1
        if self._live:
            rate = _("{rate:.3g} epochs/s").format(rate=self._shown / max(self._seconds, 1e-9))
            cost = _("cost {cost:.6f}").format(cost=epoch.cost)
            self._bar.update(self._task, completed=epoch.epoch + 1, cost=cost, rate=rate)
        else:
            print(f"[{epoch.epoch}] cost: {epoch.cost:.10g}", file=self._lines, flush=True)

    def warn(self, message: str) -> None:
        """Print a warning."""
        self._bar.console.print(cell(_("descenso: warning: {message}").format(message=message)), soft_wrap=True)

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()


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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what C++ libraries write to file descriptor 2, and print it if an error is raised.

    `TF_CPP_MIN_LOG_LEVEL` alone does not silence what is logged before its logging is set up.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    shown = sys.__stderr__
    if shown is None or sys.stderr is not shown:  # there is none, or it is captured already
        yield
        return
    shown.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as aside, os.fdopen(real, "w", buffering=1) as ours:
        sys.stderr = ours
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except DescensoError:
            raise
        except Exception:  # the messages held back may be all that explains it
            aside.seek(0)
            shutil.copyfileobj(aside, ours.buffer)
            raise
        finally:
            os.dup2(real, 2)
            sys.stderr = shown
