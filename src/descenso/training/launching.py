"""Run a cluster of local processes, and run it again after a failure. Without TensorFlow."""

import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from descenso.text import _, prose
from descenso.training.processes import LOOK_SECONDS, Group

BACK_OFF, MOST_SECONDS = 1.0, 30.0  # before the first restart, doubled before each further one; at most
START_SECONDS, OTHER_PORTS = 120.0, 3  # a start fails within that time; tries with other ports
FINAL = {2, 3, 4, 5, 7, 8, 130, 143}  # exit codes of errors that a restart would meet again, and of signals to stop
STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")


def launch(
    command: Callable[[], Sequence[str]], workers: int, restarts: int = 0, tell: Callable[[str], None] = print
) -> int:
    """Run a cluster of local processes to their end.

    Each process gets TF_CONFIG with addresses of 127.0.0.1, and its share of the cores in TF_NUM_INTRAOP_THREADS where
    that is not set. The chief, worker 0, prints where this process prints; what other workers print goes to standard
    error, each line behind the number of its worker, "[1] ". The first SIGINT or SIGTERM is passed on to the chief, and
    the second one kills all. If a process fails, or the chief is done, the others have 20 s to end before they are
    stopped.

    Args:
        command: returns what to start, at each start.
        workers: number of processes, at least 1.
        restarts: how often to start new processes after a failure that a restart may mend.
        tell: called with a message for the user.

    Returns:
        The exit code; see `Ended`.
    """
    with _signals() as signals:
        left, tries, wait = restarts, OTHER_PORTS, BACK_OFF
        while True:
            began, ports = time.monotonic(), free_ports(workers)
            ended = Group(command(), ports, signals, tell).run()
            if ended.code == 0 or ended.asked:
                return ended.code
            if tries and time.monotonic() < began + START_SECONDS and taken(ports):
                tries -= 1
                again = _("another program has taken one of the ports {ports}; starting again with others")
                tell(again.format(ports=", ".join(map(str, ports))))
                continue
            if not left or ended.code in FINAL:
                return ended.code
            left -= 1
            restart = _("restart {number} of {restarts} in {seconds:g} s")
            tell(prose(restart, number=restarts - left, restarts=restarts, seconds=wait))
            if _signalled(signals, wait):
                return 128 + signals[0]
            wait = min(2 * wait, MOST_SECONDS)


def free_ports(count: int) -> list[int]:
    """Return ports that no program listens at now."""
    sockets = [socket.socket() for _each in range(count)]
    try:
        for each in sockets:
            each.bind(("", 0))  # as TensorFlow does, whose server listens on all devices
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def taken(ports: Sequence[int]) -> bool:
    """Return whether a program listens at one of the ports."""
    for port in ports:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
            try:
                tried.bind(("", port))
            except OSError:
                return True
    return False


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the numbers of the signals that ask this process to stop, but for those that it ignores."""
    caught = list[int]()

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    known = [getattr(signal, name) for name in STOPPING if hasattr(signal, name)]
    before = {which: signal.getsignal(which) for which in known if signal.getsignal(which) != signal.SIG_IGN}
    try:
        for which in before:
            signal.signal(which, catch)
        yield caught
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _signalled(signals: list[int], seconds: float) -> bool:
    """Wait, and return whether a signal came meanwhile."""
    until = time.monotonic() + seconds
    while not signals and time.monotonic() < until:
        time.sleep(min(LOOK_SECONDS, seconds))
    return bool(signals)
