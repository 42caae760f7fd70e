"""Parquet files with an image column, as Hugging Face's datasets write them."""

import io
import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

import descenso as ds
from descenso.api import inference
from descenso.data.formats.parquet import read
from descenso.data.sources import Limits, Request
from descenso.errors import ConfigError, DataError
from idx_files import beyond

X, Y = np.random.default_rng(0).integers(256, size=(40, 6, 5), dtype=np.uint8), np.arange(40) % 4
NAMES = ["ape", "bat", "cat", "dog"]
FEATURES = {"info": {"features": {"label": {"names": NAMES, "_type": "ClassLabel"}}}}


def packed(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def write(path, pictures=X, labels=Y, column="image", names=None, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"bytes": packed(each), "path": f"{row}.png"} for row, each in enumerate(pictures)]
    metadata = {"huggingface": json.dumps(names)} if names else None
    pl.DataFrame({column: cells, "label": labels, **more}).write_parquet(path, metadata=metadata)


def assert_split(data, train=slice(30), test=slice(30, 40)):
    np.testing.assert_array_equal(data.train.inputs, X[train])
    np.testing.assert_array_equal(data.train.labels, Y[train])
    np.testing.assert_array_equal(data.test.inputs, X[test])
    np.testing.assert_array_equal(data.test.labels, Y[test])


LAYOUTS = {
    "shards": ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-00000-of-00001.parquet"),
    "with digests": (
        "data/train-00000-of-00002-0a1b2c.parquet",
        "data/train-00001-of-00002-ffee99.parquet",
        "data/test-00000-of-00001-77aa.parquet",
    ),
    "converted": ("train/0000.parquet", "train/0001.parquet", "test/0000.parquet"),
    "plain": ("train/a.parquet", "train/b.parquet", "test.parquet"),
}


@pytest.mark.parametrize("names", LAYOUTS.values(), ids=LAYOUTS)
def test_files_of_a_dataset_in_a_folder(names, tmp_path):
    for name, rows in zip(names, (slice(20), slice(20, 30), slice(30, 40)), strict=True):
        write(tmp_path / name, X[rows], Y[rows])
    (tmp_path / "README.md").write_text("about")
    data = ds.load(str(tmp_path))
    assert_split(data)
    assert ("read as one" in " ".join(data.notes)) == ("a." in names[0])
    if "of" in names[0]:
        for name in names:
            assert_split(ds.load(str(tmp_path / name)))


def test_rows_to_validate_on(tmp_path):
    for name, rows in (("train", slice(20)), ("validation", slice(20, 30)), ("test", slice(30, 40))):
        write(tmp_path / f"{name}-00000-of-00001.parquet", X[rows], Y[rows])
    data = ds.load(str(tmp_path))
    assert data.validation == 10
    np.testing.assert_array_equal(data.train.labels, np.concatenate([Y[20:30], Y[:20]]))
    assert_split(data.hold_back(10)[0], train=slice(20))
    assert "validation rows, counted among the training rows, on which each epoch is measured: 10" in data.notes


@pytest.mark.parametrize("column", ["image", "img", "pixel_values"])
@pytest.mark.parametrize("kind", ["struct", "bytes"])
def test_one_file_is_split(column, kind, tmp_path):
    path = tmp_path / "digits.parquet"
    write(path, column=column)
    if kind == "bytes":
        column = "image"
        pl.DataFrame({column: list(map(packed, X)), "label": Y}).write_parquet(path)
    data = ds.load(str(path))
    assert (len(data.train.labels), len(data.test.labels), data.input_shape) == (32, 8, (6, 5))
    place = {bytes(row): label for row, label in zip(X, Y, strict=True)}
    assert all(place[bytes(row)] == label for row, label in zip(*data.test[:2], strict=True))


def test_names_of_classes_come_from_the_file(tmp_path):
    write(tmp_path / "a.parquet", labels=Y, names=FEATURES)
    data = ds.load(str(tmp_path / "a.parquet"))
    assert data.class_names == tuple(NAMES)
    write(tmp_path / "b.parquet", labels=Y, names={"info": {"features": {"label": {"names": ["a", "b"]}}}})
    assert ds.load(str(tmp_path / "b.parquet")).class_names == ("0", "1", "2", "3")
    write(tmp_path / "c.parquet", labels=[NAMES[code] for code in Y])
    assert ds.load(str(tmp_path / "c.parquet")).class_names == tuple(NAMES)


