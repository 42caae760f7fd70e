"""Run `python -m descenso` in processes that tests interrupt and kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120  # seconds; a test that would wait longer fails
LOOK = 0.002  # seconds between two looks at a process or a directory


class Descenso:
    """The command line in a process of its own, with its output in files in `folder`.

    The code in `before` is executed first.
    """

    def __init__(self, folder: Path, *arguments: object, before: str = "") -> None:
        number = len(list(folder.glob("out.*")))
        self._out, self._err = folder / f"out.{number}", folder / f"err.{number}"
        program = f"{before}\nfrom descenso.cli import main\nmain()"
        command = [sys.executable, "-c", program, *map(str, arguments)]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder, stdin=subprocess.DEVNULL)

    def __enter__(self) -> "Descenso":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def until(self, happened: Callable[[], object]) -> None:
        """Wait until `happened` returns true; fail if the process ends before that."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert not self.ended_within(LOOK), f"it ended with {self.process.returncode}: {self.err}"
            assert time.monotonic() < deadline, f"nothing happened in {PATIENCE} s: {self.err}"

    def ended_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait for the process to end, and return its exit code."""
        assert self.ended_within(seconds), f"it runs after {seconds} s: {self.err}"
        return self.process.returncode

    def send(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, f"it had ended before it was killed: {self.err}"

    def kill_while(self, doing: Callable[[], object]) -> None:
        """Kill the process while `doing` is true: it is suspended while that is checked."""
        while True:
            self.until(doing)
            self.send(signal.SIGSTOP)
            os.waitpid(self.process.pid, os.WUNTRACED)  # waits until it is suspended, or has ended
            if doing():
                self.kill()
                return
            self.send(signal.SIGCONT)


def stands_at(run: Path) -> tuple[int, int]:
    """Return the position of the newest checkpoint, from its name alone; (-1, 0) if there is none."""
    names = [path.name for path in (run / "checkpoints").glob("[0-9]*")]
    return max((tuple(map(int, name.split("-"))) for name in names), default=(-1, 0))  # type: ignore[return-value]


def saving(run: Path) -> bool:
    """Return whether a checkpoint is partly written."""
    return any((run / "checkpoints").glob(".*.tmp"))
