"""Start processes that train together, each with its place in the cluster, as a user would on several machines."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

PATIENCE = 180.0  # seconds, on a machine that does other work besides


class Worker(NamedTuple):
    """A process, and the file with all that it printed."""

    process: subprocess.Popen
    log: Path

    @property
    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _each in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def started(folder, lines, workers=None):
    """Start a process for each of `lines`, arguments of Python; of a cluster of `workers`, by default as many."""
    ports, running = free_ports(workers or len(lines)), []
    addresses = [f"127.0.0.1:{port}" for port in ports]
    try:
        for index, line in lines.items() if isinstance(lines, dict) else enumerate(lines):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            named = {"TF_CONFIG": json.dumps(task), "TF_NUM_INTRAOP_THREADS": "1", "LANGUAGE": "en"}
            log = folder / f"worker-{index}.txt"
            with log.open("w") as out:
                process = subprocess.Popen(
                    [sys.executable, *map(str, line)], env={**os.environ, **named}, cwd=folder, stdout=out, stderr=out
                )
            running.append(Worker(process, log))
        yield running
    finally:
        for worker in running:
            worker.process.send_signal(signal.SIGCONT)
            worker.process.kill()
            worker.process.wait()


def ended(workers, seconds=PATIENCE):
    """Return the exit codes of the workers, and how many seconds passed until the last one had ended."""
    then = monotonic()
    codes = [worker.process.wait(max(0.1, seconds - (monotonic() - then))) for worker in workers]
    return codes, monotonic() - then


def training(folder, workers):
    """Wait until the run in `folder` has a first epoch."""
    end = monotonic() + PATIENCE
    while not ((folder / "history.jsonl").exists() and (folder / "history.jsonl").read_text().count("\n")):
        assert monotonic() < end, [worker.said for worker in workers]
        assert all(worker.process.poll() is None for worker in workers), [worker.said for worker in workers]
        sleep(0.2)
