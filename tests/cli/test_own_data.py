"""Users' data: few rows, text columns, files that change, incomplete folders."""

import subprocess
import sys
import warnings

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from PIL import Image

import descenso as ds
from descenso.api import inference as using
from descenso.errors import ConfigError, DataError
from descenso.runs.directory import open_directory, reopen
from shell import descenso

QUICK = {"model": "softmax", "engine": "eager", "epochs": 2}


def table(rows=40, seed=0):
    random = np.random.default_rng(seed)
    kind = random.integers(2, size=rows)
    return pl.DataFrame(
        {"id": [f"P{row:03}" for row in range(rows)], "height": kind + random.normal(0, 0.1, rows),
         "city": ["Málaga"] * rows, "kind": ["sí" if each else "no" for each in kind]}
    )  # fmt: skip


@pytest.mark.slow
def test_few_rows_learn_by_default(tmp_path):
    """With one batch per epoch, forty rows would take 100 steps in all, too few to learn from."""
    table(40).drop("id", "city").write_csv(tmp_path / "rows.csv")
    for model, epochs in (("mlp", 1000), ("softmax", 1000)):
        settings = {} if model == "mlp" else {"model": model}
        run = ds.train(tmp_path / "rows.csv", label="kind", test_fraction=0.25, out=tmp_path / model, **settings)
        assert (run.config.model, run.config.batch_size, run.config.epochs) == (model, 8, epochs)
        assert run.test_accuracy == 1
    with pytest.raises(ConfigError, match="batch_size must be at most the 30 training rows, got 100"):
        ds.train(tmp_path / "rows.csv", label="kind", test_fraction=0.25, batch_size=100, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_of_text_are_named_all_at_once_and_left_out_on_request(suffix, tmp_path):
    path = tmp_path / f"rows.{suffix}"
    getattr(table(), f"write_{suffix}")(path)
    settings = {"label": "kind", "test_fraction": 0.25, **QUICK}
    with pytest.raises(
        DataError, match=r"column 'id': 'P000' is no number; make it one, --drop id,city, or leave --num"
    ):
        ds.train(path, out=tmp_path / "run", numeric_only=True, **settings)
    with pytest.raises(ConfigError, match=r"there is no column 'town'; its columns are id, height"):
        ds.train(path, out=tmp_path / "run", drop="id,town", **settings)
    run = ds.train(path, out=tmp_path / "run", drop="id,city", **settings).path
    assert using.read_trained(run)[1].columns == ("height",)
    assert ds.evaluate(run)[1].inputs.shape == (10, 1)
    assert using.predict(run, [path]).probabilities.shape == (40, 2)


def test_missing_numbers_and_decimal_commas_are_reported(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,kind\n1,x\nNA,y\n")
    with pytest.raises(DataError, match=r"row 2, column 'a': no value; fill it in"):
        ds.load(str(path), label="kind", numeric_only=True)
    path.write_text("a;kind\n1,5;x\n2,5;y\n3,5;x\n2,5;y\n")
    assert "numbers have a decimal comma" in ds.load(str(path), label="kind").notes


def test_tabs_separate_too(tmp_path):
    table().drop("id", "city").write_csv(tmp_path / "rows.tsv", separator="\t")
    assert ds.load(str(tmp_path / "rows.tsv"), label="kind", test_fraction=0.25).columns == ("height",)


def test_a_separator_within_quotes_separates_nothing(tmp_path):
    (tmp_path / "rows.csv").write_text('"Length, in cm, of x";width;k\n1;2;a\n2;3;b\n3;1;a\n4;1;b\n')
    assert ds.load(str(tmp_path / "rows.csv"), label="k", test_fraction=0.5).columns == ("Length, in cm, of x", "width")


def test_truth_values_have_the_same_names_in_every_format(tmp_path):
    frame = table().select("height").with_columns(kind=pl.Series(np.arange(40) % 2 == 0))
    frame.write_parquet(tmp_path / "rows.parquet")
    frame.write_csv(tmp_path / "rows.csv")
    for name in ("rows.parquet", "rows.csv"):
        assert ds.load(str(tmp_path / name), label="kind", test_fraction=0.5).class_names == ("False", "True")
    assert ds.from_arrays(np.eye(4), np.array([True, False, True, False]), test_fraction=0.5).class_names == (
        "False", "True",
    )  # fmt: skip


@pytest.mark.parametrize(
    "labels", [np.array(list("abab"), object), np.array(list("abab"), "S"), pl.Series(list("abab"))]
)
def test_labels_of_text_of_any_kind(labels):
    assert ds.from_arrays(np.eye(4), labels, test_fraction=0.5).class_names == ("a", "b")


def test_rows_of_a_file_that_has_changed_are_not_taken_for_those_left_out(tmp_path):
    """A new split of the changed file would put training rows among the test rows."""
    path = tmp_path / "rows.csv"
    table().drop("id", "city").write_csv(path)
    run = ds.train(path, label="kind", test_fraction=0.25, out=tmp_path / "run", **QUICK).path
    ds.evaluate(run)
    table(60).drop("id", "city").write_csv(path)
    with pytest.raises(DataError, match=r"its data has changed, and test rows may be among its training rows; try"):
        ds.evaluate(run)
    assert len(ds.evaluate(run, path)[1].labels) == 60


def test_a_run_without_weights_says_what_to_do(tmp_path):
    data = ds.from_arrays(np.eye(8), np.arange(8) % 2, test_fraction=0.5)
    run = ds.train(data, out=tmp_path / "run", **QUICK).path
    (run / "model" / "weights.safetensors").unlink()
    directory = open_directory(run)
    for outcome, told in (
        ("killed", f"to go on: descenso resume {run}"),
        ("diverged", "again: descenso train --config"),
    ):
        directory.write("status.json", {"outcome": outcome, "epochs_done": 0})
        with pytest.raises(DataError, match=told):
            directory.weights()
    directory.write("status.json", {"outcome": "running", "epochs_done": 0})
    held = reopen(run)
    try:
        with pytest.raises(DataError, match="it is still being written"):
            open_directory(run).weights()
    finally:
        held.close()


def test_settings_of_reading_are_not_for_data_that_is_read(tmp_path):
    data = ds.from_arrays(np.eye(8), np.arange(8) % 2, test_fraction=0.5)
    for name, value in (("label", "kind"), ("drop", "a"), ("resize", "8x8"), ("test_fraction", 0.5)):
        with pytest.raises(ConfigError, match=f"{name}: the data is in memory already; leave {name} out"):
            ds.train(data, out=tmp_path / "run", **{name: value}, **QUICK)
    with pytest.raises(ConfigError, match=r"data must be .*, got float; try data=\(X, y\)"):
        ds.train(0.5, out=tmp_path / "run")


def test_a_dataset_is_told_in_a_line():
    data = ds.from_arrays(np.eye(8), np.arange(8) % 2, test_fraction=0.5)
    assert repr(data) == "<Dataset arrays: 4 + 4 rows of 8 float64, 2 classes>"


@pytest.mark.parametrize("kind", [">f4", ">f8"])
@pytest.mark.parametrize("engine", ["function", "compiled"])
def test_bytes_in_another_order(kind, engine, tmp_path):
    rows = ds.from_arrays(np.eye(8), np.arange(8) % 2, test_fraction=0.5)
    swapped = rows._replace(train=rows.train._replace(inputs=rows.train.inputs.astype(kind)))
    assert ds.train(swapped, engine=engine, epochs=1, out=tmp_path / "run").outcome == "completed"


def test_wide_rows_can_be_read_again(tmp_path):
    """The scaling has one number per column, too many for the header of a weights file."""
    random = np.random.default_rng(0)
    data = ds.from_arrays(random.normal(size=(40, 30_000)), np.arange(40) % 2, test_fraction=0.5)
    run = ds.train(data, model="softmax", epochs=1, engine="eager", out=tmp_path / "run")
    assert run.weights["W"].shape == (30_000, 2)
    np.testing.assert_array_equal(using.read_trained(run.path)[1].scaling.scale, data.scaling.scale)


def folder_of(root, *classes):
    for place, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (8, 8), 50 * place + number).save(root / name / f"{number}.png")
    return str(root)


def test_incomplete_folders(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="an empty folder; put images in it, a folder for each class"):
        ds.load(str(tmp_path / "empty"), test_fraction=0.5)
    with pytest.raises(DataError, match="one class only, a; give a folder for each of at least two"):
        ds.load(folder_of(tmp_path / "one", "a"), test_fraction=0.5)
    assert ds.load(folder_of(tmp_path / "half", "train/a", "train/b"), test_fraction=0.5).num_classes == 2
    with pytest.raises(DataError, match="it holds test, and no training rows; add .*train, or give .*test"):
        ds.load(folder_of(tmp_path / "tests", "test/a", "test/b"), test_fraction=0.5)


@pytest.mark.slow
def test_the_command_on_arrays_of_two_channels_and_on_pictures(tmp_path):
    """Two-channel images cannot be drawn and are not; dark images are dark on the sheet of examples."""
    np.savez(tmp_path / "two.npz", x=np.zeros((20, 8, 8, 2), np.uint8), y=np.arange(20) % 2)
    shown = descenso("data", "two.npz", "--test-fraction", 0.5, cwd=tmp_path)
    assert (shown.returncode, list(tmp_path.glob("*.png"))) == (0, [])
    folder_of(tmp_path / "photos", "a", "b")
    for picture in (tmp_path / "photos").rglob("*.png"):
        Image.new("L", (8, 8), 10).save(picture)
    assert descenso("data", "photos", "--test-fraction", 0.5, cwd=tmp_path).returncode == 0
    sheet = np.asarray(Image.open(tmp_path / "photos.png").convert("L"))
    assert (sheet < 30).mean() > 0.05
    assert descenso("data", "photos", "--test-fraction", 0.5, "--out", "a.pdf", cwd=tmp_path).returncode == 2


def test_words_and_names_that_are_long_keep_their_ends(tmp_path):
    from descenso.reports.pictures import predictions_figure

    names = [f"class_{place:02}_with_a_very_long_name_{place:02}" for place in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = predictions_figure(np.zeros((3, 8, 8), np.uint8), names)
    titles = [text.get_text() for text in figure.axes[0].texts]
    assert len(set(titles)) == 3
    assert max(map(len, titles)) <= 14


@pytest.mark.slow
def test_pictures_of_a_run_are_not_written_over_by_those_of_other_data(tmp_path):
    table().drop("id", "city").write_csv(tmp_path / "rows.csv")
    table(20, seed=1).drop("id", "city").write_csv(tmp_path / "other.csv")
    ds.train(tmp_path / "rows.csv", label="kind", test_fraction=0.25, out=tmp_path / "run", **QUICK)
    assert descenso("evaluate", "run", cwd=tmp_path).returncode == 0
    before = (tmp_path / "run" / "plots" / "confusion.png").read_bytes()
    assert descenso("evaluate", "run", "--data", "other.csv", cwd=tmp_path).returncode == 0
    assert (tmp_path / "run" / "plots" / "confusion.png").read_bytes() == before
    assert (tmp_path / "run" / "plots" / "confusion-other.png").exists()


DETERMINISTIC = """
import sys, tensorflow as tf, descenso as ds
from descenso.runs.directory import open_directory
run = ds.train(epochs=1, batch_size=1000, deterministic=True, out=sys.argv[1])
print(tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads())
try:
    tf.random.uniform([2])
except RuntimeError as error:
    print("refused")
"""


@pytest.mark.slow
def test_deterministic_takes_one_thread_and_refuses_what_has_no_seed(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", DETERMINISTIC, tmp_path / "run"], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["1", "1", "refused"]


def test_deterministic_after_the_start_of_tensorflow_is_refused(tmp_path):
    """Once TensorFlow has started, the setting is refused: no run is made, and random numbers still work."""
    tf.zeros([1])
    with pytest.raises(ConfigError, match="deterministic must be set before TensorFlow has started"):
        ds.train("mnist", epochs=1, deterministic=True, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert tf.random.uniform([2]).shape == 2
