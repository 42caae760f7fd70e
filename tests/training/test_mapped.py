"""Rows in a memory-mapped file: the same numbers as from memory, without ever being in memory as a whole."""

import re
import subprocess
import sys
from time import sleep

import numpy as np
import pytest

import descenso as ds
from descenso.data.dataset import data_fingerprint
from descenso.data.file_rows import FileRows
from descenso.data.streams import said_of_waiting
from descenso.engines.base import Rows
from descenso.errors import DataError
from descenso.training.plan import ENGINES

SETTINGS = {"model": "softmax", "epochs": 2, "batch_size": 50, "learning_rate": 0.2}


@pytest.fixture
def mapped(tiny, tmp_path):
    """`tiny` with its training inputs in a file that is mapped read-only."""
    np.save(tmp_path / "inputs.npy", tiny.train.inputs)
    inputs = np.load(tmp_path / "inputs.npy", mmap_mode="r")
    return tiny._replace(train=tiny.train._replace(inputs=inputs))


@pytest.fixture
def in_parts(mapped):
    """`tiny`, its training inputs in parts of files, of which rows are read as they are asked for."""
    inputs = FileRows([mapped.train.inputs[:90], mapped.train.inputs[90:]])
    return mapped._replace(train=mapped.train._replace(inputs=inputs))


def test_rows_are_gathered_and_not_held(mapped, tiny):
    rows, numbers = Rows(mapped.train), np.array([[5, 0, 202], [7, 7, 1]], np.int32)
    assert not rows.in_memory
    for batch in (rows.batch(numbers), rows.arrays(numbers)):
        np.testing.assert_array_equal(batch.inputs, tiny.train.inputs[numbers])
        np.testing.assert_array_equal(batch.labels, tiny.train.labels[numbers])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_run_as_from_memory(engine, mapped, tiny, tmp_path):
    one, other = (ds.train(data, out=tmp_path / name, engine=engine, validation_size=20, **SETTINGS)
                  for name, data in (("mapped", mapped), ("memory", tiny)))  # fmt: skip
    assert one.history.costs == other.history.costs
    assert one.history.validation_costs == other.history.validation_costs
    assert one.status["fingerprint"] == other.status["fingerprint"]
    assert one.status["data"] == other.status["data"]
    assert other.status["waiting_share"] is None
    assert engine != "compiled" or 0 < one.status["waiting_share"] < 1


@pytest.mark.slow
def test_slow_files_are_named_as_the_bottleneck(mapped, tmp_path, monkeypatch):
    batch = Rows.batch
    monkeypatch.setattr(Rows, "batch", lambda rows, *given: sleep(0.05) or batch(rows, *given))
    run = ds.train(mapped, out=tmp_path / "run", **SETTINGS)
    assert run.summary()["waiting_share"] == run.status["waiting_share"] > 0.5
    assert re.search("75% of .*: reading is .*order[= ]'?blocks:1024x256", said_of_waiting(0.75, "blocks:256x1024"))
    assert re.search("2% of that time: arithmetic is the bottleneck", said_of_waiting(0.02, "permutation"))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_run_from_parts_of_files_stopped_within_an_epoch(engine, in_parts, tiny, tmp_path):
    settings = {**SETTINGS, "engine": engine, "order": "blocks:7x3", "validation_size": 0, "checkpoint_every": "1"}
    control = ds.Control()

    class Stop(ds.Callback):
        def on_chunk(self, progress, problem):
            if progress.position >= (1, 1):
                control.stop()

    whole = ds.train(tiny, out=tmp_path / "memory", **settings)
    part = ds.train(in_parts, out=tmp_path / "parts", callbacks=Stop(), control=control, **settings)
    assert part.outcome == "interrupted"
    part = ds.resume(part, data=in_parts)
    assert part.history.costs == whole.history.costs
    assert part.status["fingerprint"] == whole.status["fingerprint"]
    assert part.status["data"] == whole.status["data"]
    assert part.status["exact"]


