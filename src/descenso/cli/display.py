"""Progress of a training run: a live bar on a terminal, elsewhere one line per epoch."""

import sys
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from descenso.cli.options import cell
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.runs.history import Epoch
from descenso.text import _
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
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[cost]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not self._live,
        )
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
