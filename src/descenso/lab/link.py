"""Messages between the lab and its training process: pickled objects on two pipes."""

import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO


class Link:
    """One end of a connection to a process that this one has started, or was started by.

    Only such a process is at the other end, which is why its pickles can be read.

    Args:
        reads, writes: the ends of two pipes.
    """

    def __init__(self, reads: BinaryIO, writes: BinaryIO) -> None:
        self._reads, self._writes = reads, writes
        self._lock = threading.Lock()

    def send(self, message: Any) -> None:
        """Send a message; waits for a slow reader.

        Raises:
            OSError, ValueError: where the other process has ended, or the link is closed.
        """
        packed = pickle.dumps(message, protocol=5)
        with self._lock:
            self._writes.write(packed)
            self._writes.flush()

    def receive(self) -> Any:
        """Wait for the next message.

        Raises:
            EOFError: where the other process has ended.
        """
        try:
            return pickle.load(self._reads)  # noqa: S301 - of a process of this lab
        except (OSError, ValueError, pickle.UnpicklingError) as error:  # closed, or cut off in the middle
            raise EOFError from error


def started(module: str, words: deque[str]) -> "tuple[subprocess.Popen[bytes], Link, threading.Thread]":
    """Start a process that runs `module`; return it, the link to it, and the thread that keeps its last `words`, as it
    says them on standard error.
    """
    home = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    process: Any = subprocess.Popen(  # noqa: S603 - a module of descenso
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip

    def listen() -> None:
        for line in process.stderr:
            words.append(line.decode(errors="replace").rstrip())

    listening = threading.Thread(target=listen, name="descenso-lab-words", daemon=True)
    listening.start()
    return process, Link(process.stdout, process.stdin), listening
