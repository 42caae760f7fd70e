"""A run that is interrupted at any point and resumed ends with the same bits as an uninterrupted run."""

import itertools
import os
import re
import time

import numpy as np
import pytest

import descenso as ds
from conformance.conformance_limits import GRID
from descenso.engines import compiled
from descenso.runs.directory import open_directory
from descenso.training import loop as chunks
from descenso.training.plan import ENGINES
from stopping import EVERY, FULL, WITH_REST, below, kept, position, resume_and_stop, start_and_stop

SETTINGS = {"model": "softmax", "epochs": 3, "learning_rate": 0.5, "seed": 7, "checkpoint_every": EVERY}
CHUNKS_PER_EPOCH = 3
on_every_engine = pytest.mark.parametrize("engine", ENGINES)


@pytest.mark.parametrize(("dtype", "batch_size"), [("float32", WITH_REST), ("float64", FULL)], ids=["rest", "full"])
@on_every_engine
def test_a_run_stopped_twice_ends_with_the_same_bits(engine, dtype, batch_size, tiny, tmp_path):
    """It is interrupted in its first epoch and again in a later one."""
    settings = {**SETTINGS, "engine": engine, "dtype": dtype, "batch_size": batch_size}
    ds.train(tiny, out=tmp_path / "whole", **settings)
    path = tmp_path / "stopped"
    start_and_stop(tiny, path, 1, **settings)
    assert position(path) == (0, 3), "seed 7"
    resume_and_stop(tiny, path, 3)
    assert position(path)[0] == 1, "seed 7"
    assert position(path)[1] > 0, "seed 7"
    assert ds.resume(path, data=tiny).outcome == "completed"
    assert kept(path) == kept(tmp_path / "whole"), "seed 7"
    assert kept(path)["status"]["exact"] is True


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@on_every_engine
def test_a_run_stopped_anywhere_ends_with_the_same_bits(engine, dtype, seed, tiny, tmp_path):
    random = np.random.default_rng([2026, seed])
    settings = {
        "engine": engine,
        "dtype": dtype,
        "seed": seed,
        "epochs": int(random.integers(2, 5)),
        "learning_rate": float(random.uniform(0.01, 1)),
        "batch_size": int(random.integers(6, 60)),
        "order": str(random.choice(["permutation", "sequential", "buffer:40"])),
        "checkpoint_every": str(random.integers(1, 30)),
    }
    ds.train(tiny, out=tmp_path / "whole", **settings)
    steps = settings["epochs"] * -(-203 // settings["batch_size"])
    path, every = tmp_path / "stopped", int(settings["checkpoint_every"])
    start_and_stop(tiny, path, int(random.integers(max(1, steps // every // 2))), **settings)
    resume_and_stop(tiny, path, 1)
    ds.resume(path, data=tiny)
    assert kept(path) == kept(tmp_path / "whole"), f"seed {seed}: {settings}"


def test_a_run_stopped_after_each_of_its_chunks_ends_with_the_same_bits(tiny, tmp_path):
    settings = {**SETTINGS, "engine": "graph", "batch_size": WITH_REST}
    ds.train(tiny, out=tmp_path / "whole", **settings)
    path = tmp_path / "stopped"
    start_and_stop(tiny, path, 1, **settings)
    stops = [position(path)]
    while stops[-1] < (2, 6):
        resume_and_stop(tiny, path, 1)
        stops.append(position(path))
    assert stops == sorted(set(stops)), "seed 7: some stop made no headway"
    assert len(stops) == 3 * CHUNKS_PER_EPOCH - 1
    ds.resume(path, data=tiny)
    assert kept(path) == kept(tmp_path / "whole"), "seed 7"


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "compiled"])
def test_an_extended_run_equals_a_longer_one(engine, tiny, tmp_path):
    settings = {**SETTINGS, "engine": engine, "batch_size": WITH_REST}
    ds.train(tiny, out=tmp_path / "longer", **{**settings, "epochs": 4})
    path = tmp_path / "extended"
    ds.train(tiny, out=path, **{**settings, "epochs": 1})
    assert len(ds.resume(path, data=tiny, epochs=3).history.epochs) == 3
    assert ds.resume(path, data=tiny, epochs=4).config.epochs == 4
    assert kept(path) == kept(tmp_path / "longer"), "seed 7"


def test_resuming_a_finished_run_changes_nothing(tiny, tmp_path):
    """Resuming it changes only its times and the order in which safetensors writes metadata."""
    path = tmp_path / "run"
    run = ds.train(tiny, out=path, **{**SETTINGS, "engine": "function", "batch_size": FULL})
    changing = ("status.json", "model/weights.safetensors")
    before, arrays = below(path), kept(path)
    again = ds.resume(path, data=tiny)
    after = below(path)
    assert {**after, **dict.fromkeys(changing)} == {**before, **dict.fromkeys(changing)}
    assert kept(path) == arrays
    assert re.fullmatch("[0-9a-f]{64}", run.status["fingerprint"])
    times = ("started_unix_seconds", "compile_seconds")
    assert {**again.status, **dict.fromkeys(times)} == {**run.status, **dict.fromkeys(times)}


def test_a_clock_that_jumps_changes_nothing(tiny, tmp_path, monkeypatch):
    """The clock jumps during training and between two sessions, so that the oldest checkpoint looks like the newest."""
    settings = {**SETTINGS, "engine": "function", "batch_size": FULL}
    ds.train(tiny, out=tmp_path / "whole", **settings)
    times = itertools.cycle([4e9, 0.0, 1.8e9, -1e9])
    monkeypatch.setattr(time, "time", lambda: next(times))
    path = tmp_path / "run"
    start_and_stop(tiny, path, 4, **settings)
    for age, folder in enumerate(sorted((path / "checkpoints").iterdir())):
        os.utime(folder, (4e9 - 1e9 * age,) * 2)
    ds.resume(path, data=tiny)
    assert kept(path) == kept(tmp_path / "whole"), "seed 7"


CUTS = {
    "one step a chunk": {"first_steps": 1, "chunk_seconds": 0.0},
    "two, then one epoch": {"first_steps": 2, "chunk_seconds": 1e9},
    "saved at each step": {"checkpoint_every": "1"},
    "saved at no step": {"checkpoint_every": "1000000"},
    "saved whenever possible": {"first_steps": 3, "chunk_seconds": 0.0, "checkpoint_every": "0.000000001s"},
    "blocks of two rows": {"block_bytes": 128},
    "blocks within chunks": {"first_steps": 5, "block_bytes": 4 * WITH_REST * 64},
}


@pytest.fixture(scope="module")
def uncut(tiny, tmp_path_factory):
    """Return a function that returns the results of a run on an engine, trained in chunks of a whole epoch."""
    found = {}

    def of(engine):
        if engine not in found:
            path = tmp_path_factory.mktemp("uncut") / engine
            ds.train(tiny, out=path, engine=engine, **{**SETTINGS, "batch_size": WITH_REST, "checkpoint_every": "1000"})
            found[engine] = kept(path)
        return found[engine]

    return of


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("engine", [*(pytest.param(e, marks=pytest.mark.slow) for e in ("graph", "eager")), "function"])
def test_cutting_an_epoch_into_other_chunks_changes_no_bit(engine, cut, uncut, tiny, tmp_path, monkeypatch):
    walk_in_chunks(engine, cut, uncut, tiny, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "cut", [pytest.param(cut, marks=[] if cut in ("one step a chunk", "blocks within chunks") else pytest.mark.slow)
            for cut in CUTS],
)  # fmt: skip
def test_cutting_a_compiled_epoch_into_other_chunks_changes_no_bit(cut, uncut, tiny, tmp_path, monkeypatch):
    walk_in_chunks("compiled", cut, uncut, tiny, tmp_path, monkeypatch)


def walk_in_chunks(engine, cut, uncut, data, folder, monkeypatch):
    expected, how = uncut(engine), CUTS[cut]
    monkeypatch.setattr(chunks, "FIRST_STEPS", how.get("first_steps", chunks.FIRST_STEPS))
    monkeypatch.setattr(chunks, "CHUNK_SECONDS", how.get("chunk_seconds", chunks.CHUNK_SECONDS))
    monkeypatch.setattr(compiled, "BLOCK_BYTES", how.get("block_bytes", compiled.BLOCK_BYTES))
    every = how.get("checkpoint_every", "1000")
    ds.train(
        data, out=folder / "cut", engine=engine, **{**SETTINGS, "batch_size": WITH_REST, "checkpoint_every": every}
    )
    assert kept(folder / "cut") == expected, f"seed 7: {how}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_resumed_on_other_engines_is_within_the_tolerance_and_marked_inexact(dtype, tiny, tmp_path):
    """Each chunk is computed by another engine."""
    settings = {**SETTINGS, "dtype": dtype, "batch_size": WITH_REST}
    expected = ds.train(tiny, out=tmp_path / "whole", engine="function", **settings)
    path = tmp_path / "moved"
    start_and_stop(tiny, path, 2, engine="function", **settings)
    assert "exact" not in open_directory(path).status or open_directory(path).status["exact"] is True
    resume_and_stop(tiny, path, 2, engine="eager")
    assert open_directory(path).status["exact"] is False
    resume_and_stop(tiny, path, 2, engine="graph")
    run = ds.resume(path, data=tiny, engine="compiled")
    assert (run.outcome, run.config.engine, run.status["exact"]) == ("completed", "compiled", False)
    pairs = [(np.array(run.history.costs), np.array(expected.history.costs))]
    pairs += [(run.weights[name], value) for name, value in expected.weights.items()]
    for found, wanted in pairs:
        assert np.abs(found - wanted).max() <= GRID[dtype] * np.abs(wanted).max(), "seed 7"
    assert ds.resume(path, data=tiny, engine="function").status["exact"] is False, "it cannot become exact again"
