"""Checkpoints of schema 1, which hold no learning rate, can be resumed; those of schema 2 need one."""

import shutil

import pytest

import descenso as ds
from descenso.errors import CheckpointError
from descenso.runs import checkpoints
from descenso.runs.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from stopping import WITH_REST, below, kept, position, start_and_stop

SETTINGS = {
    "engine": "function", "epochs": 3, "learning_rate": 0.3, "rule": "momentum", "seed": 7, "checkpoint_every": "4",
    "batch_size": WITH_REST, "model": "softmax",
}  # fmt: skip
OF_THE_MANIFEST = ("schema", "files", "epoch", "step")  # entries that `write_checkpoint` adds itself


@pytest.fixture(scope="module")
def original(tiny, tmp_path_factory):
    """A run interrupted at step 3 of nine of its second epoch."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    start_and_stop(tiny, path, 4, **SETTINGS)
    assert position(path) == (1, 3)
    return path


def write_without_rate(run, schema, monkeypatch):
    """Rewrite each checkpoint of `run` with schema number `schema` and without the learning rate."""
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "SCHEMA", schema)
        for path in sorted((run / "checkpoints").iterdir()):
            found = read_checkpoint(path)
            arrays = {name: array for name, array in found.arrays.items() if name != "rate"}
            assert len(arrays) == len(found.arrays) - 1
            about = {name: value for name, value in found.about.items() if name not in OF_THE_MANIFEST}
            shutil.rmtree(path)
            assert write_checkpoint(path.parent, Checkpoint(found.position, arrays, about)) == path
            assert read_checkpoint(path).about["schema"] == schema


def test_form_1_is_resumed_to_the_same_bits(stopped, tiny, tmp_path, monkeypatch):
    ds.train(tiny, out=tmp_path / "whole", **SETTINGS)
    write_without_rate(stopped, 1, monkeypatch)
    run = ds.resume(stopped, data=tiny)
    assert (run.outcome, run.status["exact"]) == ("completed", True)
    assert kept(stopped) == kept(tmp_path / "whole"), "seed 7"
    assert checkpoints.newest(stopped / "checkpoints")[0].arrays["rate"] == 0.3


def test_form_2_without_a_learning_rate_is_refused(stopped, tiny, monkeypatch):
    write_without_rate(stopped, 2, monkeypatch)
    before = below(stopped)
    with pytest.raises(CheckpointError, match=r"^the checkpoint holds none of them, the run needs rate float64 \(\)$"):
        ds.resume(stopped, data=tiny)
    assert below(stopped) == before
