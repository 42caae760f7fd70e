"""The training process of a lab: it gets commands and sends views, by pipes, and saves its run when these close.

The main thread trains. One thread reads commands, one sends views, one looks at the run (norms, test rows, findings),
and one answers questions; training waits for none of them.
"""

import os
import queue
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any

from descenso import text
from descenso.api.train import import_tensorflow, rows_of
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.errors import DescensoError
from descenso.lab.link import Link
from descenso.lab.protocol import BEGIN, Settings, Source, View
from descenso.runs.directory import open_directory
from descenso.text import _

VIEW_SECONDS, UNWATCHED_SECONDS = 0.095, 1.0  # from a view to the next, with a page and without
LOOK_SECONDS = 0.05  # between two looks at the run
SAVE_SECONDS = 600.0  # for saving the run after the lab has ended, on a machine that may be busy
COMMANDS = ("start", "pause", "go_on", "one_step", "one_epoch", "change_rate", "reset", "undo", "stop", "forget",
            "race", "sweep", "landscape", "stop_landscape", "break_it", "heal", "watch", "close")  # fmt: skip


class Trainer:
    """The threads of the training process.

    Args:
        link: to the lab.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._questions: queue.Queue[tuple[int, str, tuple[Any, ...]]] = queue.Queue()
        self._early: list[Any] = []  # commands that came while TensorFlow was imported
        self._steering: Any = None
        self._wide: tuple[Any, Any] = None, None  # the newest plan, and the same in float64

    def serve(self) -> None:
        """Read source and limits, then the data; do jobs until the lab closes or has ended."""
        source, out, limits, language = self._link.receive()
        text.use(language)
        text.use_flags(True)
        self._say(_("The data is being read …"))
        try:
            data, config = read(source)
        except DescensoError as error:  # before TensorFlow is imported, since the command waits for it
            self._link.send(("view", {"state": "failed", "message": str(error)}))
            self._link.send(("answer", BEGIN, error))
            return
        self._link.send(("answer", BEGIN, None))
        self._say(_("TensorFlow is being imported …"))
        import_tensorflow()
        from descenso.lab import wording
        from descenso.lab.steering import Steering

        if source.run is None:
            self._steering = Steering(source, out, limits, data, Settings.of(data=config.data))
        else:
            source = wording.like(source, config)
            self._steering = Steering(source, out, limits, data, wording.run_of(config))
            self._steering.follow(source.run)
        works = self._read, self._view, self._look, self._answer, self._import
        threads = [threading.Thread(target=work, name=f"descenso-lab{work.__name__}", daemon=True) for work in works]
        for thread in threads:
            thread.start()
        self._work(threads[-1])

    def _work(self, importing: threading.Thread) -> None:
        """Do the jobs in turn, after `importing` has ended: two threads that import matplotlib or Keras at a time may
        each meet modules that the other has not finished.
        """
        while (job := self._steering.todo.get()) is not None:
            importing.join()
            self._guarded(job)

    def _say(self, progress: str) -> None:
        self._link.send(("view", {"state": "starting", "progress": progress}))

    def _guarded(self, job: Any, *given: Any) -> None:
        """Call `job`; an error becomes the view's message."""
        try:
            job(*given)
        except DescensoError as error:
            self._steering.message = str(error)
        except Exception as error:  # a fault of descenso: the lab goes on, and shows it
            traceback.print_exc()
            self._steering.message = f"{type(error).__name__}: {error}"

    def _read(self) -> None:
        """Take commands until the pipe closes; then save the run and end."""
        try:
            while True:
                number, name, given = self._link.receive()
                if name in COMMANDS:
                    self._steering.message = ""
                    self._guarded(getattr(self._steering, name), *given)
                elif name == "speak":
                    text.use(*given)
                else:
                    self._questions.put((number, name, given))
        except EOFError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a message to a lab that has ended would be an error
            self._save()

    def _save(self) -> None:
        """Stop and save the run, and end the process."""
        self._steering.close()
        time.sleep(SAVE_SECONDS)
        os._exit(1)

    def end(self, *_signal: Any) -> None:
        """Handle a signal: save the run, and end the process."""
        if self._steering is None:
            os._exit(0)
        threading.Thread(target=self._save, daemon=True).start()  # this thread may hold the lock of the queue of jobs

    def _view(self) -> None:
        """Send what has changed since the view before, again and again."""
        before: View | None = None
        failed, begun = False, time.monotonic()
        while True:
            wait = VIEW_SECONDS if self._steering.watched else UNWATCHED_SECONDS
            time.sleep(max(begun + wait - time.monotonic(), wait / 2))
            begun = time.monotonic()
            try:
                view = self._steering.view()
                if changes := view.since(before):
                    self._link.send(("view", changes))
                before = view
            except OSError:  # the lab has ended
                return
            except Exception:  # a fault of descenso: the page keeps the previous view; one traceback is enough
                if not failed:
                    traceback.print_exc()
                failed = True

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self._steering.stop_if_idle()
            shown = self._steering.shown
            if shown is not None and (self._steering.watched or not shown.active):
                try:
                    shown.inspector.look(self._steering.watched)
                    self._steering.surveyor.look()
                except Exception:  # a fault of descenso: training continues without measurements
                    traceback.print_exc()
                    time.sleep(1)

    def _import(self) -> None:
        """Import what the first planted fault would wait for: the pictures of the run before it, and Keras."""
        import_module("descenso.reports.figures")
        import_module("descenso.descent.keras_models")

    def _answer(self) -> None:
        while True:
            number, name, given = self._questions.get()
            try:
                answer = self._answer_to(name, *given)
            except Exception:  # a fault of descenso: this question gets no answer, the next one may
                traceback.print_exc()
                answer = None
            try:
                self._link.send(("answer", number, answer))
            except OSError:
                return

    def _answer_to(self, name: str, given: Any) -> Any:
        from descenso.lab import opening

        shown = self._steering.shown
        if shown is None or shown.watched.plan is None or shown.watched.progress is None:
            return None
        plan, progress, data = shown.watched.plan, shown.watched.progress, shown.watched.data
        if name == "opened":
            if self._wide[0] is not plan:
                self._wide = plan, opening.in_float64(plan, data)
            return opening.opened(plan, self._wide[1], progress, given)
        if name == "activations":
            return opening.activations(plan, progress, data, given)
        probabilities = opening.probabilities(plan, progress, given)
        return None if probabilities is None else (probabilities, data.class_names)


def read(source: Source) -> tuple[Dataset, TrainConfig]:
    """Read the data of the command line, or of the run that is opened.

    Raises:
        DescensoError: for data or a run that cannot be read.
    """
    if source.run is not None:
        directory = open_directory(source.run)
        _checked, config = directory.status, directory.config
    else:
        config = TrainConfig.of(data=source.data, **dict(source.reading))
    return rows_of(config, source.sources), config


def main() -> None:
    """Take standard input and output for messages; what else is printed goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal; the lab ends this process
    writes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    trainer = Trainer(Link(sys.stdin.buffer, writes))
    for name in ("SIGTERM", "SIGHUP"):  # SIGHUP comes when a terminal is closed; Windows has none
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), trainer.end)
    with suppress(SystemExit):  # SIGTERM has stopped training, and the run is saved
        trainer.serve()
    os._exit(0)  # threads that wait for a pipe would keep the process


if __name__ == "__main__":
    main()
