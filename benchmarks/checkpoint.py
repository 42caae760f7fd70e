"""What checkpointing every epoch costs: the default run's epochs with it and without, interleaved.

python benchmarks/checkpoint.py --rounds 5
"""

import argparse
import statistics
import tempfile
from contextlib import closing
from pathlib import Path
from time import perf_counter

from descenso.config import TrainConfig
from descenso.data.catalog import load
from descenso.data.dataset import Dataset
from descenso.runs.directory import create
from descenso.session import circumstances
from descenso.training.journal import RunJournal
from descenso.training.loop import descend_all
from descenso.training.observer import Observer

EPOCH_STEPS = 600
CASES = {"none but first and last": "1000000", "every epoch": str(EPOCH_STEPS)}


def seconds(data: Dataset, every: str, epochs: int, folder: Path) -> float:
    """Wall seconds from the first step until the last checkpoint is on the disk, without compiling."""
    config = TrainConfig.of(checkpoint_every=every, epochs=epochs)
    with closing(create(config, {}, folder)) as directory:
        about = circumstances(config, data)
        then = perf_counter()
        with closing(RunJournal(directory, about)) as journal:
            descent = descend_all(config, data, Observer(lambda _: None, lambda _: None), journal)
        return perf_counter() - then - descent.compile_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    asked = parser.parse_args()
    data = load("mnist")
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as scratch:
        seconds(data, "1000000", 2, Path(scratch) / "warm-up")
        for turn in range(asked.rounds):
            order = list(CASES.items())
            for name, every in order if turn % 2 else reversed(order):
                taken[name].append(seconds(data, every, asked.epochs, Path(scratch) / f"{turn}-{every}"))
    print(f"| checkpoints, {asked.epochs} epochs | median s | min | max | to none |\n|---|---|---|---|---|")
    pairs = list(zip(*taken.values(), strict=True))
    ratios = {
        "none but first and last": 1.0,
        "every epoch": statistics.median(with_ / without for without, with_ in pairs),
    }
    for name, values in taken.items():
        print(
            f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} | {ratios[name]:.3f} |"
        )


if __name__ == "__main__":
    main()
