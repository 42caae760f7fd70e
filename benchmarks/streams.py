"""Measure training on rows that no memory holds: memory, throughput, seeking, and the size of a checkpoint's position.

Run: python benchmarks/streams.py [FOLDER] [--rows 5300000] [--table-rows 12000000]

It writes `X.npy`, images of 28×28 pixels in uint8, and `y.npy` into a folder in FOLDER, 4.2 GB by default, trains mlp
on them in processes of their own, and removes them. A slice that fits into memory is trained on in memory and from
files, with the pages of the files in the system's cache and not (Linux). Then a table of numbers and text, as CSV and
as Parquet, is converted in processes of their own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

SLICE = 1_000_000  # rows that are also trained on in memory
BATCH, ROUNDS = 100, 3
CHILD = """
import json, sys
import descenso as ds
folder, order, out = sys.argv[1:]
run = ds.train(folder, model="mlp", epochs=1, batch_size=100, order=order, out=out, progress=False)
accuracy = run.evaluate().accuracy
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({**run.status, "again": accuracy, "peak": peak / 2**20}))
"""


CONVERT = """
import json, sys
from descenso.data.convert import convert
convert(*sys.argv[1:], label="kind")
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 2**20)
"""


def write(folder: Path, rows: int) -> None:
    """Write images of ten classes, each a pattern with noise."""
    random = np.random.default_rng(0)
    patterns = random.integers(60, 200, size=(10, 28, 28))
    folder.mkdir(parents=True)
    labels = random.integers(10, size=rows).astype(np.int32)
    np.save(folder / "y.npy", labels)
    images = np.lib.format.open_memmap(folder / "X.npy", "w+", np.uint8, (rows, 28, 28))
    for first in range(0, rows, 50_000):
        some = labels[first : first + 50_000]
        noise = random.integers(-60, 56, size=(len(some), 28, 28), dtype=np.int8)
        images[first : first + 50_000] = patterns[some] + noise
    images.flush()


def forget(folder: Path) -> None:
    """Ask the system to drop the pages of all files in a folder from its cache."""
    for path in folder.rglob("*.npy"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def train(data: Path, order: str, out: Path) -> dict[str, float]:
    """Train for an epoch in a process of its own, and evaluate; return the status, and the peak memory in GB."""
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([sys.executable, "-c", CHILD, str(data), order, str(out)], stdout=subprocess.PIPE, check=True)
    status: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return status


def seek(folder: Path) -> tuple[float, float]:
    """Return the longest and the median time, in ms, to the first batch at a grid of positions."""
    import descenso as ds
    from descenso.config import TrainConfig
    from descenso.data.checks import check_fit
    from descenso.engines.base import Rows
    from descenso.training.plan import Plan

    data = ds.load(str(folder))
    config = check_fit(data, TrainConfig.of(data=str(folder), model="mlp", batch_size=BATCH), {"batch_size"})
    plan = Plan.of(config, data)
    rows, times = Rows(plan.train), list[float]()
    for position in np.linspace(0, plan.steps_per_epoch - 1, 41).astype(int).tolist():
        then = perf_counter()
        rows.batch(next(iter(plan.steps(3)(position, position + 1))))
        times.append(1000 * (perf_counter() - then))
    return max(times), float(np.median(times))


def convert_tables(folder: Path, rows: int) -> None:
    """Convert a table, as CSV and as Parquet; print the time and the peak of the memory."""
    import polars as pl

    random = np.random.default_rng(0)
    towns, kinds = (np.array([f"{word} {place:02}" for place in range(count)])
                    for word, count in (("town number", 40), ("kind", 3)))  # fmt: skip
    frame = pl.DataFrame({"x": random.normal(size=rows).round(4), "y": random.normal(size=rows).round(2),
                          "n": random.integers(1000, size=rows), "town": towns[random.integers(40, size=rows)],
                          "price": random.random(rows).round(2), "user": random.integers(10**9, size=rows),
                          "kind": kinds[random.integers(3, size=rows)]})  # fmt: skip
    frame = frame.with_columns(pl.format("{} €", "price").alias("price"), pl.format("user-{}", "user").alias("user"))
    paths = folder / "table.csv", folder / "table.parquet"
    frame.write_csv(paths[0])
    frame.write_parquet(paths[1])
    del frame
    for path in paths:
        then = perf_counter()
        done = subprocess.run([sys.executable, "-c", CONVERT, path, f"{path}-rows"], stdout=subprocess.PIPE, check=True)
        print(f"convert {path.name}, {rows} rows, {path.stat().st_size / 1e9:.2f} GB: {perf_counter() - then:.0f} s, "
              f"peak {float(done.stdout):.2f} GB", flush=True)  # fmt: skip


def measure(folder: Path, rows: int) -> None:
    """Print all figures of images."""
    large, small, shards, out = (folder / name for name in ("large", "small", "small-rows", "run"))
    write(large, rows)
    write(small, SLICE)
    then = perf_counter()
    subprocess.run([sys.executable, "-m", "descenso", "data", "convert", str(small), str(shards)], check=True)
    print(f"convert {SLICE} rows: {perf_counter() - then:.1f} s")
    for cached in (True, False):
        found: dict[Path, list[dict[str, float]]] = {small: [], shards: [], large: []}
        for data in [small, shards] * ROUNDS + [large]:  # in turn, since other programs take their share of a machine
            if not cached:
                forget(data)
            found[data].append(train(data, "blocks:256x1024", out))
        for data, runs in found.items():
            best = min(runs, key=lambda status: status["train_seconds"])
            speed = (rows if data == large else SLICE) * 0.8 / best["train_seconds"]
            share, cache = best["waiting_share"], "cached" if cached else "not cached"
            waited = "" if share is None else f", waited {share:.1%} of the time"
            print(f"{data.name}, {cache}: {speed:.0f} rows/s, peak {max(one['peak'] for one in runs):.2f} GB, "
                  f"accuracy {best['test_accuracy']:.3f}{waited}", flush=True)  # fmt: skip
    manifest = max((out / "checkpoints").iterdir()) / "manifest.json"
    print(f"manifest of a checkpoint, its position among the settings: {manifest.stat().st_size} bytes")
    print("seek, cached: longest {:.1f} ms, median {:.1f} ms".format(*seek(large)))
    forget(large)
    print("seek, not cached: longest {:.1f} ms, median {:.1f} ms".format(*seek(large)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, default=5_300_000)
    parser.add_argument("--table-rows", type=int, default=12_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        measure(Path(made), given.rows)
        convert_tables(Path(made), given.table_rows)