def test_a_part_without_labels_is_left_out(tmp_path):
    write(tmp_path / "train-00000-of-00001.parquet", names=FEATURES)
    write(tmp_path / "test-00000-of-00001.parquet", labels=np.full(40, -1), names=FEATURES)
    data = ds.load(str(tmp_path))
    assert data.class_names == tuple(NAMES)
    assert (len(data.train.labels), len(data.test.labels)) == (32, 8)
    assert "test-00000-of-00001.parquet: left out, as all its labels are missing" in " ".join(data.notes)
    write(tmp_path / "gaps.parquet", labels=[-1, *Y[1:]], names=FEATURES)
    with pytest.raises(DataError, match="rows with the label −1"):
        ds.load(str(tmp_path / "gaps.parquet"))


def test_colours_greys_and_sizes(tmp_path):
    colour = np.stack([X] * 3, axis=-1)
    mixed = [colour[row] if row % 3 else X[row] for row in range(40)]
    write(tmp_path / "mixed.parquet", mixed)
    data = ds.load(str(tmp_path / "mixed.parquet"))
    assert data.input_shape == (6, 5, 3)
    assert (data.train.inputs[..., 0] == data.train.inputs[..., 2]).all()
    sizes = [each if row != 7 else each[:4] for row, each in enumerate(X)]
    write(tmp_path / "sizes.parquet", sizes)
    told = r"sizes\.parquet:8: 4×5, but .*sizes\.parquet:1: 6×5; give (--resize 64x64|resize=.*), or another"
    with pytest.raises(DataError, match=told):
        ds.load(str(tmp_path / "sizes.parquet"))
    assert ds.load(str(tmp_path / "sizes.parquet"), resize="3x4").input_shape == (3, 4)


def test_which_column_holds_the_labels(tmp_path):
    path = tmp_path / "cifar.parquet"
    write(path, column="img", coarse=Y // 2)
    assert ds.load(str(path)).num_classes == 4
    assert ds.load(str(path), label="coarse").num_classes == 2
    with pytest.raises(
        ConfigError, match="there is no column 'coarze'.*did you mean 'coarse'.*; its columns are label, coarse"
    ):
        ds.load(str(path), label="coarze")
    pl.read_parquet(path).rename({"label": "fine"}).write_parquet(path)
    with pytest.raises(ConfigError, match=r"which column holds the labels\? its columns are fine, coarse; try"):
        ds.load(str(path))
    pl.read_parquet(path).drop("fine").write_parquet(path)
    assert ds.load(str(path)).num_classes == 2


def test_options_of_tables_and_of_images(tmp_path):
    write(tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"decimal.* is for CSV only; leave .*decimal.* out"):
        ds.load(str(tmp_path / "a.parquet"), decimal=",")
    pl.DataFrame({"a": [0.0, 1.0] * 20, "label": ["u", "v"] * 20}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match=r"resize.* is for .*; leave .*resize.* out"):
        ds.load(str(tmp_path / "t.parquet"), resize="8x8")
    assert ds.load(str(tmp_path / "t.parquet")).columns == ("a",)


def table(path, **columns):
    frame = pl.DataFrame({"a": [0.0, 1.0] * 20, "label": ["u", "v"] * 20, **columns})
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("t.parquet", "t.csv"), r"a folder of tables; give one of the files, such as .*t\.csv$"),
        (("b.parquet", "a.parquet", "c.csv"), r"a folder of tables; give one of the files, such as .*a\.parquet$"),
        (("train.csv", "test.csv"), r"such as .*train\.csv; .* after training: --data .*test\.csv$"),
        (("t.parquet", "u/1.png"), r"it holds t\.parquet, u; give the one that you mean, such as .*t\.parquet, or put"),
        (("t.parquet", "README.md", "notes.txt", ".hidden.csv"), None),
    ],
)
def test_one_table_is_never_chosen_out_of_several(names, told, tmp_path):
    for path in map(tmp_path.joinpath, names):
        path.parent.mkdir(exist_ok=True)
        table(path) if path.suffix in (".csv", ".parquet") else path.touch()
    if told:
        with pytest.raises(DataError, match=told):
            ds.load(str(tmp_path))
    else:
        assert ds.load(str(tmp_path)).columns == ("a",)


def test_what_lies_beside_the_images_is_said(tmp_path):
    write(tmp_path / "train.parquet")
    table(tmp_path / "meta.csv")
    notes = " ".join(ds.load(str(tmp_path)).notes)
    assert "beside it, and not read: meta.csv; to read one of these, give its path" in notes
    write(tmp_path / "more.parquet")
    notes = " ".join(ds.load(str(tmp_path)).notes)
    assert "files that are read as one: 2, more.parquet, train.parquet; to read one of these alone" in notes


