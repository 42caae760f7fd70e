"""What is written of a training run for TensorBoard, read back by TensorBoard's own reader."""

import io
import sys
from math import cos, pi

import numpy as np
import pytest
import tensorflow as tf
import typer
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util
from typer.testing import CliRunner

import descenso as ds
from descenso.cli.train import resume, train
from descenso.errors import ConfigError, DiskError
from descenso.files import write_file
from descenso.training.plan import ENGINES

SETTINGS = {"model": "softmax", "epochs": 3, "batch_size": 50, "learning_rate": 0.2, "engine": "function"}


class Shown:
    """The events in a folder, by tag."""

    def __init__(self, folder):
        self._events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
        self.tags = set(self._events.Tags()["tensors"])

    def __getitem__(self, tag):
        return {event.step: tensor_util.make_ndarray(event.tensor_proto) for event in self._events.Tensors(tag)}

    def scalars(self, tag):
        return {step: float(value) for step, value in self[tag].items()}

    def settings(self):
        content = self._events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        given = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        return {name: getattr(value, value.WhichOneof("kind")) for name, value in given.items()}


@pytest.fixture(scope="module")
def shown(tiny, tmp_path_factory):
    """A softmax run with validation, and the events written for TensorBoard."""
    folder = tmp_path_factory.mktemp("shown")
    given = {"schedule": "cosine", "validation_size": 53, **SETTINGS}
    run = ds.train(tiny, out=folder / "run", tensorboard=folder / "board", **given)
    return run, Shown(folder / "board" / "run")


def test_costs_and_accuracies(shown):
    run, board = shown
    assert board.scalars("cost/training") == pytest.approx(dict(enumerate(run.history.costs)))
    assert board.scalars("cost/validation") == pytest.approx(dict(enumerate(run.history.validation_costs)))
    accuracies = [epoch.validation_accuracy for epoch in run.history.epochs]
    assert board.scalars("accuracy/validation") == pytest.approx(dict(enumerate(accuracies)))
    assert board.scalars("accuracy/test") == pytest.approx({2: run.test_accuracy})
    assert board.scalars("cost/test") == pytest.approx({2: run.status["test_cost"]})


def test_the_rate_is_that_of_an_epochs_last_step(shown):
    steps = [2, 5, 8]  # of 9, three per epoch
    wanted = {epoch: 0.2 * (1 + cos(pi * step / 9)) / 2 for epoch, step in enumerate(steps)}
    assert shown[1].scalars("learning_rate") == pytest.approx(wanted)


def test_histograms_hold_every_weight(shown):
    run, board = shown
    for name, value in run.weights.items():
        buckets = board[name]
        assert list(buckets) == [0, 1, 2]
        left, right, count = buckets[2].T
        assert count.sum() == value.size
        assert (left[0], right[-1]) == pytest.approx((value.min(), value.max()))


def test_templates_are_red_where_a_weight_is_positive(shown):
    run, board = shown
    _width, _height, *pictures = board["templates"][2]
    assert len(pictures) == 4
    limit = np.abs(run.weights["W"]).max()
    for label, picture in enumerate(pictures):
        pixels = np.asarray(Image.open(io.BytesIO(picture))).astype(int)
        assert pixels.shape == (8, 8, 3)
        weights = run.weights["W"][:, label].reshape(8, 8) / limit
        red = pixels[..., 0] - pixels[..., 2]
        assert (red[weights > 0.2] > 0).all()
        assert (red[weights < -0.2] < 0).all()


def test_settings(shown):
    run, board = shown
    assert board.settings() == run.config.model_dump()


