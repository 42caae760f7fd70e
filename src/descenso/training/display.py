"""Show the progress of a training run, and hold back start-up messages. Importable without TensorFlow."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.errors import DescensoError
from descenso.runs.history import Epoch
from descenso.text import _, printable
from descenso.training.callbacks import Callback


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
        self._bar.console.print(
            Text(printable(_("descenso: warning: {message}").format(message=message))), soft_wrap=True
        )

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()


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
