"""Measure the cost of a checkpoint after each epoch of the default run, written in a thread while training continues.

One training run, in alternating blocks of epochs with checkpoints and without. Each block is compared with its
neighbour, so that a machine that slows down slows down both; the first epoch of a block, in which the thread still
writes for the previous block, is not counted.

python benchmarks/checkpoint.py --pairs 200
"""

import argparse
import itertools
import math
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from descenso.config import TrainConfig
from descenso.data.catalog import load
from descenso.runs import checkpoints
from descenso.runs.directory import RunDirectory, create
from descenso.runs.history import Epoch
from descenso.training.checkpointing import Checkpointing
from descenso.training.loop import Progress, beginning, walk
from descenso.training.plan import Plan
from descenso.training.session import circumstances

EPOCH_STEPS = 600
BLOCK = 10  # epochs that count
WHOLE = "all of it, in the thread that writes"
PARTS = {  # of a checkpoint
    "handing it over, while training stands still": (Checkpointing, "commit"),
    WHOLE: (Checkpointing, "_write"),
    "— syncing the history": (RunDirectory, "sync_history"),
    "— the state as safetensors": (checkpoints, "save"),
    "— the manifest and its SHA-256": (checkpoints, "_sealed"),
    "— writing both files in a folder, and syncing each": (checkpoints, "write_folder"),
    "— removing the oldest": (checkpoints, "_rotate"),
    "—— of which verifying the one before": (checkpoints, "_verifies"),
    "syncs, wherever": (os, "fsync"),
}


class Switched:
    """Checkpointing in some blocks only; records when each epoch ended."""

    def __init__(self, checkpointing: Checkpointing) -> None:
        self._checkpointing = checkpointing
        self.ended: list[float] = []
        self.waited = defaultdict[bool, float](float)

    def append(self, record: Epoch) -> None:
        began = perf_counter()
        self._checkpointing.append(record)
        self.waited[keeps(record.epoch)] += perf_counter() - began

    def commit(self, progress: Progress) -> None:
        number = progress.position.epoch - 1
        began = perf_counter()
        if number < 0 or keeps(number):
            self._checkpointing.commit(progress)
        self.ended.append(perf_counter())
        self.waited[keeps(number)] += self.ended[-1] - began


def keeps(epoch: int) -> bool:
    """Whether the block of `epoch` has checkpoints: the 1st, 4th, 5th, 8th, …, so that drift cancels."""
    return epoch // (BLOCK + 1) % 4 in (0, 3)


def timed(owner: Any, name: str, taken: list[float]) -> None:
    """Record how long each call of `owner.name` takes."""
    real: Callable[..., Any] = getattr(owner, name)

    @wraps(real)
    def call(*given: Any) -> Any:
        began = perf_counter()
        try:
            return real(*given)
        finally:
            taken.append(perf_counter() - began)

    setattr(owner, name, call)


def train(pairs: int, folder: Path) -> Switched:
    """Train for so many pairs of blocks, as `descenso.training.session` does."""
    config = TrainConfig.of(checkpoint_every=str(EPOCH_STEPS), epochs=2 * pairs * (BLOCK + 1))
    data = load("mnist")
    plan = Plan.of(config, data)
    with (
        closing(create(config, {}, folder)) as directory,
        closing(Checkpointing(directory, plan, circumstances(config, data))) as checkpointing,
        closing(plan.bind()) as runner,
    ):
        switched = Switched(checkpointing)
        switched.commit(beginning(plan))
        for progress in walk(plan, runner):
            if progress.ended:
                switched.append(progress.ended)
            if progress.outcome or checkpointing.is_due(progress):
                switched.commit(progress)
    return switched


def ratios(ended: list[float]) -> tuple[list[float], list[float]]:
    """Return the ratio of seconds of an epoch with checkpoints to one without, per pair of blocks; and the latter."""
    seconds = [after - before for before, after in itertools.pairwise(ended)]
    blocks = [seconds[first + 1 : first + 1 + BLOCK] for first in range(0, len(seconds), BLOCK + 1)]
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    pairs = [pair[:: 1 if keeps(2 * number * (BLOCK + 1)) else -1] for number, pair in enumerate(pairs)]
    return [sum(kept) / sum(bare) for kept, bare in pairs], [sum(bare) / BLOCK for _kept, bare in pairs]


def tell(parts: dict[str, list[float]]) -> None:
    """Print the table of the parts of a checkpoint."""
    print("| of a checkpoint | ms, median | max |\n|---|---:|---:|")
    for label, taken in parts.items():
        each = max(1, round(len(taken) / len(parts[WHOLE])))
        times = f", {each} of them" if each > 1 else ""
        print(f"| {label}{times} | {1000 * each * median(taken):.2f} | {1000 * max(taken):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=200)
    asked = parser.parse_args()
    parts: dict[str, list[float]] = {label: [] for label in PARTS}
    for label, (owner, name) in PARTS.items():
        timed(owner, name, parts[label])
    with tempfile.TemporaryDirectory() as scratch:
        switched = train(asked.pairs, Path(scratch) / "run")
    found, bare = ratios(switched.ended)
    found.sort()
    away = round(0.98 * math.sqrt(len(found)))  # 95 of 100 such intervals hold the true median
    low, high = found[max(0, len(found) // 2 - away)], found[min(len(found) - 1, len(found) // 2 + away)]
    waited = (switched.waited[True] - switched.waited[False]) / asked.pairs / (BLOCK + 1)
    print(f"an epoch without checkpoints: {1000 * median(bare):.2f} ms, median of {len(bare)} blocks of {BLOCK}")
    print(f"with one after each epoch: × {median(found):.4f} (95 %: {low:.4f} to {high:.4f})")
    print(f"of which training waited: {1000 * waited:.3f} ms an epoch, {waited / median(bare):.2%}\n")
    tell(parts)


if __name__ == "__main__":
    main()
