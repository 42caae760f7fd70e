"""The public functions to train, open, inspect and evaluate a run."""

import base64
import html
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import descenso as ds
import oracle
from descenso import text
from descenso.data.dataset import Split
from descenso.data.order import epoch_order
from descenso.errors import ConfigError, DataError, DiskError
from descenso.files import read_settings
from descenso.training.control import Callback
from samples import tiny_dataset, write_folder

FAST = {"model": "softmax", "engine": "function", "epochs": 2, "batch_size": 50}


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    """A run that completed; to be read, not changed."""
    return ds.train(tiny, out=tmp_path_factory.mktemp("run") / "done", learning_rate=0.2, dtype="float64", **FAST)


@pytest.fixture(scope="module")
def diverged(tiny, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "diverged"
    return ds.train(tiny, out=out, loss="naive", learning_rate=1e6, **FAST)


def test_a_run_has_its_settings_and_results(run):
    assert run.outcome == "completed"
    assert (run.config.data, run.config.engine, run.config.batch_size) == ("tiny", "function", 50)
    assert len(run.history.costs) == 2
    assert run.history.costs[1] < run.history.costs[0]
    assert 0.9 < run.test_accuracy < 1


def test_weights_are_inputs_by_classes_and_the_oracles(run, tiny):
    zero = {"W": np.zeros((64, 4)), "b": np.zeros(4)}
    orders = [epoch_order("permutation", 203, 50, 0, epoch) for epoch in range(2)]
    truth = oracle.descend("softmax", "sgd", zero, *tiny.train[:2], orders, 0.2, 1 / 255)
    assert {name: value.shape for name, value in run.weights.items()} == {"W": (64, 4), "b": (4,)}
    for name, value in truth.params.items():
        np.testing.assert_allclose(run.weights[name], value, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_have_the_type_of_the_run(tiny, tmp_path, dtype):
    run = ds.train(tiny, out=tmp_path / "run", dtype=dtype, **FAST)
    assert {value.dtype.name for value in run.weights.values()} == {dtype}


def test_plot_draws_the_costs(run):
    [axes] = run.plot().axes
    [line] = axes.lines
    assert line.get_ydata().tolist() == run.history.costs
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("Training Loss", "Epoch #", "Loss")


def test_summary_is_what_json_prints(run):
    summary = run.summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    wanted = {"run", "engine", "dtype", "seed", "epochs", "costs", "test_accuracy", "compile_seconds",
              "train_seconds", "outcome"}  # fmt: skip
    assert wanted <= summary.keys()
    assert summary["costs"] == run.history.costs
    assert (summary["run"], summary["outcome"], summary["epochs"]) == (str(run.path), "completed", 2)
    assert summary["train_seconds"] == pytest.approx(sum(epoch.seconds for epoch in run.history.epochs))
    assert summary["compile_seconds"] > 0


def test_shows_itself_in_a_notebook(run):
    page = run._repr_html_()
    for shown in (run.path, run.outcome, f"{run.history.costs[-1]:.6f}", f"{run.test_accuracy:.4f}"):
        assert str(shown) in page
    [picture] = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).format == "PNG"


def test_shows_itself_in_spanish(run):
    text.use("es")
    assert "<th>resultado</th><td>completa</td>" in run._repr_html_()


def test_a_path_is_no_markup_in_a_notebook(tiny, tmp_path):
    run = ds.train(tiny, out=tmp_path / "<b>&bold", **FAST)
    page = run._repr_html_()
    assert html.escape("<b>&bold") in page
    assert "<b>" not in page


def test_repr_has_outcome_epochs_and_accuracy(run):
    assert repr(run) == f"<Run {run.path}: completed, 2/2 epochs, test accuracy {run.test_accuracy:.4f}>"


def test_repr_escapes_control_characters_of_the_name(run, tmp_path):
    path = shutil.copytree(run.path, tmp_path / "a\x1b[2J\n<Run b: completed>")
    assert repr(ds.open_run(path)).startswith(rf"<Run {tmp_path}/a\x1b[2J\n<Run b: completed>: completed, 2/2")


def test_a_run_opened_again_is_the_same(run):
    again = ds.open_run(str(run.path))
    assert again.summary() == run.summary()
    assert (again.config, again.history) == (run.config, run.history)
    np.testing.assert_array_equal(again.weights["W"], run.weights["W"])


def test_no_run_to_open(tmp_path):
    with pytest.raises(DataError, match=r"there is no run; `descenso runs` lists those there are$"):
        ds.open_run(tmp_path / "none")


def test_a_diverged_run_is_kept_without_weights(diverged):
    assert (diverged.outcome, diverged.test_accuracy) == ("diverged", None)
    assert diverged.status["diverged_at"] == [0, 1]
    assert diverged.summary()["costs"] == [None]
    assert "diverged" in diverged._repr_html_()
    with pytest.raises(
        DataError,
        match=r"no weights were kept \(outcome: diverged\); again: descenso train --config ",
    ):
        _ = diverged.weights


def test_evaluate_gives_the_accuracy_of_training(run, tiny):
    found, _rows = ds.evaluate(run.path, tiny)
    assert found.accuracy == run.test_accuracy
    assert found.confusion.sum(axis=1).tolist() == np.bincount(tiny.test.labels).tolist()


def test_evaluate_on_other_rows(run, tiny):
    logits = tiny.train.inputs.reshape(203, 64) / 255 @ run.weights["W"] + run.weights["b"]
    expected = np.mean(logits.argmax(axis=1) == tiny.train.labels)
    assert ds.evaluate(run.path, tiny._replace(test=tiny.train))[0].accuracy == pytest.approx(expected)


def test_evaluate_refuses_images_of_another_size(run, tiny):
    narrow = tiny._replace(test=tiny.test._replace(inputs=tiny.test.inputs[:, :, :7]))
    with pytest.raises(DataError, match=r"inputs of shape 8×7, expected 8×8; the model reads one size only$"):
        ds.evaluate(run.path, narrow)


def test_evaluate_finds_the_runs_own_data_from_anywhere(tiny, tmp_path, monkeypatch):
    write_folder(tmp_path / "here" / "digits", tiny)
    monkeypatch.chdir(tmp_path / "here")
    run = ds.train("digits", out="run", **FAST)
    monkeypatch.chdir(tmp_path)
    assert ds.evaluate("here/run")[0].accuracy == run.test_accuracy


def test_validation_rows_are_kept_back(tiny, tmp_path):
    """The first 20 rows are corrupted: training must not use them, and validation measures exactly these."""
    spoilt = tiny.train.inputs.copy(), tiny.train.labels.copy()
    spoilt[0][:20] = 255
    with_spoilt = tiny._replace(train=Split(*spoilt))
    without = tiny._replace(train=Split(tiny.train.inputs[20:], tiny.train.labels[20:]))
    run = ds.train(with_spoilt, out=tmp_path / "one", validation_size=20, **FAST)
    other = ds.train(without, out=tmp_path / "other", **FAST)
    assert run.history.costs == other.history.costs
    said = (np.full(64, 1.0) @ run.weights["W"] + run.weights["b"]).argmax()
    assert run.summary()["validation_accuracy"] == np.mean(tiny.train.labels[:20] == said)
    assert other.summary()["validation_accuracy"] is None


@pytest.mark.parametrize("engine", ["graph", "eager", "function", "compiled"])
def test_config_repeats_a_run_to_the_bit(tiny_folder, tmp_path, engine):
    first = ds.train(
        str(tiny_folder),
        model="softmax",
        out=tmp_path / "first",
        engine=engine,
        epochs=3,
        batch_size=20,
        order="buffer:30",
        seed=5,
    )
    again = ds.train(**read_settings(first.path / "config.json"), out=tmp_path / "again")
    assert again.config == first.config
    assert again.history.costs == first.history.costs, "seed 5"
    np.testing.assert_array_equal(again.weights["W"], first.weights["W"])


def test_another_seed_is_another_run(tiny, tmp_path, run):
    other = ds.train(tiny, out=tmp_path / "other", learning_rate=0.2, dtype="float64", seed=1, **FAST)
    assert other.history.costs != run.history.costs


def test_runs_without_a_name_are_numbered(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [ds.train(tiny, **{**FAST, "epochs": 1}).path for _ in range(2)]
    assert [str(path) for path in paths] == ["runs/tiny-softmax-001", "runs/tiny-softmax-002"]


def test_no_run_is_overwritten(run, tiny):
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"is not empty, and no run is ever overwritten; try out= with a new name$"):
        ds.train(tiny, out=run.path, **FAST)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint64"])
def test_labels_of_any_whole_type(run, tiny, tmp_path, dtype):
    other = tiny._replace(train=tiny.train._replace(labels=tiny.train.labels.astype(dtype)))
    again = ds.train(other, out=tmp_path / "run", learning_rate=0.2, dtype="float64", **FAST)
    assert again.history.costs == run.history.costs


WRONG_SETTINGS = [
    ({"data": "mnsit"}, ConfigError, "there is no dataset 'mnsit' (did you mean 'mnist'?)"),
    ({"rule": "sdg"}, ConfigError, "rule: there is no 'sdg' (did you mean 'sgd'?); try rule='sgd'"),
    ({"engine": "eagre"}, ConfigError, "(did you mean 'eager'?)"),
    ({"model": "softmaks"}, ConfigError, "(did you mean 'softmax'?)"),
    ({"learning_rate": 0}, ConfigError, "learning_rate must be a number in (0, inf), got 0"),
    ({"learning_rate": -0.1}, ConfigError, "learning_rate must be a number in (0, inf), got -0.1"),
    ({"learning_rate": float("nan")}, ConfigError, "learning_rate must be a number in (0, inf), got nan"),
    ({"learning_rate": float("inf")}, ConfigError, "learning_rate must be a number in (0, inf), got inf"),
    ({"epochs": 0}, ConfigError, "epochs must be a whole number in [1, inf), got 0"),
    ({"batch_size": 0}, ConfigError, "batch_size must be full, or a whole number in [1, training rows], got 0"),
    ({"batch_size": 204}, ConfigError, "batch_size must be at most the 203 training rows, got 204"),
    ({"batch_size": 200, "validation_size": 4}, ConfigError, "batch_size must be at most the 199 training rows"),
    ({"validation_size": 203}, ConfigError, "validation_size must leave training rows, got 203 of 203"),
    ({"order": "buffer:0"}, ConfigError, "order must be"),
    ({"seed": -1}, ConfigError, "seed must be"),
    ({"lerning_rate": 0.1}, ConfigError, "there is no setting 'lerning_rate' (did you mean 'learning_rate'?)"),
    ({"data": "nowhere/at/all"}, DataError, "nowhere/at/all: there is no such file or folder"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG_SETTINGS, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_writes_nothing(tiny, tmp_path, monkeypatch, wrong, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(message)):
        ds.train(**{"data": tiny, **wrong})
    assert list(tmp_path.iterdir()) == []


def broken(part, **change):
    data = tiny_dataset()
    return data._replace(**{part: getattr(data, part)._replace(**change)})


TINY = tiny_dataset()
WRONG_DATA = [
    (broken("train", labels=TINY.train.labels + 1), "tiny, training rows: row 5 has label 4, expected one in [0, 4)"),
    (broken("test", labels=TINY.test.labels - 9), "tiny, test rows: row 0 has label -"),
    (broken("train", labels=TINY.train.labels * 1.0), "labels of type float64 beside inputs of type uint8, expected"),
    (broken("train", labels=np.eye(4)[TINY.train.labels]), "if they are one-hot, give numpy.argmax(labels, axis=1)"),
    (broken("train", labels=TINY.train.labels[1:]), "203 rows of inputs and 202 labels"),
    (broken("test", inputs=TINY.test.inputs[:, 1:]), "inputs of shape 7×8, expected 8×8"),
    (broken("train", inputs=TINY.train.inputs[:0], labels=TINY.train.labels[:0]), "no rows; give at least one"),
]


@pytest.mark.parametrize(
    ("data", "message"), WRONG_DATA, ids=lambda value: value[:40] if isinstance(value, str) else ""
)
def test_wrong_data_writes_nothing(tmp_path, monkeypatch, data, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=re.escape(message)):
        ds.train(data, batch_size=1)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiskError, match=r"file/run: cannot be written \(Not a directory\)"):
        ds.train(tiny, out=tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "in the way"


def test_an_interrupted_training_says_so_in_its_run(tiny, tmp_path):
    class Interrupting(Callback):
        def on_epoch(self, epoch):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ds.train(tiny, out=tmp_path / "run", callbacks=[Interrupting()], **FAST)
    assert ds.open_run(tmp_path / "run").outcome == "interrupted"
