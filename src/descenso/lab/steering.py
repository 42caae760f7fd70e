"""The commands of a lab, in its training process, and the jobs that they become."""

import queue
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from descenso.data.dataset import Dataset
from descenso.errors import DescensoError
from descenso.lab import jobs, wording
from descenso.lab.faults import FAULTS
from descenso.lab.inspecting import view
from descenso.lab.jobs import Shown
from descenso.lab.protocol import TABS, Change, Curve, Limits, Race, Settings, Source, State, View
from descenso.lab.rates import Rates, Span
from descenso.lab.surveying import Surveyor
from descenso.lab.watching import Watched
from descenso.text import _
from descenso.training.control import Control

CHUNK_SECONDS = 0.08  # of training, while a page is open


class Steering:
    """Carries out commands, in the thread that reads them, and queues jobs, which the main thread does in turn.

    Args:
        source, out, limits: as of `Lab`.
        data: the dataset of the command line, or of the run that is opened.
        settings: of the first run.
    """

    def __init__(self, source: Source, out: Path, limits: Limits, data: Dataset, settings: Settings) -> None:
        self._source, self._out, self._limits, self._data = source, out, limits, data
        self.todo: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self.settings, self.message, self.watched = settings, "", frozenset(TABS)
        self.shown: Shown | None = None
        self._healthy: Shown | None = None
        self._kept: list[Curve] = []
        self._race: Race | None = None
        self._rates: Rates | None = None
        self.surveyor = Surveyor(self._say)
        self._idle_since: float | None = None
        self._racing = Control()
        self._words: tuple[Settings | None, int, tuple[str, str]] = None, 0, ("", "")

    @property
    def active(self) -> bool:
        """Whether the current run trains, or waits to."""
        return self.shown is not None and self.shown.active

    def _control(self, how: str = "go_on") -> Control:
        """Make a control whose first command is "go_on", "pause", "one_step", "one_epoch" or "undo"."""
        control = Control(CHUNK_SECONDS if self.watched else None)
        getattr(control, how)()
        return control

    def _do(self, shown: Shown, job: Callable[[], None]) -> None:
        def done() -> None:
            try:
                job()
            finally:
                shown.active = False

        shown.active = True
        self.todo.put(done)

    def start(self, settings: Settings, how: str = "go_on") -> None:
        """Start a new run; the current one is stopped, and its curve kept."""
        wording.arguments(settings, self._source, self._data)  # refused before anything is stopped
        self.stop()
        self._keep()
        self.settings = settings
        self.shown = shown = Shown(settings, self._control(how))
        if settings.fault:
            shown.watched.changes.append(Change(0, 0, "fault", "", settings.fault))
        self._do(shown, partial(jobs.start, shown, self._source, self._out, self._data))

    def _keep(self) -> None:
        if self.shown is not None and self.shown.watched.run is not None:
            kept = self.shown.inspector.curve()
            self._kept = [each for each in self._kept if each.name != kept.name]
            self._kept = [*self._kept, kept][1 - self._limits.curves :]

    def _resume(self, how: str) -> None:
        if self.shown is not None:
            self.shown.watched.control, self.shown.watched.preparing = self._control(how), True
            self._do(self.shown, partial(jobs.go_on, self.shown, self._source))

    def _go(self, how: str) -> None:
        shown = self.shown
        if shown is None or (shown.watched.run is None and not shown.active):
            self.start(self.settings, how)
        elif shown.read_only:
            self.message = _("This run is of another process, and only shown; start a run of your own.")
        elif shown.active:
            getattr(shown.watched.control, how)()
        elif shown.watched.outcome == "interrupted":
            self._resume(how)
        else:
            self.message = _("The run has ended; undo goes back, or start another one.")

    def pause(self) -> None:
        """Pause the current run."""
        if self.shown is not None:
            self.shown.watched.control.pause()

    def go_on(self) -> None:
        """Continue the current run, or start one."""
        self._go("go_on")

    def one_step(self) -> None:
        """Take one step, then pause."""
        self._go("one_step")

    def one_epoch(self) -> None:
        """Train to the end of the epoch, then pause."""
        self._go("one_epoch")

    def change_rate(self, rate: float) -> None:
        """Change the learning rate of the current run, or of the next one."""
        if self.shown is not None and self.shown.active and not self.shown.read_only:
            self.shown.watched.control.change_rate(rate)
        self.settings = self.settings._replace(learning_rate=rate)

    def undo(self) -> None:
        """Go back to the newest checkpoint before the present position, and pause."""
        shown = self.shown
        if shown is None or shown.read_only or shown.watched.run is None:
            return
        if shown.active:
            shown.watched.control.undo()
        else:  # the newest checkpoint of a run that diverged is one before
            self._resume("pause" if shown.watched.outcome == "diverged" else "undo")

    def reset(self) -> None:
        """Start a new run of the same settings, paused before its first step."""
        self.start(self.shown.settings if self.shown is not None else self.settings, "pause")

    def stop(self) -> None:
        """Stop and save the current run, and end the race or the sweep."""
        self._racing.stop()
        if self.shown is not None:
            self.shown.watched.control.stop()

    def stop_if_idle(self) -> None:
        """Stop and save a run that has been paused for longer than the limits allow."""
        waits = self.shown is not None and self.shown.active and self.shown.watched.control.paused
        self._idle_since = (self._idle_since or time.monotonic()) if waits else None
        if self._idle_since is not None and time.monotonic() - self._idle_since > self._limits.idle_seconds:
            self.stop()
            self.message = _("The run was paused for a long time, and is saved; go on, and it continues.")

    def forget(self, name: str) -> None:
        """Drop the curve of an earlier run."""
        self._kept = [each for each in self._kept if each.name != name]

    def race(self, settings: Settings) -> None:
        """Let the engines race."""
        wording.arguments(settings, self._source, self._data)
        self.stop()
        self._racing = racing = self._control()
        self.todo.put(partial(jobs.race, settings, self._source, self._data, racing, self._told))

    def _told(self, race: Race) -> None:
        self._race = race

    def sweep(self, settings: Settings, span: Span) -> None:
        """Train a sweep of learning rates; the current run is stopped and saved."""
        wording.arguments(settings, self._source, self._data)
        span.rates()
        self.stop()
        self.surveyor.stop()
        self._racing = racing = self._control()
        self.todo.put(partial(jobs.sweep, settings, span, self._source, self._out, self._data, racing, self._swept))

    def _swept(self, rates: Rates) -> None:
        self._rates = rates._replace(number=1 if self._rates is None else self._rates.number + 1)

    def landscape(self) -> None:
        """Compute the cost over the plane of the current run's path."""
        if not self.surveyor.computing and not (self._rates and self._rates.going):
            self.surveyor.begin(self.shown)

    def stop_landscape(self) -> None:
        """Stop computing the plane."""
        self.surveyor.stop()

    def _say(self, message: str) -> None:
        self.message = message

    def break_it(self, fault: str) -> None:
        """Start a run like the current one with a fault; `heal` continues the current one."""
        if fault not in FAULTS:
            message = _("there is no fault {fault!r}; the faults are {names}")
            raise DescensoError(message.format(fault=fault, names=", ".join(FAULTS)))
        if self.shown is not None and not self.shown.settings.fault and not self.shown.read_only:
            self._healthy = self.shown
        base = self._healthy.settings if self._healthy is not None else self.settings
        self.start(base._replace(fault=fault))

    def heal(self) -> None:
        """Stop the run with the fault, and continue the one before it."""
        if self.shown is None or not self.shown.settings.fault:
            return
        fault, healthy = self.shown.settings.fault, self._healthy
        if healthy is None or healthy.watched.run is None:
            self.start(self.settings._replace(fault=""))
            return
        self.stop()
        self._keep()
        self.shown, self.settings = healthy, healthy.settings
        self.forget(healthy.watched.run.name)
        position = healthy.watched.progress.position if healthy.watched.progress else (0, 0)
        healthy.watched.changes.append(Change(*position, "heal", fault, ""))
        if healthy.watched.outcome in ("", "interrupted"):
            self._resume("go_on")

    def watch(self, tabs: frozenset[str]) -> None:
        """Say which tabs are open on pages: with one, chunks are short."""
        self.watched = tabs
        if self.shown is not None:
            self.shown.watched.control.chunk_seconds = CHUNK_SECONDS if tabs else None

    def follow(self, run: Path) -> None:
        """Show a run of another process, or one that has ended."""
        self.shown = shown = Shown(self.settings, self._control())
        shown.read_only = True
        self._do(shown, partial(jobs.follow, shown, run, self._data))

    def close(self) -> None:
        """Stop, and end the process."""
        self.stop()
        self.todo.put(None)

    def view(self) -> View:
        """Return the newest view."""
        shown, data = self.shown, self._data
        seen, progress = View(settings=self.settings), ""
        state: State = "ready"
        if shown is not None:
            watched = shown.watched
            waits = _waits(watched)  # before the position is read, which then is that of the pause
            names = (watched.data or data).class_names
            seen = view(watched, shown.inspector, names, self.watched)
            if shown.active:
                state = "paused" if waits else "running"
                progress = _("The run is being prepared …") if watched.preparing else ""
            elif watched.run is not None:
                state = "ended"
            data = watched.data or data
        command, python = self._written(seen.settings, data)
        return seen._replace(
            state=state,
            progress=progress,
            message=self.message,
            curves=(*self._kept, *seen.curves),
            race=self._race,
            rates=self._rates,
            plane=self.surveyor.plane,
            class_names=data.class_names,
            input_shape=data.input_shape,
            train_rows=len(data.train.labels),
            test_rows=len(data.test.labels),
            command=command,
            python=python,
            read_only=shown is not None and shown.read_only,
        )

    def _written(self, settings: Settings, data: Dataset) -> tuple[str, str]:
        """Return the command and the lines of Python of settings; the same while these are the same."""
        if self._words[:2] != (settings, id(data)):
            given = wording.arguments(settings._replace(fault=""), self._source, data)
            given |= {"loss": "naive"} if settings.fault == "naive-log" else {}
            self._words = settings, id(data), (wording.command(given), wording.python(given))
        return self._words[2]


def _waits(watched: Watched) -> bool:
    """Whether no step is taken until the next command; the chunk in which a pause was called for still goes on."""
    return watched.control.waiting or (watched.control.paused and watched.preparing)
