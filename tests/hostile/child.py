"""A process that reads hostile files with limited memory and time, and reports the outcome of each.

python tests/hostile/child.py FORMAT NUMBER     repeats one mutation alone

Without arguments it reads one JSON object per line from standard input, and answers each with one. If it dies, there is
no answer, and `Reader`, which asks it, finds out.
"""
# ruff: noqa: E402, T201 - memory is measured before the imports; `repeat` prints to a person

import resource

START = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # bytes, before anything is imported

import gc
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MEMORY = 2**28  # bytes of address space that reading may add to a process that has imported all it needs
SECONDS = 2  # of processor time to read one file
PATIENCE = 20  # seconds of waiting, on a busy machine


def files_below(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return mode, size and time of everything in `folder`, except for locks, which reading may touch."""
    found = {}
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            found |= files_below(Path(entry.path))
        if entry.name != ".lock":
            about = entry.stat(follow_symlinks=False)
            found[entry.path] = (about.st_mode, about.st_size, about.st_mtime_ns)
    return found


@contextmanager
def limited_time():
    """End the process when the block takes too long, in C code too."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)


def usage() -> tuple[float, int]:
    """Return the processor seconds used so far, and the peak of memory in bytes above that at the start of Python."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 - START


def watch(read: Callable[[], object], folder: Path, noise: str = "") -> dict[str, Any]:
    """Return the outcome of `read`: "read", "refused" by one of descenso's errors, or "broke".

    Nothing in `folder` may change, and nothing may be printed, except `noise` before a refusal.
    """
    from descenso import errors
    from descenso.errors import DescensoError

    before, began, (used, _) = files_below(folder), time.monotonic(), usage()
    answer: dict[str, Any]
    with limited_time():
        try:
            answer = {"read": str(read())}
        except DescensoError as error:
            documented = (kind.__name__ for kind in type(error).__mro__ if hasattr(errors, kind.__name__))
            answer = {"refused": next(documented), "message": str(error)}
        except BaseException:  # also panics of Rust, which are no Exception
            answer = {"broke": traceback.format_exc()}
    seconds, peak = usage()
    answer |= {"seconds": seconds - used, "waited": time.monotonic() - began, "bytes": peak}
    sys.stdout.flush()
    printed = os.pread(2, 100_000, 0).decode("utf-8", "replace") if os.fstat(2).st_size else ""
    if printed:
        os.ftruncate(2, os.lseek(2, 0, os.SEEK_SET))
    if printed and not ("refused" in answer and re.fullmatch(noise, printed)):
        answer["broke"] = f"it printed: {printed}{answer.get('broke', '')}"
    after = files_below(folder)
    if after != before:
        answer["broke"] = f"it wrote: {sorted(dict(after.items() ^ before.items()))}"
    return answer


def attempt(name: str, number: int, folder: Path) -> dict[str, Any]:
    """Return the outcome of mutation `number` of the format `name`, whose valid file is in `folder`."""
    from formats import FORMATS

    form = FORMATS[name]
    content = form.mutated(name, number)
    form.place(folder, content)
    answer = watch(lambda: form.read(folder, content), folder, form.noise)
    if answer.get("refused", form.refusals[0]) not in form.refusals:
        answer["broke"] = f"refused by {answer['refused']}, documented are {form.refusals}: {answer['message']}"
    return answer


def read_mutations(name: str, first: int, count: int, path: str) -> dict[str, Any]:
    """Return how many of `count` mutations from `first` on were read, or the first that broke.

    The file `number` holds the last mutation begun.
    """
    from formats import FORMATS

    folder = Path(path) / "case"
    folder.mkdir()
    os.chdir(folder)
    form = FORMATS[name]
    form.make(folder)
    valid = watch(lambda: form.read(folder, form.original()), folder)
    if "read" not in valid:
        return {"broke": f"the valid file was not read: {valid}"}
    read = 0
    with (Path(path) / "number").open("wb", buffering=0) as seen:
        for number in range(first, first + count):
            os.pwrite(seen.fileno(), b"%-20d" % number, 0)
            answer = attempt(name, number, folder)
            if "broke" in answer:
                return answer
            read += "read" in answer
    return {"read": read}


def read_bomb(name: str, path: str) -> dict[str, Any]:
    """Return the outcome of the bomb `name` in the folder `path`."""
    from bombs import BOMBS

    folder = Path(path)
    os.chdir(folder)
    return watch(lambda: BOMBS[name].read(folder), folder)


def limit_memory() -> None:
    """Allow the process `MEMORY` more bytes of address space than it has now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    size = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (1024 * size + MEMORY, resource.RLIM_INFINITY))


def warm_up() -> None:
    """Read a valid file of each format, and what a bomb may have read, to load all code before the limits."""
    from bombs import BOMBS
    from descenso import text
    from descenso.errors import DescensoError
    from formats import FORMATS
    from powder import draw, listed

    text.use_flags(True)  # as on the command line
    assert BOMBS
    for form in FORMATS.values():
        with tempfile.TemporaryDirectory() as folder:
            form.make(Path(folder))
            with suppress(DescensoError):  # the tests check that valid files are read
                form.read(Path(folder), form.original())
    with tempfile.TemporaryDirectory() as folder:
        FORMATS["status.json"].make(Path(folder))
        draw(Path(folder) / "run")
        listed(Path(folder))


def serve() -> None:
    """Answer questions until standard input ends.

    Descriptors 1 and 2 are one file, so that anything printed is detected.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warm_up()
    for line in sys.stdin:
        gc.collect()  # so that the previous question does not count as memory
        limit_memory()
        task, *arguments = json.loads(line)
        print(json.dumps({"mutations": read_mutations, "bomb": read_bomb}[task](*arguments)), file=answers, flush=True)


class Reader:
    """Ask the process; start another one when it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`

    def ask(self, *question: object) -> dict[str, Any]:
        """Return the answer to a question, or how the process ended if it died."""
        if self._process is None:
            self._said.truncate(0)
            command = [sys.executable, "-W", "error", __file__]
            environment = {**os.environ, "POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # each thread takes memory
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, env=environment
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it is dead, as reading from it shows
        told = process.stdout.readline()
        if told:
            answer: dict[str, Any] = json.loads(told)
            return answer
        self.end()
        self._said.seek(0)
        return {"broke": f"the process ended by {process.returncode}: {self._said.read().decode('utf-8', 'replace')}"}

    def close(self) -> None:
        """End the process and close the file of its output."""
        self.end()
        self._said.close()

    def end(self) -> None:
        """End the process; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                assert process.stdin is not None
                process.stdin.close()  # it then ends by itself


def repeat(name: str, number: int) -> None:
    """Repeat one mutation in this process without limits; the file is kept for inspection."""
    from formats import FORMATS

    folder = Path(tempfile.mkdtemp())
    FORMATS[name].make(folder)
    answer = attempt(name, number, folder)
    print(folder / FORMATS[name].file, *(f"{key}: {value}" for key, value in answer.items()), sep="\n")


if __name__ == "__main__":
    sys.path.insert(1, str(Path(__file__).parents[1]))
    if len(sys.argv) == 3:
        repeat(sys.argv[1], int(sys.argv[2]))
    else:
        serve()
