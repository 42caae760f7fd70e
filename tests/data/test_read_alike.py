"""A table is read alike from files and frames, to train on, to predict on and to evaluate on."""

import json
from unicodedata import normalize

import numpy as np
import polars as pl
import pytest

import descenso as ds
from descenso.data import cache
from descenso.data.encoding import REASONS
from descenso.data.encoding_words import SENTENCES
from descenso.errors import ConfigError, DataError, DataNote

ROWS = 40
MARKED = pl.DataFrame({"a": [f"{1 + row % 9},{100 + row}" for row in range(ROWS)], "label": ["p", "q"] * (ROWS // 2)})
ASKED = r"say which mark comes before the decimals: (--)?decimal"


def apart(text):
    return normalize("NFD", text)


def train(data, folder, **settings):
    return ds.train(data, epochs=1, engine="eager", schedule="constant", out=folder / "run", **settings)


def test_each_reason_is_known_where_runs_are_read(tmp_path):
    assert set(SENTENCES) == set(REASONS)
    frame = MARKED.with_columns(a=np.arange(ROWS) * 0.5, id=2**60 + np.arange(ROWS))
    run = train(ds.from_frame(frame, "label"), tmp_path)
    assert len(run.evaluate(frame).costs) == ROWS // 5


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"decimal": ","}, {"decimal": "."}])
def test_the_decimal_mark_of_a_frame_stays_that_of_the_run(given, tmp_path):
    """The frame is split as before, and its test rows alone are evaluated, however the mark was given."""
    with pytest.raises(ConfigError, match=ASKED):
        train(MARKED, tmp_path, label="label")
    runs = [train(MARKED, tmp_path, label="label", **given),
            train(ds.from_frame(MARKED, "label", **given), tmp_path / "other")]  # fmt: skip
    for run in runs:
        assert len(run.evaluate(MARKED).costs) == ROWS // 5
        longer = ds.resume(run, data=MARKED, epochs=2)
        assert len(longer.history) == 2


def test_a_mark_given_to_evaluate_is_that_of_the_frame(tmp_path):
    floats = MARKED.with_columns(a=MARKED["a"].str.replace(",", ".").cast(pl.Float64))
    run = train(ds.from_frame(floats, "label"), tmp_path)
    some = MARKED.head(9)
    _evaluation, rows = ds.evaluate(run, some, decimal=",")
    np.testing.assert_array_equal(rows.inputs[:, 0], floats["a"].head(9))
    with pytest.warns(DataNote) as notes:
        assert ds.evaluate(run, some)[1].inputs[0, 0] == 1100
    assert "'1,100' in column 'a' is read as 1100" in str(notes[0].message)
    with pytest.raises(ConfigError, match="predict and evaluate take no mark"):
        ds.evaluate(run, some, mark=",")


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(MARKED["a"].unique().to_list())])
def test_text_is_text_whatever_its_type(kind, tmp_path):
    frame = MARKED.with_columns(pl.col("a").cast(kind))
    frame.write_parquet(tmp_path / "a.parquet")
    for load in (lambda **how: ds.from_frame(frame, "label", **how),
                 lambda **how: ds.load(str(tmp_path / "a.parquet"), label="label", **how)):  # fmt: skip
        with pytest.raises(ConfigError, match=ASKED):
            load()
        assert load(decimal=",").train.inputs.max() < 10


@pytest.mark.parametrize("gap", ["NA", "?", ""])
def test_marks_of_a_missing_value_hide_no_number(gap, tmp_path):
    values = ["1,234", "2,345", "3,456", gap] * (ROWS // 4)
    frame = MARKED.with_columns(a=pl.Series(values))
    frame.write_csv(tmp_path / "a.csv", separator="\t")
    with pytest.raises(ConfigError, match=ASKED):
        ds.load(str(tmp_path / "a.csv"), label="label")
    with pytest.raises(ConfigError, match=ASKED):
        ds.from_frame(frame, "label")


def test_numbers_of_classes_that_a_file_names_are_no_places(tmp_path):
    about = {"info": {"features": {"label": {"names": ["ant", "bee", "cat"]}}}}
    frame = pl.DataFrame({"a": np.arange(ROWS) * 0.5, "label": [0, 2] * (ROWS // 2)})  # no bee to learn from
    frame.write_parquet(tmp_path / "a.parquet", metadata={"huggingface": json.dumps(about)})
    run = train(str(tmp_path / "a.parquet"), tmp_path)
    with pytest.raises(DataError, match="label 0, which no training row has"):
        run.evaluate(frame.with_columns(label=pl.Series([0, 1] * (ROWS // 2))))
    named = frame.with_columns(label=pl.Series(["ant", "cat"] * (ROWS // 2)))
    assert len(run.evaluate(named).costs) == ROWS


@pytest.mark.slow
def test_accents_are_one_with_their_letters_everywhere(tmp_path):
    """Names of columns and classes, in files, frames and settings, whichever way an accent is written."""
    columns = {"tamaño": np.arange(ROWS) * 0.5, "año": np.arange(ROWS) % 7, "categoría": ["avión", "río"] * (ROWS // 2)}
    whole = pl.DataFrame(columns)
    split = pl.DataFrame({apart(name): values if name != "categoría" else list(map(apart, values))
                          for name, values in columns.items()})  # fmt: skip
    whole.write_parquet(tmp_path / "whole.parquet")
    split.write_csv(tmp_path / "split.csv")
    runs = [train(frame, tmp_path / str(number), label=label, drop=drop) for number, (frame, label, drop) in enumerate([
        (split, "categoría", "año"), (split, apart("categoría"), apart("año")), (whole, apart("categoría"), "año"),
        (str(tmp_path / "split.csv"), "categoría", apart("año")),
        (str(tmp_path / "whole.parquet"), apart("categoría"), "año"),
    ])]  # fmt: skip
    for run in runs:
        assert run.evaluate(whole.head(30)).accuracy == run.evaluate(split.head(30)).accuracy
        assert len(run.evaluate(split.head(30)).costs) == 30
        for name in ("whole.parquet", "split.csv"):
            assert run.evaluate(tmp_path / name).accuracy == runs[0].evaluate(tmp_path / "split.csv").accuracy


def test_columns_whose_names_differ_by_form_alone_are_refused(tmp_path):
    frame = pl.DataFrame({"é": [1.5, 2.5], apart("é"): [1, 2], "label": ["p", "q"]})
    frame.write_parquet(tmp_path / "a.parquet")
    for load in (lambda: ds.from_frame(frame, "label"), lambda: ds.load(str(tmp_path / "a.parquet"))):
        with pytest.raises(DataError, match="two columns are called 'é'; rename one"):
            load()


def test_folders_that_are_being_removed_are_not_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "cache_of", lambda name: tmp_path / name)
    for name in ("k-1", ".k-1.123.tmp"):
        (tmp_path / cache.ROWS / name).mkdir(parents=True)
        (tmp_path / cache.ROWS / name / "manifest.json").touch()
    assert [folder.name for folder in cache.converted()] == ["k-1"]
