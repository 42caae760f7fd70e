"""Messages between the lab and its training process: pickled objects on two pipes."""

import pickle
import threading
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