def test_predicting_and_evaluating(tmp_path):
    write(tmp_path / "train-00000-of-00001.parquet", X[:30], Y[:30], names=FEATURES)
    write(tmp_path / "test-00000-of-00001.parquet", X[30:], Y[30:], names=FEATURES)
    run = ds.train(str(tmp_path), epochs=2, engine="eager", out=tmp_path / "run")
    held = tmp_path / "test-00000-of-00001.parquet"
    predicted = inference.predict(run, held)
    assert predicted.names[0] == f"{held}:1"
    np.testing.assert_array_equal(predicted.probabilities, inference.predict(run, X[30:]).probabilities)
    (tmp_path / "train-00000-of-00001.parquet").unlink()
    assert run.evaluate(held).accuracy == (predicted.labels == np.array(NAMES)[Y[30:]]).mean()


def test_what_cannot_be_read_is_named(tmp_path):
    write(tmp_path / "train-00000-of-00002.parquet")
    with pytest.raises(
        DataError, match=r"00002\.parquet: by its name one of 2 files, of which 1 are here; add the others"
    ):
        ds.load(str(tmp_path))
    path = tmp_path / "a.parquet"
    good = [{"bytes": packed(each), "path": ""} for each in X]

    def put(cell=None, labels=Y):
        cells = [*good[:5], cell or good[5], *good[6:]]
        pl.DataFrame({"image": cells, "label": labels}).write_parquet(path)

    for cell, told in (
        (
            {"bytes": None, "path": "/etc/passwd"},
            r"a\.parquet:6: no image, or its path alone; the file must hold its bytes",
        ),
        ({"bytes": b"GIF89a", "path": ""}, r"a\.parquet:6: no image, or of a format that is not read"),
        ({"bytes": packed(X[0])[:-30], "path": ""}, r"a\.parquet:6: a damaged image"),
        ({"bytes": packed(np.zeros((6, 9), np.uint8)), "path": ""}, r"a\.parquet:6: 6×9, but .*:1: 6×5"),
    ):
        put(cell)
        with pytest.raises(DataError, match=told):
            ds.load(str(path))
    put(labels=[*Y[:5].tolist(), None, *Y[6:].tolist()])
    with pytest.raises(DataError, match="row 5 of y_train is nan: no label"):
        ds.load(str(path))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read as a table"):
        ds.load(str(path))


def test_no_training_file_and_no_rows(tmp_path):
    write(tmp_path / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match="no file for training, whose name begins with train"):
        ds.load(str(tmp_path))
    write(tmp_path / "train.parquet", X[:0], Y[:0])
    pl.read_parquet(tmp_path / "test-00000-of-00001.parquet")[:0].write_parquet(tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"train\.parquet: no rows; give at least one"):
        ds.load(str(tmp_path))


def test_limits(tmp_path):
    path = tmp_path / "a.parquet"
    write(path)
    for name, where, value in (("rows", path, 40), ("pixels", f"{path}:1", 30), ("array_bytes", path, 1200)):
        with beyond(where, name, value, value - 1):
            read(Request(str(path), Limits()._replace(**{name: value - 1})))


def test_images_of_more_bits_keep_them(tmp_path):
    """16-bit images are not reduced; their range covers training and test rows, and predict and evaluate use it."""
    deep = X.astype(np.uint16) * 16
    write(tmp_path / "d" / "train.parquet", deep[:30], Y[:30])
    write(tmp_path / "d" / "test.parquet", deep[30:], Y[30:])
    data = ds.load(str(tmp_path / "d"))
    assert data.pixel_range == (0, 4095)
    np.testing.assert_array_equal(data.train.inputs, deep[:30])
    np.testing.assert_array_equal(data.test.inputs, deep[30:])
    run = ds.train(tmp_path / "d", model="softmax", epochs=1, batch_size=10, out=tmp_path / "run")
    predicted = ds.predict(run, tmp_path / "d" / "test.parquet")
    found, rows = ds.evaluate(run, str(tmp_path / "d"))
    np.testing.assert_array_equal(predicted.inputs, rows.inputs)
    assert found.accuracy == run.test_accuracy
    with pytest.raises(ConfigError, match="the model reads images of 6×5; leave (--)?resize out"):
        ds.evaluate(run, str(tmp_path / "d"), resize="9x9")
