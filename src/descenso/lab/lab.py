"""The lab, as a server uses it: start, steer and watch training in a process of its own. Thread safe."""

import subprocess
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso import text
from descenso.config import TrainConfig
from descenso.errors import ConfigError
from descenso.lab.answers import Activations, Opened, Recognised
from descenso.lab.drawing import as_seen
from descenso.lab.link import Link, started
from descenso.lab.protocol import BEGIN, Limits, Settings, Source, View
from descenso.lab.rates import Span
from descenso.text import _, plural

DEFAULT = Limits()
READ_SECONDS = 20.0  # that the command waits for the data; what takes longer is shown as progress on the page
CLOSE_SECONDS = 60.0  # for saving the run when the lab closes
TRAINER = "descenso.lab.trainer"  # what the training process runs
WORDS = 20  # last lines of standard error that are kept, to explain why a process died
_running = set[int]()  # ids of the labs of this process that have a training process


class Lab:
    """A training process, and the newest view of its run.

    Commands return at once. A later `view` shows their effect, and `view.message` why one was refused.
    Questions (`opened`, `activations`, `recognise`) wait for the answer, mostly a few milliseconds, in the calling
    thread; they never wait for training.

    Args:
        source: data or run, from the command line.
        out: folder below which runs are made.
        limits: of processes and times.

    Attributes:
        listeners: called after each new view, in another thread.

    Raises:
        ConfigError: where this process has as many training processes as `limits` allows.
    """

    def __init__(self, source: Source, out: Path, limits: Limits = DEFAULT) -> None:
        self._start = source, out, limits
        self._changed = threading.Condition()
        self._view = View(settings=Settings(data=source.data or ""))
        self._asked: dict[int, Future[Any]] = {}
        self._numbers = count(BEGIN + 1)
        self.listeners = set[Callable[[], None]]()
        self._closed = False
        self._begin()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self) -> None:
        """Start the training process."""
        source, out, limits = self._start
        if len(_running - {id(self)}) >= limits.processes:
            message = plural(
                "{most} lab is open in this process, and more are not allowed; close it first",
                "{most} labs are open in this process, and more are not allowed; close one of them first",
                limits.processes,
            )
            raise ConfigError(message.format(most=limits.processes))
        _running.add(id(self))
        words = deque[str](maxlen=WORDS)
        process, self._link, listening = started(TRAINER, words)
        self._process = process
        self._reading = threading.Thread(
            target=self._read, args=(process, self._link, words, listening), name="descenso-lab-views", daemon=True
        )
        self._reading.start()
        self._show(View(settings=self._view.settings, progress=_("Python is being started …")))
        self._begun = self._asked[BEGIN] = Future()
        self._send("begin", source, Path(out).absolute(), limits, text.language())

    def check(self, seconds: float = READ_SECONDS) -> None:
        """Wait until the data, or the run that is opened, is read, but at most so many seconds.

        Raises:
            DescensoError: where it cannot be read.
        """
        with suppress(LateError, CancelledError):
            refused = self._begun.result(seconds)
            if refused is not None:
                raise refused

    def _read(self, process: Any, link: Link, words: deque[str], listening: threading.Thread) -> None:
        """Take views and answers until the process ends."""
        try:
            while True:
                kind, *what = link.receive()
                if kind == "view":
                    self._show(self._view._replace(**what[0]))
                else:
                    asked = self._asked.pop(what[0], None)
                    if asked is not None:
                        asked.set_result(what[1])
        except EOFError:
            code = process.wait()
            listening.join(1)
            for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
                with suppress(OSError):  # closing sends what is buffered, to a process that has ended
                    pipe.close()
        if process is not self._process:
            return
        _running.discard(id(self))
        for asked in list(self._asked.values()):
            asked.cancel()
        if not self._closed and self._view.state != "failed":
            last = next((line for line in reversed(words) if line.strip()), "")
            message = _("The training process has ended ({code}): {words}").format(code=code, words=last)
            self._show(self._view._replace(state="failed", message=message))

    def _show(self, view: View) -> None:
        with self._changed:
            self._view = view._replace(number=self._view.number + 1)
            self._changed.notify_all()
        for heard in tuple(self.listeners):
            heard()

    def _send(self, name: str, *given: Any) -> None:
        """Send a command; it is lost where the process has ended, which the view says."""
        message = given if name == "begin" else (0, name, given)
        with suppress(OSError, ValueError):
            self._link.send(message)

    def _ask(self, name: str, given: Any, seconds: float) -> Any:
        number, asked = next(self._numbers), Future[Any]()
        self._asked[number] = asked
        try:
            self._link.send((number, name, (given,)))
            return asked.result(seconds)
        except (OSError, ValueError, LateError, CancelledError):  # cancelled: the process has ended
            return None
        finally:
            self._asked.pop(number, None)

    @property
    def view(self) -> View:
        """The newest view."""
        return self._view

    def wait(self, after: int, seconds: float) -> View:
        """Return the newest view, once its number is above `after`, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._view.number > after, seconds)
            return self._view

    def watched(self, tabs: frozenset[str]) -> None:
        """Say which of `TABS` are open on pages in sight: what no page shows is not measured.

        With a page there are ten views a second, without about one.
        """
        self._send("watch", tabs)

    def speak(self, language: str) -> None:
        """Set the language of messages and findings, "en" or "es"."""
        self._send("speak", language)

    def start(self, settings: Settings) -> None:
        """Start a new run; the current one is stopped and saved.

        From "failed", a new training process is started, in which the run then begins.

        Raises:
            ConfigError: for invalid settings.
        """
        Settings.of(**settings._asdict())
        if self._process.poll() is not None and not self._closed:
            self._begin()
        self._send("start", settings)

    def pause(self) -> None:
        """Pause after the present chunk, of about a tenth of a second."""
        self._send("pause")

    def go_on(self) -> None:
        """Continue a paused run, or one that was stopped, from its newest checkpoint; start one where there is none."""
        self._send("go_on")

    def one_step(self) -> None:
        """Take one step, then pause; starts a run of `view.settings` where there is none."""
        self._send("one_step")

    def one_epoch(self) -> None:
        """Train up to the end of the present epoch, then pause; starts a run where there is none."""
        self._send("one_epoch")

    def change_rate(self, rate: float) -> None:
        """Change the learning rate, within one chunk.

        Raises:
            ConfigError: for a value not in (0, inf).
        """
        self._send("change_rate", TrainConfig.of(learning_rate=rate).learning_rate)

    def reset(self) -> None:
        """Stop and save the current run, and start a new one of the same settings, paused before its first step."""
        self._send("reset")

    def undo(self) -> None:
        """Go back to the newest checkpoint before the present position, and pause; also after the end of a run."""
        self._send("undo")

    def stop(self) -> None:
        """Stop the current run, the race or the sweep, and save it."""
        self._send("stop")

    def forget(self, name: str) -> None:
        """Drop the curve of an earlier run from the view."""
        self._send("forget", name)

    def opened(self, row: int) -> Opened | None:
        """Open up the next step that a training row is part of, from the newest weights; None before a run."""
        answer: Opened | None = self._ask("opened", row, 10.0)
        return answer

    def activations(self, row: int) -> Activations | None:
        """Compute each layer of the current cnn for a test row; None for other models, or before a run."""
        answer: Activations | None = self._ask("activations", row, 10.0)
        return answer

    def recognise(self, drawn: NDArray[np.uint8]) -> Recognised | None:
        """Predict a drawn digit with the newest weights.

        Args:
            drawn: (height, width) uint8, light ink on 0, such as (280, 280).

        Returns:
            None for an empty canvas, before a run, and for a model that does not read pictures of 28×28.
        """
        seen = as_seen(drawn)
        answer = None if seen is None else self._ask("recognise", seen, 2.0)
        if seen is None or answer is None:
            return None
        probabilities, class_names = answer
        return Recognised(seen, probabilities, int(probabilities.argmax()), class_names)

    def race(self, settings: Settings) -> None:
        """Let the four engines train, an epoch each in turn and at most three, from one start on the same batches; see
        `view.race`.
        """
        self._send("race", settings)

    def sweep(self, settings: Settings, span: Span) -> None:
        """Train the learning rates of `span` as the lanes of a sweep; the current run is stopped and saved. See
        `view.rates`.

        Raises:
            ConfigError: for an invalid range.
        """
        span.rates()
        self._send("sweep", settings, span)

    def landscape(self) -> None:
        """Compute the cost over the plane of the current run's path, beside training; see `view.plane`."""
        self._send("landscape")

    def stop_landscape(self) -> None:
        """Stop computing that plane."""
        self._send("stop_landscape")

    def break_it(self, fault: str) -> None:
        """Start a run like the current one with a fault planted, a key of `FAULTS`; the current one is saved."""
        self._send("break_it", fault)

    def heal(self) -> None:
        """Stop the run with the fault, and continue the run before it from where it stopped, to the same bytes."""
        self._send("heal")

    def close(self) -> None:
        """Stop and save the current run, and end the training process. Further calls do nothing."""
        self._closed = True
        self._send("close")
        process = self._process
        try:
            process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reading.join(1)
        _running.discard(id(self))
