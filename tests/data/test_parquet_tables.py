"""Tables in several Parquet files, as Hugging Face, Spark and others write them."""

import json

import numpy as np
import polars as pl
import pytest

import descenso as ds
from descenso.data.convert import convert
from descenso.errors import ConfigError, DataError

SHARDS = {
    "train-00000-of-00002": 8,
    "train-00001-of-00002": 4,
    "validation-00000-of-00001": 2,
    "test-00000-of-00001": 6,
}  # file, and its rows


def frame(rows, first=0, **columns):
    numbers = np.arange(first, first + rows)
    return pl.DataFrame({"a": numbers * 0.5, "b": -numbers, "label": np.where(numbers % 2, "odd", "even"), **columns})


@pytest.fixture
def shards(tmp_path):
    folder, first = tmp_path / "data", 0
    folder.mkdir()
    for name, rows in SHARDS.items():
        frame(rows, first).write_parquet(folder / f"{name}.parquet")
        first += rows
    return folder


NAMES = ["ape", "bat", "cat"]
METADATA = {"huggingface": json.dumps({"info": {"features": {"kind": {"names": NAMES}, "a": {"dtype": "int64"}}}})}


def write_codes(folder, metadata=METADATA, **parts):
    """Write a table whose labels are numbers of classes; of each part these."""
    folder.mkdir(exist_ok=True)
    for part, codes in parts.items():
        made = frame(len(codes), kind=pl.Series(codes, dtype=pl.Int64)).drop("label")
        made.write_parquet(folder / f"{part}-00000-of-00001.parquet", metadata=metadata)
    return str(folder)


def first_column(split):
    return (split.inputs[:, 0] * 2).tolist()


@pytest.mark.parametrize("name", ["", "train-00000-of-00002.parquet", "test-00000-of-00001.parquet"])
def test_the_files_of_a_table_are_found_by_their_names(shards, name):
    data = ds.load(str(shards / name))
    assert (data.class_names, data.columns, data.validation) == (("even", "odd"), ("a", "b"), 2)
    assert (first_column(data.train), first_column(data.test)) == ([12, 13, *range(12)], [*range(14, 20)])
    np.testing.assert_array_equal(data.test.labels, [0, 1] * 3)


def test_a_folder_of_files_with_any_names_is_one_table(tmp_path):
    folder = tmp_path / "table.parquet"  # as Spark writes it
    folder.mkdir()
    frame(10).write_parquet(folder / "part-00000-5f.snappy.parquet")
    other = frame(5, 10).select("label", "b", "a").cast({"a": pl.Float32, "b": pl.Int8})
    other.write_parquet(folder / "part-00001-5f.snappy.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part-00000.crc").touch()
    data = ds.load(str(folder), test_fraction=0.2)
    rows = np.concatenate([data.train.inputs, data.test.inputs])
    assert sorted(rows.tolist()) == [[number / 2, -number] for number in range(15)]
    assert "files that are read as one: 2, part-00000-5f.snappy.parquet" in " ".join(data.notes)
    assert len(ds.load(str(folder / "part-00000-5f.snappy.parquet")).train.labels) == 8, "a path is of one file"


