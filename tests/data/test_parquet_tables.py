"""Tables in several Parquet files, as Hugging Face, Spark and others write them."""

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
