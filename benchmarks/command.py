"""Measure commands of descenso as whole processes: wall time, processor time, peak memory.

    python benchmarks/command.py

The commands run by turns, each in an empty directory, without standard input and without a terminal. Times are
compared with that of TensorFlow's import in the same turn.
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
IMPORT = '`python -c "import tensorflow"`'

PICTURE = """
import sys
import descenso
from PIL import Image

Image.fromarray(descenso.load("mnist").test.inputs[0]).save(sys.argv[1])
"""


class Command(NamedTuple):
    """A command. Attributes: its arguments; the exit code that it must end with."""

    arguments: Sequence[str]
    exit_code: int = 0


class Use(NamedTuple):
    """Resources of a process. Attributes: wall and processor time in seconds; peak resident memory in bytes."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


def commands(folder: Path) -> dict[str, Command]:
    """Make two runs and a picture in `folder`, and the commands to measure."""
    for model in ("softmax", "mlp"):  # in other processes: a child's peak begins at the size of its parent
        run(Command([DESCENSO, "train", "--model", model, "--epochs", "1", "--out", str(folder / model)]))
    run(Command([sys.executable, "-c", PICTURE, str(folder / "digit.png")]))
    chosen = {
        "`descenso --help`": Command([DESCENSO, "--help"]),
        "`descenso train --learning-rate -1`, refused": Command([DESCENSO, "train", "--learning-rate", "-1"], 2),
        IMPORT: Command([sys.executable, "-c", "import tensorflow"]),
        "`descenso train`, 100 epochs": Command([DESCENSO, "train"]),
    }
    for model in ("softmax", "mlp"):
        predict = [DESCENSO, "predict", str(folder / model), str(folder / "digit.png")]
        chosen[f"`descenso predict`, one picture, {model}"] = Command(predict)
        chosen[f"`descenso evaluate`, 10,000 rows, {model}"] = Command([DESCENSO, "evaluate", str(folder / model)])
    return chosen


def run(command: Command) -> Use:
    """Run `command` in an empty directory."""
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as told:
        then = perf_counter()
        process = subprocess.Popen(command.arguments, cwd=empty, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        seconds = perf_counter() - then
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != command.exit_code:
            told.seek(0)
            output = told.read().decode(errors="replace")
            raise SystemExit(f"{command.arguments} ended with {process.returncode}:\n{output}")
    return Use(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * BYTES)


def measure(chosen: dict[str, Command], runs: int) -> dict[str, list[Use]]:
    """Run each command once unmeasured, for the file caches, and then `runs` times."""
    uses: dict[str, list[Use]] = {name: [] for name in chosen}
    for number in range(runs + 1):
        for name, command in chosen.items():
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
    with tempfile.TemporaryDirectory() as folder:
        uses = measure(commands(Path(folder)), given.runs)
    titles = ("whole process", "s, median", "min", "max", "× import, median", "processor s, median", "peak MB, max")
    print(*head, "", row(titles), row(["---", *["---:"] * 6]), sep="\n")
    imports = [use.seconds for use in uses[IMPORT]]
    for name, each in uses.items():
        seconds = [use.seconds for use in each]
        ratio = median(own / imported for own, imported in zip(seconds, imports, strict=True))
        cells = [median(seconds), min(seconds), max(seconds), ratio, median(use.processor_seconds for use in each)]
        peak = max(use.peak_bytes for use in each) / 1e6
        print(row([name, *[f"{cell:.2f}" for cell in cells], f"{peak:.0f}"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
