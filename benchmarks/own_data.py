"""Measure work on users' data: a table of a million rows from file to model, 10,000 images from files to classes.

python benchmarks/own_data.py
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl
from PIL import Image

import descenso as ds
from _report import heading, row
from command import DESCENSO, run
from descenso.api import inference as using

__all__ = ["main"]

ROWS, COLUMNS, CLASSES = 1_000_000, 20, 4


def table(folder: Path) -> Path:
    """Write a CSV file whose columns depend on the label."""
    random = np.random.default_rng(0)
    kind = random.integers(CLASSES, size=ROWS)
    leaning = 0.5 * (kind[:, None] == np.arange(COLUMNS) % CLASSES)
    inputs = random.normal(size=(ROWS, COLUMNS)) + leaning
    path = folder / "rows.csv"
    pl.DataFrame({f"c{place}": column for place, column in enumerate(inputs.T)} | {"kind": kind}).write_csv(path)
    return path


def pictures(folder: Path) -> tuple[list[Path], Path]:
    """Write MNIST's test images as PNG files, and as one NPZ file."""
    inputs = ds.load("mnist").test.inputs
    files = [folder / f"{number:05d}.png" for number in range(len(inputs))]
    for image, path in zip(inputs, files, strict=True):
        Image.fromarray(image).save(path)
    np.savez(folder / "images.npz", x=inputs)
    return files, folder / "images.npz"


def predicted(model: Path, files: Sequence[Path]) -> float:
    """Measure the seconds of a prediction, with TensorFlow imported."""
    then = perf_counter()
    using.predict(model, files)
    return perf_counter() - then


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement [default: 3]")
    given = parser.parse_args(arguments)
    head = heading(["python", "benchmarks/own_data.py", *arguments])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        csv = table(folder)
        settings = ["--label", "kind", "--test-fraction", "0.1", "--epochs", "1"]
        uses = [run([DESCENSO, "train", str(csv), *settings]) for _ in range(given.runs)]
        files, archive = pictures(folder)
        model = ds.train("mnist", epochs=1, out=folder / "run").path
        predicted(model, files[:1])  # not measured, for what is computed only once
        times = {name: [predicted(model, each) for _ in range(given.runs)]
                 for name, each in (("PNG files", files), ("one NPZ file", [archive]))}  # fmt: skip
    print(*head, "", row(("what", "s, min", "max", "peak MB, max")), row(["---", *["---:"] * 3]), sep="\n")
    seconds = [use.seconds for use in uses]
    label = f"`descenso train`, one epoch of a CSV file, {ROWS} × {COLUMNS}"
    peak = max(use.peak_bytes for use in uses) / 1e6
    print(row([label, f"{min(seconds):.2f}", f"{max(seconds):.2f}", f"{peak:.0f}"]))
    for name, each in times.items():
        print(row([f"predicting 10,000 images, {name}, after the import", f"{min(each):.2f}", f"{max(each):.2f}", ""]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
