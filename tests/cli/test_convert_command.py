"""`descenso data convert`, and the lines that messages give for data that is larger than what is read into memory."""

import json
import re
import shlex

import numpy as np
import polars as pl
import pytest

from command import run as invoke
from descenso.errors import DataError

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
    "train 'big table.csv' --label 'group of' --drop height,row --seed 3 --limit file_bytes=500",
    "train big.parquet --label 'group of' --test-fraction 0.3 --limit array_bytes=500",
    "doctor big.parquet --label 'group of' --limit array_bytes=500",
    "train big.parquet --label 'group of' --limit file_bytes=500",
    "train arrays.npz --test-fraction 0.3 --input-shape 8x8 --limit array_bytes=500",
])  # fmt: skip
def test_the_lines_for_a_table_that_is_too_large_work_as_printed(line, table):
    with pytest.raises(DataError) as raised:
        invoke(*shlex.split(line))
    advice = re.search("; or convert it, which reads some rows at a time: (.*) && (.*)", str(raised.value))
    for command in advice.groups():
        words = shlex.split(command)
        assert words[0] == "descenso"
        done = invoke(*words[1:], *(["--engine", "eager", "--epochs", "1"] if words[1] == "train" else []))
        assert done.exit_code == 0
    data = json.loads(invoke("data", words[2], "--json").stdout)
    assert sum(data[part]["inputs_shape"][0] for part in ("train", "test")) == 200
