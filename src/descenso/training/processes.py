"""Processes of a cluster on this machine: started, their logs joined, and ended together. Without TensorFlow."""

import ctypes
import functools
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from descenso.engines.cluster import LOCAL, Cluster
from descenso.text import _

GRACE_SECONDS = 20.0  # for the others to end by themselves, which notice within that time that one has ended
TERM_SECONDS = 5.0  # between SIGTERM and SIGKILL
LOOK_SECONDS = 0.1  # between two looks at processes and signals
LINE_START = "\r\x1b[2K"  # erases the line of the cursor in a terminal
MOST_BYTES = 65536  # of a line of the log without an end; it is then broken


class Ended(NamedTuple):
    """How a group of processes ended.

    Attributes:
        code: exit code: of the process that failed first, else of the chief; 128 + the number of a signal.
        asked: whether a signal to the launcher has stopped it.
    """

    code: int
    asked: bool


class _Worker:
    """A process of a group, and the lines that it prints.

    Args:
        command: what to start.
        cluster: whose worker it is.
    """

    def __init__(self, command: Sequence[str], cluster: Cluster) -> None:
        ours = {name: value for name, value in os.environ.items() if name != "SLURM_STEP_NUM_TASKS"}  # one task of them
        threads = {"TF_NUM_INTRAOP_THREADS": str(max(1, _cores() // cluster.size))}
        output = None if cluster.chief else subprocess.PIPE  # the sessions below keep a terminal's Ctrl-C from them
        self.number, self._line = cluster.index, b""
        self.process = subprocess.Popen(  # noqa: S603 - descenso itself
            command, env={**threads, **ours, "TF_CONFIG": cluster.tf_config}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=None if cluster.chief else subprocess.STDOUT, start_new_session=True, preexec_fn=_bound(),
        )  # fmt: skip
        self.output = self.process.stdout
        if self.output:
            os.set_blocking(self.output.fileno(), False)

    def read(self) -> bool:
        """Pass on the lines that the worker has printed; return False if there is nothing more now."""
        if self.output is None:
            return False
        try:
            part = os.read(self.output.fileno(), MOST_BYTES)
        except BlockingIOError:  # a process that it has started still has the pipe
            part = b""
        self._line += part
        *lines, self._line = self._line.split(b"\n")
        if self._line and (not part or len(self._line) > MOST_BYTES):
            lines, self._line = [*lines, self._line], b""
        for line in lines:
            _write(b"[%d] %s\n" % (self.number, line.rstrip(b"\r")))
        return bool(part)

    def signal(self, number: int) -> None:
        """Send a signal to the process, and to those that it has started."""
        with suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(self.process.pid, number)


class Group:
    """The processes of a cluster.

    Args:
        command: what to start.
        ports: of the workers.
        signals: numbers of the signals that the launcher has got; others may be added at any time.
        tell: called with a message.
    """

    def __init__(
        self, command: Sequence[str], ports: Sequence[int], signals: list[int], tell: Callable[[str], None]
    ) -> None:
        self._command, self._signals, self._tell = command, signals, tell
        self._addresses = tuple(f"{LOCAL}:{port}" for port in ports)
        self._workers = list[_Worker]()
        self._running = list[_Worker]()
        self._first: _Worker | None = None  # that failed
        self._passed_on, self._stopping = False, False
        self._steps = list[tuple[float, int]]()  # the time and the number of each signal that is to end the others

    def run(self) -> Ended:
        """Start the processes, and watch them until all have ended; an exception kills them."""
        try:
            with selectors.DefaultSelector() as selector:
                for index in range(len(self._addresses)):
                    self._workers.append(_Worker(self._command, Cluster(self._addresses, index)))
                    self._running = list(self._workers)
                    if self._workers[-1].output:
                        selector.register(self._workers[-1].output, selectors.EVENT_READ, self._workers[-1])
                while self._running:
                    self._watch(selector)
        finally:
            for worker in self._running:
                worker.signal(signal.SIGKILL)
                worker.process.wait()
            for worker in self._workers:
                while worker.read():
                    pass
                if worker.output:
                    worker.output.close()
        return self._ended()

    def _watch(self, selector: selectors.BaseSelector) -> None:
        """Look once: pass on what was printed, and act on signals and on processes that have ended."""
        for key, _events in selector.select(LOOK_SECONDS) if selector.get_map() else []:
            if not key.data.read():
                selector.unregister(key.fileobj)
        if not selector.get_map():
            time.sleep(LOOK_SECONDS)
        if self._signals and not self._passed_on:
            self._passed_on = True
            chief = self._workers[0]
            for worker in [chief] if chief in self._running else self._running:
                number = self._signals[0]
                worker.signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
        if len(self._signals) > 1:
            self._steps = [(0.0, signal.SIGKILL)]
        self._gather()
        while self._steps and self._running and time.monotonic() >= self._steps[0][0]:
            number = self._steps.pop(0)[1]
            if number == signal.SIGTERM:
                self._stopping = True
                self._tell(_("still running, and stopped now: {workers}").format(
                    workers=", ".join(self._name(worker) for worker in self._running)))  # fmt: skip
            for worker in self._running:
                worker.signal(number)

    def _gather(self) -> None:
        """Find the processes that have ended, and bound the time of the others if one failed or the chief is done."""
        ended = [each for each in self._running if each.process.poll() is not None]
        for worker in sorted(ended, key=lambda worker: worker.process.returncode):  # those that a signal killed first
            self._running.remove(worker)
            worker.signal(signal.SIGKILL)  # what it may have started
            code = worker.process.returncode
            if code and self._first is None and not self._stopping:
                self._first = worker
                if code < 0 and not self._signals:
                    self._tell(_("{worker} was killed by {signal}").format(
                        worker=self._name(worker), signal=_signal_name(-code)))  # fmt: skip
            if (code or worker.number == 0) and not self._steps:
                now = time.monotonic() + GRACE_SECONDS
                self._steps = [(now, signal.SIGTERM), (now + TERM_SECONDS, signal.SIGKILL)]

    def _name(self, worker: _Worker) -> str:
        return Cluster(self._addresses, 0).name(worker.number)

    def _ended(self) -> Ended:
        if len(self._signals) > 1:
            return Ended(128 + self._signals[1], True)
        decides = self._workers[0] if self._signals or self._first is None else self._first
        code = decides.process.returncode
        return Ended(128 - code if code < 0 else code, bool(self._signals))


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in list(signal.Signals) else str(number)


def _write(line: bytes) -> None:
    """Print a line on standard error, in place of what stands in the last line of a terminal, such as a bar."""
    line = (LINE_START.encode() if os.isatty(2) else b"") + line
    with suppress(OSError):  # the terminal is closed; training goes on
        while line:
            line = line[os.write(2, line) :]


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bound() -> Callable[[], None] | None:
    """Return what a new process calls so that Linux kills it when this process ends in any way, SIGKILL included."""
    if not sys.platform.startswith("linux"):
        return None
    return functools.partial(_bind, ctypes.CDLL(None).prctl, os.getpid())


def _bind(prctl: Callable[..., int], launcher: int) -> None:
    prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of <linux/prctl.h>
    if os.getppid() != launcher:  # it has ended already
        os._exit(1)
