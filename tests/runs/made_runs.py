"""Run directories made without training."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np

from descenso.config import TrainConfig
from descenso.runs.directory import create
from descenso.runs.history import Epoch

CONFIG = TrainConfig.of(epochs=3, learning_rate=0.5, engine="eager", data="a ß folder")
ABOUT = {"python": "3", "cores": 2}
WEIGHTS = {"W": np.arange(12, dtype=np.float32).reshape(4, 3), "b": np.array([0.5, -1, np.pi])}


def snapshot(folder):
    """Return content and time of every file below `folder`, except the lock, which is touched when it is tried."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.name == ".lock" or path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def finished(path, outcome="completed"):
    """Make a run that has ended, and return its path."""
    run = create(CONFIG, ABOUT, path)
    run.append(Epoch(0, 1.5, 0.25))
    run.write_weights(WEIGHTS, {"model": "softmax"})
    run.write("status.json", {"outcome": outcome, "epochs_done": 1})
    run.close()
    return path


HOLDER = """
import sys
from descenso.config import TrainConfig
from descenso.runs.directory import create
from pathlib import Path
run = create(TrainConfig(), {}, Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(path):
    """Make the run at `path` in another process, which keeps its lock."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()