def test_what_is_refused(shards):
    with pytest.raises(ConfigError, match=r"it has test rows of its own; leave (--test-fraction|test_fraction) out"):
        ds.load(str(shards), test_fraction=0.3)
    frame(6).drop("label").write_parquet(shards / "test-00000-of-00001.parquet")
    told = r"test-00000.*: its columns are not those of .*parquet: only one of the two has label; .* the same columns"
    with pytest.raises(DataError, match=told):
        ds.load(str(shards))
    (shards / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(DataError, match=r"train-00000.*: by its name one of 2 files, of which 1 are here"):
        ds.load(str(shards))


def test_training_evaluating_and_converting(shards, tmp_path):
    run = ds.train(str(shards), epochs=2, engine="eager", out=tmp_path / "run")
    assert run.config.validation_size == 2
    assert run.evaluate(data=str(shards)).costs.tolist() == run.evaluate().costs.tolist()
    assert len(run.evaluate().costs) == SHARDS["test-00000-of-00001"]
    assert len(run.evaluate(data=str(shards / "train-00001-of-00002.parquet")).costs) == 12, "the files of that part"
    convert(shards, tmp_path / "rows")
    loaded, converted = ds.load(str(shards)), ds.load(str(tmp_path / "rows"))
    assert converted.validation == loaded.validation
    for part in ("train", "test"):
        found, expected = getattr(converted, part), getattr(loaded, part)
        np.testing.assert_array_equal(found.inputs, expected.inputs)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_names_of_classes_come_from_the_file(tmp_path):
    path = write_codes(tmp_path / "named", train=[2, 0, 1] * 9, test=[1, 1, 2])
    data = ds.load(path, label="kind")
    assert data.class_names == tuple(NAMES)
    np.testing.assert_array_equal(data.test.labels, [1, 1, 2])
    convert(path, tmp_path / "rows", label="kind")
    assert ds.load(str(tmp_path / "rows")).class_names == tuple(NAMES)
    run = ds.train(path, label="kind", epochs=1, engine="eager", out=tmp_path / "run")
    some = run.evaluate(data=write_codes(tmp_path / "some", train=[2, 1] * 3))
    np.testing.assert_array_equal(some.confusion.sum(axis=1), [0, 3, 3])
    assert ds.load(write_codes(tmp_path / "plain", None, train=[2, 0, 1] * 9), label="kind").class_names[2] == "2"
    few = write_codes(tmp_path / "few", train=[0, 2] * 9)  # a class without a row
    assert ds.load(few, label="kind").class_names == ("ape", "cat")
    more = write_codes(tmp_path / "more", train=[0, 3] * 9)  # names that do not fit
    assert ds.load(more, label="kind").class_names == ("0", "3")


def test_a_part_without_labels_is_left_out(tmp_path):
    """Hugging Face writes −1 where the label is missing, which is no class."""
    path = write_codes(tmp_path / "a", train=[2, 0, 1] * 9, test=[-1] * 4, validation=[0, 1])
    data = ds.load(path)  # the only column with names of classes holds the labels
    assert data.class_names == tuple(NAMES)
    assert (len(data.train.labels), len(data.test.labels)) == (27, 2)
    said = "test-00000-of-00001.parquet: left out, as all its labels are missing"
    assert said in " ".join(data.notes)
    convert(path, tmp_path / "rows", label="kind")
    assert said in " ".join(ds.load(str(tmp_path / "rows")).notes)
    none = write_codes(tmp_path / "none", train=[2, 0, 1] * 9, test=[None] * 4)
    assert len(ds.load(none).test.labels) == 6
    text = frame(12, kind=pl.Series(["ape", "bat"] * 6)).drop("label")  # beside names for numbers
    for part in ("train", "test"):
        (tmp_path / "text").mkdir(exist_ok=True)
        text.write_parquet(tmp_path / "text" / f"{part}-00000-of-00001.parquet", metadata=METADATA)
    assert ds.load(str(tmp_path / "text")).class_names == ("ape", "bat")
    empty = ds.load(write_codes(tmp_path / "empty", train=[2, 0, 1] * 9, test=[]))
    assert "left out" not in " ".join(empty.notes)
    gaps = write_codes(tmp_path / "b", train=[2, 0, 1, -1] * 9)
    with pytest.raises(DataError, match="rows with the label −1, .* missing; leave these rows out"):
        ds.load(gaps, label="kind")
    real = write_codes(tmp_path / "c", None, train=[-1, 1] * 9, test=[-1] * 4)  # a class like any other
    assert ds.load(real, label="kind").class_names == ("-1", "1")


def test_names_of_parts(tmp_path):
    """The names are those that Hugging Face's datasets knows; a part of another name is not to train on."""
    for part, codes in {"train": [2, 0, 1] * 9, "dev": [0, 1], "eval": [2] * 4, "unsupervised": [1] * 5}.items():
        write_codes(tmp_path / "a", None, **{part: codes})
    for name in ("", "train-00000-of-00001.parquet", "eval-00000-of-00001.parquet"):
        data = ds.load(str(tmp_path / "a" / name), label="kind")
        assert (len(data.train.labels), data.validation, len(data.test.labels)) == (29, 2, 4)
        assert "unsupervised-00000-of-00001.parquet: left out, as by their names they are no part" in data.notes[0]
    write_codes(tmp_path / "a", None, unsupervised=[1, 0] * 5)
    alone = ds.load(str(tmp_path / "a" / "unsupervised-00000-of-00001.parquet"), label="kind")
    assert len(alone.train.labels) + len(alone.test.labels) == 10
    for part in ("first", "second"):
        write_codes(tmp_path / "b", None, **{part: [0, 1] * 9})
    data = ds.load(str(tmp_path / "b"), label="kind")
    assert len(data.train.labels) + len(data.test.labels) == 36
    assert "files that are read as one: 2, first-00000-of-00001.parquet, second" in " ".join(data.notes)


def test_files_whose_classes_differ_are_refused(tmp_path):
    features = json.loads(METADATA["huggingface"])
    features["info"]["features"]["kind"]["names"] = NAMES[::-1]
    other = {"huggingface": json.dumps(features)}
    write_codes(tmp_path / "data", train=[2, 0, 1] * 9)
    path = write_codes(tmp_path / "data", other, test=[2, 0, 1] * 2)
    told = "the classes of column 'kind' are .*, but .* in .*-00000-of-00001.parquet; write all files with the same"
    with pytest.raises(DataError, match=told):
        ds.load(path, label="kind")
    with pytest.raises(DataError, match=told):
        convert(path, tmp_path / "rows", label="kind")
    run = ds.train(write_codes(tmp_path / "one", train=[2, 0, 1] * 9), label="kind", epochs=1, engine="eager",
                   out=tmp_path / "run")  # fmt: skip
    alone = run.evaluate(f"{path}/test-00000-of-00001.parquet")  # by the names in that file
    np.testing.assert_array_equal(alone.confusion.sum(axis=1), [2, 2, 2])


def test_categories_may_differ_between_files(tmp_path):
    for number, names in enumerate([["a", "b"], ["b", "c"]]):
        pl.DataFrame({"x": pl.Series(names * 9, dtype=pl.Enum(names)), "y": ["p", "p", "q"] * 6}).write_parquet(
            tmp_path / f"{number}.parquet"
        )
    assert ds.load(str(tmp_path)).columns == ("x=a", "x=b", "x=c")


@pytest.mark.parametrize("inner", ["", "data", "year=2020"])
def test_partitions_are_refused_with_what_to_do(inner, tmp_path, monkeypatch):
    folder = tmp_path / "table" / inner
    for name in ("p", "q"):
        (folder / f"kind={name}").mkdir(parents=True)
        pl.DataFrame({"x": [1.5, 2.5, 3.5]}).write_parquet(folder / f"kind={name}" / "0.parquet")
    with pytest.raises(
        DataError, match=r"partitions, such as .*(kind=[pq]|year=2020); .*: pl\.read_parquet\(.*table"
    ) as told:
        ds.load(str(tmp_path / "table"))
    monkeypatch.chdir(tmp_path)
    exec(str(told.value).rpartition(": ")[2], {"pl": pl})  # noqa: S102 # the advice works
    assert ds.load("table.parquet", label="kind").class_names == ("p", "q")


def named(folder, **columns):
    """Write a table with two parts, whose columns all have names of classes; those of the test part are missing."""
    metadata = {"huggingface": json.dumps({"info": {"features": {name: {"names": NAMES} for name in columns}}})}
    folder.mkdir()
    for part in ("train", "test"):
        made = {name: np.full(4, -1) if part == "test" else np.arange(27) % 3 for name in columns}
        made["x"] = np.arange(len(next(iter(made.values())))) * 0.5
        pl.DataFrame(made).write_parquet(folder / f"{part}-00000-of-00001.parquet", metadata=metadata)
    return str(folder)


def test_the_column_of_the_labels_is_chosen_alike_everywhere(tmp_path):
    path = named(tmp_path / "two", fine=0, coarse=0)
    for how in ({"drop": "coarse"}, {"label": "fine", "drop": "coarse"}):
        data = ds.load(path, **how)
        assert (data.class_names, data.columns) == (tuple(NAMES), ("x",))
    with pytest.raises(ConfigError, match="which column holds the labels"):
        ds.load(path)
    accented = named(tmp_path / "accented", **{"an\u0303o": 0})
    for label in ("a\u00f1o", "an\u0303o", ""):
        assert ds.load(accented, label=label).class_names == tuple(NAMES)
    with pytest.raises(ConfigError, match="which column holds the labels"):
        ds.load(named(tmp_path / "left", **{"an\u0303o": 0, "other": 0}), drop="a\u00f1o,other")
    frame = pl.DataFrame({"sex": [0, 1] * 20, "label": [0, 1, 2, 3] * 10, "x": np.arange(40) * 0.5})
    metadata = {"huggingface": json.dumps({"info": {"features": {"sex": {"names": ["f", "m"]}}}})}
    frame.write_parquet(tmp_path / "usual.parquet", metadata=metadata)
    assert ds.load(str(tmp_path / "usual.parquet")).columns == ("sex", "x"), "the column called label holds the labels"


def test_a_damaged_part_is_named(tmp_path):
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    named(tmp_path / "data", kind=0)
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(60) + content[64:])
    with pytest.raises(DataError, match="test-00000-of-00001.parquet: cannot be read as a table"):
        ds.load(str(tmp_path / "data"))
