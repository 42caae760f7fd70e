"""Measure commands of descenso as whole processes: wall time, processor time, peak memory.

    python benchmarks/command.py

The commands run by turns, each in an empty directory, with nothing to read from and nobody to print to.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from _report import heading, row

__all__ = ["main"]

BYTES = 1 if sys.platform == "darwin" else 1024  # in a unit of ru_maxrss
DESCENSO = str(Path(sys.executable).with_name("descenso"))
COMMANDS = {
    "descenso --help": [DESCENSO, "--help"],
    'python -c "import tensorflow"': [sys.executable, "-c", "import tensorflow"],
    "descenso train": [DESCENSO, "train"],
}


class Use(NamedTuple):
    """Resources of a process. Attributes: wall and processor time in seconds; peak resident memory in bytes."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


def run(command: Sequence[str]) -> Use:
    """Run `command` in an empty directory; it must end with exit code 0."""
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as told:
        then = perf_counter()
        process = subprocess.Popen(command, cwd=empty, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        seconds = perf_counter() - then
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise SystemExit(f"{command} ended with {process.returncode}:\n{told.read().decode(errors='replace')}")
    return Use(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * BYTES)


def measure(runs: int) -> dict[str, list[Use]]:
    """Run each command once unmeasured, for the file caches, and then `runs` times."""
    uses: dict[str, list[Use]] = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, command in COMMANDS.items():
            print(f"run {number} of {runs}: {name}", file=sys.stderr, flush=True)
            uses[name].append(run(command))
    return {name: each[1:] for name, each in uses.items()}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="measured runs of each command [default: 7]")
    given = parser.parse_args(arguments)
    if given.runs < 1:
        parser.error(f"--runs must be at least 1, got {given.runs}")
    head = heading(["python", "benchmarks/command.py", *arguments])
    uses = measure(given.runs)
    titles = ("whole process", "s, median", "min", "max", "processor s, median", "peak MB, max")
    print(*head, "", row(titles), row(["---", *["---:"] * 5]), sep="\n")
    for name, each in uses.items():
        seconds = [use.seconds for use in each]
        cells = [median(seconds), min(seconds), max(seconds), median(use.processor_seconds for use in each)]
        peak = max(use.peak_bytes for use in each) / 1e6
        print(row([f"`{name}`", *[f"{cell:.2f}" for cell in cells], f"{peak:.0f}"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
