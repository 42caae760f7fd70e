"""Show the progress of a training run, and hold back start-up messages. Importable without TensorFlow."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from descenso.config import TrainConfig
from descenso.errors import DescensoError, undivided
from descenso.runs.history import Epoch
from descenso.text import _, printable, prose, width_of, wrapped
from descenso.training.control import Callback, Progress

if TYPE_CHECKING:
    from descenso.data.dataset import Dataset
    from descenso.descent.problem import Problem
    from descenso.training.notebook import NotebookBar

MOST_LINES = 30  # few enough that other messages can be found among them; history.jsonl has all epochs
MOST_SECONDS = 60.0  # between two lines of a slow run, for those who watch its log
SUMMARY = 10  # lines below those of the epochs, about
PRINT_SECONDS = 0.1  # between two prints, each of which redraws the bar: a hundred epochs may take four seconds
NARROW = 72  # characters: a narrower bar leaves out the cost, which is in the lines
QUIET = "3"  # level of TensorFlow's messages: fatal errors alone


class Display(Callback):
    """Show the progress of a training run: lines of epochs and, below the lines, a bar that moves within epochs.

    There are at most about 30 lines, or one a minute: the first epoch, the last, and one in 2, 5, 10 … between them.
    Notes on the data stand above the lines, and again below them if they have left the screen. The bar is drawn in a
    notebook and in a terminal that can move its cursor. Use it as a context manager around the training:

    >>> with Display(to_stderr=False) as display:
    ...     display.on_epoch(Epoch(0, 0.5, 1.0, validation_cost=0.25, validation_accuracy=0.875))
    [0] cost: 0.5, validation 0.2500, accuracy 0.8750

    Args:
        to_stderr: print to standard error, so that standard output is free for `--json`.

    Attributes:
        live: whether a bar is drawn.
        run: the run directory, once there is one.
    """

    def __init__(self, to_stderr: bool) -> None:
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._bar = progress_bar(to_stderr)
        self.live = self._bar is not None
        self.run: Path | None = None
        self._width: int | None = None
        self._every, self._lines = 0, 0  # how many epochs there are to a line; lines so far
        self._pending, self._notes = list[str](), list[str]()
        self._unshown: Epoch | None = None  # the newest epoch, while it has no line
        self._epochs, self._steps = 0, 1
        self._last: tuple[float | None, str] = None, ""  # what the bar shows: share of the epochs, and text
        self._begun: tuple[float, float] | None = None  # epochs done and time, when this session's first step began
        self._started = self._printed = self._told_at = time.monotonic()

    def __enter__(self) -> "Display":
        if self._bar:
            self._bar.start()
        return self

    def on_begin(self, run: Path, config: TrainConfig, data: "Dataset") -> None:
        self.run, self._epochs = run, config.epochs
        self._width = width_of(self._stream)
        self._notes = [line for note in data.notes for line in wrapped(printable(note), self._width)]
        self._pending += self._notes
        rows = len(data.train.labels) - config.validation_rows(len(data.train.labels))
        self._steps = -(-rows // config.batch_rows(rows))
        if self._bar:
            self._bar.update(_("Preparing"), None, "")

    def on_compiled(self, compile_seconds: float) -> None:
        self._started = time.monotonic()

    def on_chunk(self, progress: Progress, problem: "Problem") -> None:
        if not self._bar:
            return
        epoch, step = progress.position
        done = epoch + step / self._steps
        if self._begun is None:
            steps = 0 if progress.trace is None else len(progress.trace.costs)
            self._begun = done - steps / self._steps, self._started
        cost = progress.ended.cost if progress.ended else progress.costs.mean() if len(progress.costs) else None
        what = _("Saving") if progress.outcome else _("Training")
        self._last = done / self._epochs, self._told(done, epoch, cost)
        self._bar.update(what, *self._last)
        self._print()

    def on_end(self, status: dict[str, Any]) -> None:
        if self._unshown:
            self._pending.append(_line(self._unshown))
        if self._bar and self._lines + SUMMARY > self._bar.height:
            self._pending += self._notes
        if self._bar:
            self._bar.update(_(status["outcome"]), *self._last)

    def _told(self, done: float, epoch: int, cost: float | None) -> str:
        """Return what stands beside the bar: epochs done, cost, speed, time left."""
        told = [f"{epoch}/{self._epochs}"]
        if cost is not None and (self._bar is None or self._bar.width >= NARROW):
            told.append(prose(_("cost {cost:.6f}"), cost=cost))
        before, began = self._begun or (0.0, 0.0)
        rate = (done - before) / max(time.monotonic() - began, 1e-9)
        if rate > 0:
            fast = _("{rate:.3g} epochs/s") if rate >= 1 else _("{seconds:.3g} s/epoch")
            left = timedelta(seconds=round((self._epochs - done) / rate))
            told += [prose(fast, rate=rate, seconds=1 / rate), str(left)]
        return "  ".join(told)

    def on_epoch(self, epoch: Epoch) -> None:
        first, now = not self._every, time.monotonic()
        if first:  # of this session, which may have resumed the run
            self._every = _thinned(self._epochs - epoch.epoch, MOST_LINES)
            if self._every > 1:
                self._tell_what_is_shown()
        self._unshown = epoch
        if first or epoch.epoch % self._every == 0 or now > self._told_at + MOST_SECONDS:
            self._pending.append(_line(epoch))
            self._lines, self._unshown, self._told_at = self._lines + 1, None, now
        self._print()

    def _tell_what_is_shown(self) -> None:
        message = _("One epoch in {every} is shown, or one a minute; {path} has all.")
        path = "history.jsonl" if self.run is None else self.run / "history.jsonl"
        self._pending += wrapped(printable(message.format(every=self._every, path=path)), self._width)

    def _print(self, now: bool = False) -> None:
        """Print the lines that wait, if it is time."""
        if not self._pending or (self._bar and not now and time.monotonic() < self._printed + PRINT_SECONDS):
            return
        text, self._pending, self._printed = "\n".join(self._pending), [], time.monotonic()
        if self._bar:
            self._bar.print(text)
        else:
            print(text, file=self._stream, flush=True)

    def warn(self, message: str) -> None:
        """Print a warning."""
        line = printable(_("descenso: warning: {message}").format(message=message))
        for part in wrapped(line, width_of(sys.stderr)):
            sys.stderr.write(f"{part}\n")  # a live bar takes it, and writes it above itself

    def __exit__(self, *_error: object) -> None:
        self._print(now=True)
        if self._bar:
            self._bar.stop()


def _line(epoch: Epoch) -> str:
    line = f"[{epoch.epoch}] cost: {epoch.cost:.10g}"
    if epoch.validation_cost is not None and epoch.validation_accuracy is not None:
        validated = _("validation {cost:.4f}, accuracy {accuracy:.4f}")
        line += f", {validated.format(cost=epoch.validation_cost, accuracy=epoch.validation_accuracy)}"
    return line


def _thinned(epochs: int, most: int) -> int:
    """Return the smallest of 1, 2, 5, 10, … of which `epochs` has at most `most` multiples.

    >>> [_thinned(epochs, 30) for epochs in (30, 31, 100, 2000)]
    [1, 2, 5, 100]
    """
    powers = (digit * 10**power for power in range(20) for digit in (1, 2, 5))
    return next((every for every in powers if epochs <= every * most), epochs)


class _TerminalBar:
    """A bar in the last line of a terminal."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = console
        columns = TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[told]}")
        self._progress = Progress(*columns, console=console, transient=True, expand=True, refresh_per_second=5)
        self.start, self.stop = self._progress.start, self._progress.stop
        self._task = self._progress.add_task(_("Starting TensorFlow"), total=None, told="")

    @property
    def width(self) -> int:
        return self._console.width

    @property
    def height(self) -> int:
        return self._console.height

    def update(self, what: str, share: float | None, told: str) -> None:
        total = None if share is None else 1.0
        self._progress.update(self._task, description=what, completed=share or 0.0, total=total, told=told)

    def print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def progress_bar(to_stderr: bool) -> "_TerminalBar | NotebookBar | None":
    """Return the bar of the place where we print, or None where none can be drawn."""
    console = Console(stderr=to_stderr)
    if console.is_jupyter:
        from descenso.training.notebook import NotebookBar

        return NotebookBar(PRINT_SECONDS, NARROW)
    stream = sys.stderr if to_stderr else sys.stdout
    drawn = stream is not None and stream.isatty() and not console.is_dumb_terminal
    return _TerminalBar(console) if drawn else None


