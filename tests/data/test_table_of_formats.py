"""The table of formats: each row is complete, and the messages that list formats are made from it."""

import inspect
import re

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

import descenso as ds
from descenso.cli.data import data
from descenso.data import formats
from descenso.data.dataset import Dataset, Split
from descenso.data.formats import FORMATS, OPTIONS, Format, Reader, of_file, suffixes, titles
from descenso.data.inputs import read_inputs
from descenso.data.sources import Expected, Limits
from descenso.errors import ConfigError, DataError


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize("name", FORMATS)
def test_each_module_has_the_functions_that_its_row_says(name):
    row = FORMATS[name]
    wanted = {"read": True, "recognises": not row.suffixes, "read_inputs": bool(row.inputs), "read_raw": row.raw}
    for function, needed in wanted.items():
        if needed:
            assert parameters(getattr(row.reader, function)) == parameters(getattr(Reader, function))
    assert set(row.options) <= {*OPTIONS, "test_fraction"}


def test_no_suffix_is_of_two_formats():
    suffixes = [suffix for row in FORMATS.values() for suffix in row.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix == suffix.lower() for suffix in suffixes)


@pytest.fixture
def raw_format(monkeypatch):
    """A new format: adding one takes a module and a row of the table."""

    class Raw:
        @staticmethod
        def read(request):
            rows = np.fromfile(request.path, np.uint8).reshape(-1, 3).astype(np.float32)
            split = Split(rows, (np.arange(len(rows)) % 2).astype(np.int32))
            return Dataset(request.name, split, split, ("a", "b"))

        @staticmethod
        def read_inputs(paths, expected, limits):
            for path in paths:
                rows = np.fromfile(path, np.uint8).reshape(-1, 3).astype(np.float64)
                yield path, rows, ["row"] * len(rows)

    monkeypatch.setattr(formats, "import_module", lambda name: Raw)
    monkeypatch.setitem(FORMATS, "raw", Format("raw", "Raw bytes", (".raw",), (), inputs="Raw bytes"))


def test_a_row_is_all_that_a_format_needs(raw_format, tmp_path):
    path = tmp_path / "rows.RAW"
    path.write_bytes(bytes(range(12)))
    assert ds.load(str(path)).input_shape == (3,)
    inputs, _names = read_inputs([path], Expected((3,), stored="float64"), Limits())
    np.testing.assert_array_equal(inputs, np.arange(12.0).reshape(4, 3))
    with pytest.raises(ConfigError, match="--label is for CSV, Parquet only; leave --label out$"):
        ds.load(str(path), label="y")
    with pytest.raises(ConfigError, match="it has test rows of its own; leave --test-fraction out$"):
        ds.load(str(path), test_fraction=0.5)
    (tmp_path / "rows.xyz").touch()
    assert suffixes().endswith(", .raw")
    with pytest.raises(DataError, match=rf"whose name ends in {re.escape(suffixes())}$"):
        ds.load(str(tmp_path / "rows.xyz"))
    assert of_file(path) is FORMATS["raw"]


def test_help_lists_the_formats():
    app = Typer()
    app.command()(data)
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    assert f"a file: {titles()}." in shown
