"""Tables, IDX files and Parquet files with images become the rows that `load` makes of them, and are never in memory
as a whole."""

import gzip
import io
import struct
from functools import cache

import numpy as np
import polars as pl
import pytest
from PIL import Image

import descenso as ds
from descenso.data import conversion, file_rows
from descenso.data import convert as module
from descenso.data.convert import convert
from descenso.data.dataset import data_fingerprint
from descenso.data.file_rows import FileRows
from descenso.errors import ConfigError, DataError

RANDOM = np.random.default_rng(0)
ROWS = 240


@cache
def columns():
    """A table whose last rows hold the first missing values, and a category and a truth that came never before."""
    late = np.arange(ROWS) > ROWS - 6
    weight = RANDOM.normal(60, 9, ROWS).round(2)
    return pl.DataFrame({
        "weight": pl.Series(weight).set(pl.Series(late), None),
        "town": pl.Series(np.where(late, "Cádiz", np.array(["Jaén", "Málaga"])[RANDOM.integers(2, size=ROWS)])),
        "smokes": pl.Series(np.where(late, "true", "false")),
        "since": pl.Series(["2024-01-05"] * ROWS),
        "note": pl.Series([f"n{row}" for row in range(ROWS)]),
        "bytes": pl.Series(RANDOM.integers(3, 200, ROWS)),
        "kind": pl.Series(np.array(["yes", "no", "maybe"])[RANDOM.integers(3, size=ROWS)]),
    })  # fmt: skip


def as_text(**how):
    return columns().write_csv(**how)


TEXTS = {
    "comma": (lambda: as_text().encode(), {}),
    "semicolon": (lambda: as_text(separator=";").replace(".", ",").encode(), {}),
    "windows": (lambda: as_text(separator=";").encode("cp1252"), {"decimal": "."}),
    "utf-16": (lambda: as_text(separator="\t").encode("utf-16"), {}),
    "comment": (lambda: b"# made by hand\n" + as_text().encode(), {}),
    "macintosh": (lambda: as_text().replace("\n", "\r").encode("latin-1"), {"encoding": "latin-1"}),
    "no-header": (lambda: as_text(include_header=False).encode(), {"label": "col7"}),
    "gaps": (lambda: (as_text() + ",,,,,,\n\n").replace("n7,", "n7, ", 1).replace("\nn", "\n,,,,,,\nn").encode(), {}),
    "words-late": (lambda: columns().with_columns(pl.Series("bytes", ["1", "2"] * 75 + ["a", "2", "b"] * 30))
                   .write_csv().encode(), {"drop": "town,since"}),
    "composed": (lambda: as_text().replace("ó", "o\u0301").replace("á", "a\u0301").encode(), {"seed": 7}),
    "numbers": (lambda: columns().select("bytes", "weight", "kind").head(200).write_csv().encode(),
                {"numeric_only": True, "test_fraction": 0.4}),
}  # fmt: skip


def same(found, expected):
    """Compare two datasets."""
    assert data_fingerprint(found) == data_fingerprint(expected)
    assert (found.class_names, found.columns) == (expected.class_names, expected.columns)
    assert found.encoding == expected.encoding
    assert found.notes == expected.notes


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[pytest.mark.slow] if name in ("semicolon", "utf-16", "macintosh", "numbers") else [])
    for name in TEXTS
])  # fmt: skip
def test_a_table_becomes_the_rows_that_load_makes_of_it(name, tmp_path, monkeypatch):
    """Also where its columns of text are read a few rows at a time."""
    path, (text, how) = tmp_path / "table.csv", TEXTS[name]
    path.write_bytes(text())
    before = path.read_bytes()
    how = {"label": "kind", **how}
    expected = ds.load(str(path), **how)
    monkeypatch.setattr("descenso.data.formats.columns.CHUNK", 7)
    monkeypatch.setattr("descenso.data.arrays.SHUFFLED", 11)
    convert(path, tmp_path / "rows", **how)
    found = ds.load(str(tmp_path / "rows"))
    assert isinstance(found.train.inputs, FileRows)
    same(found, expected)
    assert path.read_bytes() == before
    assert sorted(each.suffix for each in (tmp_path / "rows").iterdir()) == [".json", *[".npy"] * 4]