class _Stream:
    """A stream that stands for `target`, which may be replaced."""

    def __init__(self, target: TextIO) -> None:
        self.target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what C++ libraries write to file descriptor 2, and print it if an error is raised.

    `TF_CPP_MIN_LOG_LEVEL` alone does not silence what is logged before its logging is set up.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET)
    shown, python = sys.__stderr__, sys.stderr
    if shown is None:
        yield
        return
    shown.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as aside, os.fdopen(real, "w", buffering=1) as ours:
        stream = _Stream(ours)
        if python is shown:  # else Python's own messages do not go to the file descriptor
            sys.stderr = stream
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except DescensoError:
            raise
        except Exception:  # any fault: the messages held back may be all that explains it
            aside.seek(0)
            shutil.copyfileobj(aside, ours.buffer)
            raise
        finally:
            os.dup2(real, 2)
            stream.target = shown  # TensorFlow's logger keeps the stream of its import
            sys.stderr = python


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Hold back the messages of TensorFlow where it is imported within, unless TF_CPP_MIN_LOG_LEVEL asks for them.

    After an interrupted import, TensorFlow could not be imported again in this process. So a first Ctrl-C raises
    KeyboardInterrupt after the import, some seconds later; a second one raises it at once.
    """
    wanted = os.environ.get("TF_CPP_MIN_LOG_LEVEL", QUIET) != QUIET
    if "tensorflow" in sys.modules:
        yield
        return
    with undivided(), contextlib.nullcontext() if wanted else quiet():
        yield


class _Notes(Callback):
    """Print the notes on the data on standard error."""

    def on_begin(self, run: Path, config: TrainConfig, data: "Dataset") -> None:
        for note in data.notes:
            sys.stderr.write(f"{printable(note)}\n")


@contextlib.contextmanager
def displaying(progress: bool | None, callbacks: Sequence[Callback]) -> Iterator[Sequence[Callback]]:
    """Add a `Display` to `callbacks`, unless there is one.

    Args:
        progress: whether to; None if there is a terminal or a notebook to draw a bar in, else the notes on the data
            alone are printed.
    """
    if progress is False or any(isinstance(each, Display) for each in callbacks):
        yield callbacks
        return
    display = Display(to_stderr=True)
    if not (progress or display.live):
        yield [*callbacks, _Notes()]
        return
    with display:
        yield [*callbacks, display]
