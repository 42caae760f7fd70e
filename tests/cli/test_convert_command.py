"""`descenso data convert`, and training on data that is larger than what is read into memory."""

import json
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import descenso as ds
from command import run as invoke

RANDOM = np.random.default_rng(0)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table as CSV and Parquet in the current folder, of four classes in a column that no name gives away."""
    frame = pl.DataFrame({"height": RANDOM.normal(size=200).round(3), "town": ["Jaén", "Úbeda"] * 100,
                          "group of": np.arange(200) % 4, "row": np.arange(1, 201)})  # fmt: skip
    monkeypatch.chdir(tmp_path)
    frame.write_csv("big table.csv")
    frame.write_parquet("big.parquet")
    np.savez("arrays.npz", x=RANDOM.integers(256, size=(200, 64), dtype=np.uint8), y=np.arange(200) % 4)
    return frame


def test_a_table_is_converted_as_the_command_says(table):
    done = invoke("data", "convert", "big table.csv", "rows", "--label", "group of", "--test-fraction", "0.5")
    assert done.exit_code == 0
    assert "Text, one input for each value: town (2)" in done.stdout
    assert "Rows for training: 100; for validation: 0; for testing: 100" in done.stdout
    assert "To train on them: descenso train rows" in done.stdout
    done = invoke("data", "rows", "--json")
    assert [column["name"] for column in json.loads(done.stdout)["columns"]] == ["height", "town=Jaén", "town=Úbeda"]


@pytest.mark.slow
@pytest.mark.parametrize("line", [
    "'big table.csv' --label 'group of' --drop height,row --seed 3 --limit file_bytes=500",
    "big.parquet --label 'group of' --test-fraction 0.3 --limit array_bytes=500",
    "arrays.npz --test-fraction 0.3 --input-shape 8x8 --limit array_bytes=500",
])  # fmt: skip
def test_data_that_is_too_large_trains_directly_and_its_run_is_resumed_and_evaluated(line, table, monkeypatch):
    monkeypatch.setattr("descenso.data.cache.cache_of", lambda name: Path("cache", name).resolve())
    how = ["--engine", "eager", "--model", "softmax"]
    done = invoke("train", *shlex.split(line), *how, "--epochs", "2", "--out", "one")
    assert done.exit_code == 0
    assert f"its rows, more than are read into memory, stay in {Path('cache').resolve()}" in done.stdout
    written = {path: path.stat().st_mtime_ns for path in Path("cache").rglob("*.npy")}
    for words in (["doctor", *shlex.split(line)], ["resume", "one", "--epochs", "3"], ["evaluate", "one"]):
        limit = shlex.split(line)[-2:] if words[0] != "doctor" else []
        done = invoke(*words, *limit)
        assert done.exit_code == 0 or words[0] == "doctor", done.stderr  # which may find something
        assert {path: path.stat().st_mtime_ns for path in Path("cache").rglob("*.npy")} == written
    whole = shlex.split(line)[:-2]
    assert invoke("train", *whole, *how, "--epochs", "3", "--out", "two").exit_code == 0
    costs = [ds.open_run(name).history.costs for name in ("one", "two")]
    assert (costs[0] == costs[1]) == ("arrays" not in line)  # rows in files keep their order when some are held back