@pytest.mark.parametrize("wide", [False, True])
def test_a_parquet_file_with_types(wide, tmp_path):
    frame = columns().with_columns(pl.col("town").cast(pl.Categorical), pl.col("smokes") == "true")
    if not wide:
        frame = frame.select(pl.col("weight").cast(pl.Float32), "kind", pl.col("bytes").cast(pl.Float32))
    frame.write_parquet(tmp_path / "table.parquet", row_group_size=50)
    convert(tmp_path / "table.parquet", tmp_path / "rows", label="kind")
    expected = ds.load(str(tmp_path / "table.parquet"), label="kind")
    assert expected.train.inputs.dtype == (np.float64 if wide else np.float32)
    same(ds.load(str(tmp_path / "rows")), expected)


def test_more_rows_than_the_memory_holds_keep_the_order_of_the_table(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text(as_text())
    expected = ds.load(str(path), label="kind")
    monkeypatch.setattr(conversion, "MOST_IN_MEMORY", 1000)
    monkeypatch.setattr(module, "PIECE_BYTES", 2000)
    convert(path, tmp_path / "rows", label="kind")
    found = ds.load(str(tmp_path / "rows"))
    assert len(found.train.inputs.parts) > 3
    in_order = columns().get_column("bytes").to_numpy()
    place = found.columns.index("bytes")
    for mine, theirs in ((found.train, expected.train), (found.test, expected.test)):
        rows = [np.flatnonzero((row == mine.inputs[:]).all(axis=1))[0] for row in theirs.inputs]
        assert sorted(rows) == list(range(len(rows)))  # the same rows
        np.testing.assert_array_equal(mine.labels[rows], theirs.labels)
        bytes_ = iter(in_order)  # and in the order of the table
        assert all(value in bytes_ for value in mine.inputs[:, place])
    assert found.encoding == expected.encoding


def test_pixels_in_columns(tmp_path):
    pixels = pl.DataFrame(RANDOM.integers(256, size=(ROWS, 12)), schema=[f"p{place}" for place in range(12)])
    path = tmp_path / "digits.csv"
    pixels.with_columns(label=pl.Series(RANDOM.integers(3, size=ROWS))).write_csv(path)
    convert(path, tmp_path / "rows", input_shape="4x3")
    found, expected = ds.load(str(tmp_path / "rows")), ds.load(str(path), input_shape="4x3")
    assert (found.train.inputs.dtype, found.input_shape) == (np.uint8, (4, 3))
    same(found, expected)
    with pytest.raises(DataError, match="values in a row: 12; pixels of 5×3: 15; what fits"):
        convert(path, tmp_path / "other", input_shape="5x3")
    assert not (tmp_path / "other").exists()


def test_a_killed_conversion_goes_on_and_a_changed_table_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PIECE_BYTES", 2000)
    path, rows = tmp_path / "table.csv", tmp_path / "rows"
    path.write_text(as_text())

    def stop(line):
        if line.startswith("rows: "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(path, rows, label="kind", told=stop)
    (rows / ".columns9.tmp").mkdir()  # as a kill leaves it
    (rows / ".columns9.tmp" / "1.npy").write_bytes(b"half")
    first = (rows / "X_train-00000.npy").stat().st_mtime_ns
    convert(path, rows, label="kind")
    assert (rows / "X_train-00000.npy").stat().st_mtime_ns == first
    assert not list(rows.glob(".*"))
    same(ds.load(str(rows)), ds.load(str(path), label="kind"))
    path.write_text(as_text().replace("Cádiz", "Sevilla"))
    convert(path, rows, label="kind")
    assert "town=Sevilla" in ds.load(str(rows)).columns
    assert (rows / "X_train-00000.npy").stat().st_mtime_ns > first
    with pytest.raises(DataError, match=r"table\.csv: it has changed while it was converted; convert it again"):
        convert(path, rows, label="kind", told=lambda line: path.write_text(as_text()[:-9] + "no\n"))
    with pytest.raises(DataError, match="its conversion was interrupted"):
        ds.load(str(rows))


def test_where_nothing_can_be_made_of_a_table_no_folder_is_left(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(as_text())
    for how, told in (
        ({"label": "sort"}, "there is no column 'sort'"),
        ({"label": "kind", "resize": "8x8"}, "--resize is for Parquet, folders of .* only; leave --resize out"),
        ({"label": "kind", "drop": "weight,town,smokes,bytes"}, "no column is left to learn from"),
    ):
        with pytest.raises((ConfigError, DataError), match=told):
            convert(path, tmp_path / "rows", **how)
        assert not (tmp_path / "rows").exists()
    np.save(tmp_path / "X.npy", np.zeros((4, 2)))
    np.save(tmp_path / "y.npy", np.arange(4) % 2)
    with pytest.raises(ConfigError, match="--test-fraction is not for its .*; give it to descenso train .*rows"):
        convert(tmp_path / "X.npy", tmp_path / "rows", test_fraction=0.5)


def test_a_table_that_was_encoded_otherwise_is_not_evaluated(tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        (tmp_path / f"{name}.csv").write_text(as_text())
        convert(tmp_path / f"{name}.csv", tmp_path / name, label="kind", seed=seed)
    from descenso.data.catalog import rows_to_test

    encoding = ds.load(str(tmp_path / "one")).encoding
    assert len(rows_to_test(str(tmp_path / "one"), encoded=encoding).test.labels) > 40
    with pytest.raises(DataError, match="two: a table that was encoded otherwise than the one that the model learned"):
        rows_to_test(str(tmp_path / "two"), encoded=encoding)


def test_a_manifest_whose_encoding_does_not_fit(tmp_path):
    (tmp_path / "table.csv").write_text(as_text())
    convert(tmp_path / "table.csv", tmp_path / "rows", label="kind")
    manifest = tmp_path / "rows" / "manifest.json"
    text = manifest.read_text()
    for old, new in (('"number"', '"word"'), ('"Málaga"', '"Málaga","Roma"'), ('"columns"', '"column"')):
        assert old in text
        manifest.write_text(text.replace(old, new, 1))
        with pytest.raises(DataError, match="not the manifest of converted rows, or damaged"):
            ds.load(str(tmp_path / "rows"))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("before", ["", "emnist-letters-"])
def test_idx_files(zipped, before, tmp_path, monkeypatch):
    monkeypatch.setattr("descenso.data.formats.idx.CHUNK", 100)
    (tmp_path / "idx").mkdir()
    for part, rows in (("train", 30), ("t10k", 10)):
        images, labels = RANDOM.integers(256, size=(rows, 5, 4), dtype=np.uint8), np.arange(rows, dtype=np.uint8) % 3
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
            path = tmp_path / "idx" / f"{before}{name}{'.gz' if zipped else ''}"
            path.write_bytes(gzip.compress(content) if zipped else content)
    convert(tmp_path / "idx", tmp_path / "rows")
    same(ds.load(str(tmp_path / "rows")), ds.load(str(tmp_path / "idx")))
    images = next((tmp_path / "idx").glob("*train-images*"))
    content = images.read_bytes()
    images.write_bytes(gzip.compress(gzip.decompress(content) + b"\0") if zipped else content + b"\0")
    with pytest.raises(DataError, match="more bytes follow than the header claims"):
        convert(tmp_path / "idx", tmp_path / "rows")


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_images_in_parquet_files(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PIECE_BYTES", 9 * 7 * 3 * 10)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, rows in (("train-00000-of-00002", 25), ("train-00001-of-00002", 8), ("test-00000-of-00001", 9)):
        grey = [RANDOM.integers(256, size=(9, 7, 3) if row == 3 else (9, 7), dtype=np.uint8) for row in range(rows)]
        images = pl.Series([{"bytes": png(pixels), "path": f"{row}.png"} for row, pixels in enumerate(grey)])
        frame = pl.DataFrame({"image": images, "label": np.arange(rows) % 2})
        frame.write_parquet(folder / f"{name}.parquet", row_group_size=10)
    convert(folder, tmp_path / "rows")
    found, expected = ds.load(str(tmp_path / "rows")), ds.load(str(folder))
    assert len(found.train.inputs.parts) == 4
    same(found, expected)
    with pytest.raises(ConfigError, match="--drop is for .* only; leave --drop out"):
        convert(folder, tmp_path / "other", drop="label")
    (folder / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(DataError, match="by its name one of 2 files, of which 1 are here"):
        convert(folder, tmp_path / "other")


@pytest.mark.slow
def test_predictions_of_a_run_on_converted_rows_are_those_of_the_table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(as_text())
    convert(path, tmp_path / "rows", label="kind")
    how = {"model": "softmax", "epochs": 3, "engine": "eager"}
    runs = [ds.train(str(tmp_path / "rows"), out=tmp_path / "one", **how),
            ds.train(str(path), label="kind", out=tmp_path / "two", **how)]  # fmt: skip
    assert runs[0].history.costs == runs[1].history.costs
    raw = tmp_path / "new.csv"
    columns().drop("kind").tail(9).write_csv(raw)
    found, expected = (run.predict([raw]).probabilities for run in runs)
    np.testing.assert_array_equal(found, expected)
    assert runs[0].evaluate(path, label="kind").accuracy == runs[1].evaluate(path, label="kind").accuracy


def test_columns_stay_in_files_without_losing_a_bit(tmp_path):
    scratch = file_rows.Scratch(tmp_path)
    for values in ([1.0, 255.0], [1.0, -0.0], [np.nan, 2.0], [256.0, 1.0], [-1.0, 0.5]):
        column = np.array(values)
        kept = scratch.stored(column)
        assert kept.astype(np.float64).tobytes() == column.tobytes()
        assert (kept.dtype == np.uint8) == (values == [1.0, 255.0])
    assert scratch.stored(np.array([-1, 3], np.int32)).dtype == np.int32
    scratch.release()
    assert scratch.stored(np.array([1.0], np.float32)).dtype == np.float32


@pytest.mark.parametrize("values", [
    ["1,5", "2,5", "3,5"] * 40 + ["a", "b", "c"],
    [value for block in range(1, 5) for value in [*(f"{block},{100 + 7 * row}" for row in range(15)), "NA", "n/a"] * 2],
    ["1.5", "2.5"] * 20 + ["-"] * 20 + ["3.5", "x"] * 20,
])  # fmt: skip
def test_numbers_are_read_alike_however_many_rows_are_read_at_a_time(values, tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    pl.DataFrame({"x": values, "n": range(len(values)), "kind": (np.arange(len(values)) % 2).tolist()}).write_csv(
        path, separator="\t"
    )

    def read():
        try:
            data = ds.load(str(path), label="kind")
        except (ConfigError, DataError) as error:
            return str(error)
        return data_fingerprint(data), data.notes

    expected = read()
    for rows in (1, 3, 17):
        monkeypatch.setattr("descenso.data.formats.columns.CHUNK", rows)
        assert read() == expected


def test_faults_are_named_by_their_row_wherever_it_is(tmp_path, monkeypatch):
    """A word among numbers, a label that is missing, marks of decimals that contradict each other."""
    monkeypatch.setattr("descenso.data.formats.columns.CHUNK", 7)
    monkeypatch.setattr("descenso.data.formats.kinds.MOST_COUNTED", 20)
    monkeypatch.setattr("descenso.data.formats.kinds.MOST_CATEGORIES", 10)
    path, numbers = tmp_path / "table.csv", [f"{row}.5" for row in range(50)]

    def refused(told, numbers=numbers, labels=("a", "b") * 25, **how):
        pl.DataFrame({"x": numbers, "kind": labels}).write_csv(path, separator=";")
        with pytest.raises((ConfigError, DataError), match=told):
            convert(path, tmp_path / "rows", label="kind", **how)

    refused("row 31, column 'x': 'word' is no number; make it one", [*numbers[:30], "word", *numbers[31:]])
    refused("row 50, column 'x': 'word' is no number; if the last row holds totals", [*numbers[:49], "word"])
    refused("neither are 1 others of 49 values", [*numbers[:20], "word", None, *numbers[22:40], "last", *numbers[41:]])
    refused("row 45, column 'kind': no value", labels=[*("a", "b") * 22, None, *"babab"])
    refused("'20.5' in column 'x' has a decimal point, '7,25' in column 'x' a decimal comma",
            [*["1"] * 20, "20.5", *["2"] * 20, "7,25", *["3"] * 8])  # fmt: skip
    pl.DataFrame({"note": [f"n{row}" for row in range(50)], "x": numbers, "kind": ["a", "b"] * 25}).write_csv(path)
    convert(path, tmp_path / "rows", label="kind")
    assert "text with more than 20 different values" in " ".join(ds.load(str(tmp_path / "rows")).notes)
