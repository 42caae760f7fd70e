"""The command that `descenso port` writes gives the same costs as the script, on the same batches."""

import json
import shlex
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
import typer
from typer.testing import CliRunner

import scripts
from descenso.cli.train import train
from descenso.data.catalog import load
from descenso.data.order import epoch_order
from descenso.tf1.port import port

EPOCHS = 2


@pytest.fixture
def helper(monkeypatch):
    """Stand-in for the tutorials' helper, importable by its old name, with batches in descenso's order of seed 0."""
    data = load("mnist")
    images = data.train.inputs.reshape(-1, 784).astype(np.float32) * np.float32(1 / 255)
    labels = np.eye(10, dtype=np.float32)[data.train.labels]

    def batches(first, size):
        for epoch in range(EPOCHS):
            for rows in epoch_order("permutation", len(images) - first, size, seed=0, epoch=epoch):
                yield images[first + rows], labels[first + rows]

    def read_data_sets(folder, one_hot, validation_size=5000):
        walk = None

        def next_batch(size):
            nonlocal walk
            walk = walk or batches(validation_size, size)
            return next(walk)

        about = {"num_examples": 60000 - validation_size, "images": images[:100], "labels": labels[:100]}
        return types.SimpleNamespace(
            train=types.SimpleNamespace(next_batch=next_batch, **about), test=types.SimpleNamespace(**about)
        )

    for name in ("examples", "examples.tutorials", "examples.tutorials.mnist"):
        module = types.ModuleType(f"tensorflow.{name}")
        module.input_data = types.SimpleNamespace(read_data_sets=read_data_sets)
        monkeypatch.setitem(sys.modules, f"tensorflow.{name}", module)


def costs_of_command(command, folder):
    app = typer.Typer()
    app.command()(train)
    words = [*shlex.split(command)[2:], "--out", str(folder / "run"), "--json"]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)["costs"]


@pytest.mark.slow
def test_the_command_walks_the_path_of_the_script(helper, tmp_path):
    script = scripts.SOFTMAX.replace("epochs = 100", f"epochs = {EPOCHS}")
    (tmp_path / "script.py").write_text(script)
    (descent,) = port(tmp_path / "script.py").descents
    names = {}
    with tf.Graph().as_default():
        old = script.replace("import tensorflow as tf", "import tensorflow.compat.v1 as tf")
        exec(compile(old, "script.py", "exec"), names)  # noqa: S102 - our own script
    assert len(names["costs"]) == EPOCHS
    np.testing.assert_allclose(costs_of_command(shlex.join(descent.command), tmp_path), names["costs"], rtol=2e-6)