@pytest.mark.parametrize("shape", [(5,), (4, 3)], ids=["table", "pictures"])
def test_scaled_by_chunks_as_by_numpy(shape, tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    X = (1000 + 3 * random.normal(size=(1000, *shape))).astype(np.float32)
    X[:, 0] = 7
    y = random.integers(2, size=1000)
    np.save(tmp_path / "X.npy", X)
    monkeypatch.setattr("descenso.data.dataset.CHUNK_BYTES", 999)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    found, expected = (ds.from_arrays(inputs, y, test=(X[:10], y[:10])) for inputs in (mapped, X.astype(np.float64)))
    assert not Rows(found.train).in_memory, "it has been copied"
    for mine, theirs in zip(found.scaling, expected.scaling, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_a_value_that_is_not_finite_is_found_in_its_chunk(tmp_path, monkeypatch):
    X = np.zeros((1000, 5), np.float32)
    X[777, 2] = np.nan
    np.save(tmp_path / "X.npy", X)
    monkeypatch.setattr("descenso.data.dataset.CHUNK_BYTES", 999)
    with pytest.raises(DataError, match="row 777 holds a value that is not finite"):
        ds.from_arrays(np.load(tmp_path / "X.npy", mmap_mode="r"), np.arange(1000) % 2, test=(X[:9], np.arange(9) % 2))


LARGE = """
import resource, sys
import numpy as np
import descenso as ds

def data_bytes():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData"))

folder, rows = sys.argv[1], 680_000  # of 784 bytes: 533 MB
X = np.lib.format.open_memmap(folder + "/X.npy", "w+", np.uint8, (rows, 28, 28))
y = (np.arange(rows) * 7919 % 10).astype(np.int32)
for first in range(0, rows, 10_000):
    part = y[first : first + 10_000]
    X[first : first + 10_000] = (np.arange(784).reshape(28, 28) * (part[:, None, None] + 3) % 251).astype(np.uint8)
X.flush()
X = np.load(folder + "/X.npy", mmap_mode="r")
settings = {"model": "softmax", "epochs": 1, "batch_size": 1000, "engine": "compiled"}
small = ds.from_arrays(X[:100_000].copy(), y[:100_000], test=(X[:1000].copy(), y[:1000]))
ds.train(small, out=folder + "/small", **settings)
del small
allowed = X.nbytes // 4
resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + allowed, resource.RLIM_INFINITY))
try:
    np.array(X)
    raise SystemExit("the limit does not hold")
except MemoryError:
    pass
data = ds.from_arrays(X, y, test=(X[:1000], y[:1000]))
run = ds.train(data, out=folder + "/run", validation_size=20_000, **settings)
print(run.outcome, run.test_accuracy, len(run.history.validation_costs))

from descenso.data import convert as converting
from descenso.data import file_rows, streams
file_rows.MOST_IN_MEMORY = streams.MOST_IN_MEMORY = allowed  # as if the file had more than 1 GB
np.save(folder + "/y.npy", y)
resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + allowed, resource.RLIM_INFINITY))
converting.PIECE_BYTES = allowed // 8
converting.convert(folder + "/X.npy", folder + "/rows")
for name in ("X.npy", "rows"):
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + allowed, resource.RLIM_INFINITY))
    run = ds.train(folder + "/" + name, out=folder + "/run-" + name, validation_size=20_000, **settings)
    assert run.config.order.startswith("blocks:"), run.config.order
    print(run.outcome, run.test_accuracy, len(run.history.validation_costs))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits what a process may hold as Linux counts it")
def test_a_file_four_times_as_large_as_the_memory_that_is_allowed(tmp_path):
    ended = subprocess.run([sys.executable, "-c", LARGE, tmp_path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:] + ended.stdout
    lines = [line.split() for line in ended.stdout.splitlines()]
    found = [(outcome, float(accuracy) > 0.9, validated) for outcome, accuracy, validated in lines]
    assert found == [("completed", True, "1")] * 3


def test_the_fingerprint_of_rows_is_that_of_memory(mapped, tiny):
    assert data_fingerprint(mapped) == data_fingerprint(tiny)