def test_no_number_changes(shown, tiny, tmp_path):
    run, _board = shown
    without = ds.train(tiny, out=tmp_path / "run", schedule="cosine", validation_size=53, **SETTINGS)
    assert without.status["fingerprint"] == run.status["fingerprint"]
    assert without.history.costs == run.history.costs
    assert without.config == run.config
    assert (without.path / "config.json").read_bytes() == (run.path / "config.json").read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine(tiny, tmp_path, engine):
    given = {**SETTINGS, "engine": engine, "epochs": 2}
    run = ds.train(tiny, out=tmp_path / "run", tensorboard=tmp_path / "board", **given)
    board = Shown(tmp_path / "board" / "run")
    assert board.scalars("cost/training") == pytest.approx(dict(enumerate(run.history.costs)))
    assert list(board["W"]) == list(board["templates"]) == [0, 1]


def test_layers_have_histograms_by_their_names(tiny, tmp_path):
    given = {**SETTINGS, "model": "mlp", "hidden": "5", "epochs": 1}
    run = ds.train(tiny, out=tmp_path / "run", tensorboard=tmp_path, **given)
    board = Shown(tmp_path / "run")
    assert {tag for tag in board.tags if tag.startswith("dense")} == set(run.weights)
    assert "templates" not in board.tags
    assert "accuracy/validation" not in board.tags


def test_a_resumed_run_adds_to_its_events(tiny, tmp_path):
    whole = ds.train(tiny, out=tmp_path / "whole", **{**SETTINGS, "epochs": 4})
    ds.train(tiny, out=tmp_path / "run", tensorboard=tmp_path / "board", **{**SETTINGS, "epochs": 2})
    ds.resume(tmp_path / "run", data=tiny, epochs=4, tensorboard=tmp_path / "board")
    board = Shown(tmp_path / "board" / "run")
    assert board.scalars("cost/training") == pytest.approx(dict(enumerate(whole.history.costs)))
    assert list(board["W"]) == [0, 1, 2, 3]
    assert board.scalars("accuracy/test")[3] == pytest.approx(whole.test_accuracy)


def test_a_run_that_diverges_in_its_first_epoch_has_settings_only(tiny, tmp_path):
    given = {**SETTINGS, "loss": "naive", "learning_rate": 1e6}
    run = ds.train(tiny, out=tmp_path / "run", tensorboard=tmp_path / "board", **given)
    assert run.outcome == "diverged"
    assert Shown(tmp_path / "board" / "run").tags == {"_hparams_/session_start_info"}


def test_without_tensorboard_installed(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(
        ConfigError, match=r"^tensorboard: it is not installed; try pip install 'descenso\[tensorboard\]'$"
    ):
        ds.train(tiny, out=tmp_path / "run", tensorboard=tmp_path / "board", **SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tiny, tmp_path):
    write_file(tmp_path / "board", b"a file")
    with pytest.raises(
        DiskError, match=r"board/run: TensorBoard's events cannot be written \(Not a directory\); try --tens"
    ):
        ds.train(tiny, out=tmp_path / "run", tensorboard=tmp_path / "board", **SETTINGS)
    assert ds.open_run(tmp_path / "run").outcome == "interrupted"


def test_events_that_cannot_be_written(tiny, tmp_path, monkeypatch):
    def full(*_arguments, **_named):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr("tensorflow.summary.scalar", full)
    message = (
        r"board/run: TensorBoard's events cannot be written \(No space left on device\); try --tensorboard elsewhere$"
    )
    with pytest.raises(DiskError, match=message):
        ds.train(tiny, out=tmp_path / "run", tensorboard=tmp_path / "board", **SETTINGS)
    assert ds.open_run(tmp_path / "run").outcome == "interrupted"


def test_the_commands_take_a_folder(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command("train")(train)
    app.command("resume")(resume)

    def run(*words):
        ended = CliRunner().invoke(app, [str(word) for word in words])
        assert ended.exit_code == 0, ended.output

    given = ("-m", "softmax", "-e", 1, "-b", 50, "--engine", "function")
    run("train", tiny_folder, *given, "--out", "first", "--tensorboard", "board")
    assert list(Shown("board/first")["cost/training"]) == [0]
    run("resume", "first", "-e", 2, "--tensorboard", "board")
    assert list(Shown("board/first")["cost/training"]) == [0, 1]
