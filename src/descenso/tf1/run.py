"""Run a program of the user in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from descenso.tf1.program import RUNNING, Program

CHILD = RUNNING / "child.py"


class Ended(NamedTuple):
    """How a program ended.

    Attributes:
        exit_code: of its process; 128 and the signal's number if a signal ended it.
        text: type and message of the exception that ended it, or "".
        cell, line: where it was raised, if in the program's own file.
        figures: paths of the pictures.
    """

    exit_code: int
    text: str = ""
    cell: int | None = None
    line: int | None = None
    figures: tuple[str, ...] = ()


def run(
    path: Path, program: Program, arguments: list[str], output_to_stderr: bool = False, figures: tuple[str, ...] = ()
) -> Ended:
    """Run `program` and wait for its end; its output and errors are printed while it runs.

    Args:
        path: its file, the first of its `sys.argv`.
        program: what to run.
        arguments: the other words of its `sys.argv`.
        output_to_stderr: whether its standard output goes to standard error.
        figures: of the program before it in the same file; those of this one are put beside them.
    """
    job = {
        "path": str(path),
        "notebook": path.suffix.lower() == ".ipynb",
        "old": program.old,
        "graphs": program.graphs,
        "blocks": [block._asdict() for block in program.blocks],
        "arguments": arguments,
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-u", str(CHILD), str(Path(folder, "job.json"))]
        sys.stdout.flush()
        output = 2 if output_to_stderr else None  # its number: sys.stderr may have been replaced
        process = subprocess.Popen(command, env=_environment(path, figures), stdout=output)  # noqa: S603 - our own Python
        with _signals_to(process):
            code = process.wait()
        try:
            report: dict[str, Any] = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it ended itself, or was ended
            report = {}
    error = report.get("error") or {}
    place = error.get("cell"), error.get("line")
    return Ended(code if code >= 0 else 128 - code, error.get("text", ""), *place, tuple(report.get("figures", ())))


def _environment(path: Path, figures: tuple[str, ...]) -> dict[str, str]:
    return {
        **os.environ,
        "DESCENSO_FIGURES": str(Path(figures[0]).parent if figures else path.with_name(f"{path.stem}-figures")),
        "DESCENSO_FIGURES_BEFORE": str(len(figures)),
        "MPLBACKEND": "module://descenso.tf1.running.figures",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
    }


@contextlib.contextmanager
def _signals_to(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Pass signals on to `process` and wait for it; Ctrl-C in a terminal reaches it without us."""

    def passed_on(number: int, _frame: object) -> None:
        if number != signal.SIGINT or not _in_foreground():
            process.send_signal(number)

    before = {number: signal.signal(number, passed_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether the terminal sends its signals to our group of processes, to which `process` belongs, too."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
