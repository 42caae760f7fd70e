"""Real `python -m descenso` processes, to be signalled and killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120  # seconds; a test that would wait longer fails
LOOK = 0.002  # seconds between two looks at a process or a folder


class Descenso:
    """The command line with these arguments, after `before` was run; both of its outputs go to files in `folder`."""

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
        """Wait until it `happened`; that the process ends before is an error."""
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
        """Wait for its end; its exit code."""
        assert self.ended_within(seconds), f"it runs after {seconds} s: {self.err}"
        return self.process.returncode

    def send(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, f"it had ended before it was killed: {self.err}"

    def kill_while(self, doing: Callable[[], object]) -> None:
        """Kill it while it does something: it is held still to see whether it does."""
        while True:
            self.until(doing)
            self.send(signal.SIGSTOP)
            os.waitpid(self.process.pid, os.WUNTRACED)  # stopped, if not ended
            if doing():
                self.kill()
                return
            self.send(signal.SIGCONT)


def stands_at(run: Path) -> tuple[int, int]:
    """Where the newest checkpoint stands, by its name alone; before all others where there is none."""
    names = [path.name for path in (run / "checkpoints").glob("[0-9]*")]
    return max((tuple(map(int, name.split("-"))) for name in names), default=(-1, 0))  # type: ignore[return-value]


def saving(run: Path) -> bool:
    """Whether a checkpoint is half written."""
    return any((run / "checkpoints").glob(".*.tmp"))
