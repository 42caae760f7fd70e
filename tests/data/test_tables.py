import gzip
import re
import sys
import zlib
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import descenso as ds
from descenso.data.catalog import load
from descenso.data.encoding import Encoding
from descenso.data.formats.tables import encoded_rows, read_table
from descenso.data.sources import Limits, Request
from descenso.errors import ConfigError, DataError, DataNote
from idx_files import beyond

FLOWERS = """length,width,open,species
5.1,3.5,True,setosa
7.0,3.2,False,versicolor
6.3,3.3,False,setosa
4.9,3,True,versicolor
"""
NUMBERS = [[5.1, 3.5, 1], [7.0, 3.2, 0], [6.3, 3.3, 0], [4.9, 3.0, 1]]


def refused(path, told):
    return pytest.raises(DataError, match=f"^{re.escape(f'{path}{told}')}")


@pytest.fixture
def write(tmp_path):
    def write(content, name="data.csv"):
        path = tmp_path / name
        if isinstance(content, pl.DataFrame):
            content.write_parquet(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


class Read(NamedTuple):
    inputs: np.ndarray
    columns: tuple
    labels: np.ndarray
    class_names: tuple


def read(path, label="species", strict=True, **limits):
    request = Request(str(path), Limits()._replace(**limits), label, numeric_only=strict)
    table = read_table(request)
    return Read(encoded_rows(table, request), tuple(one.name for one in table.cells), table.labels, table.class_names)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_csv(mark, separator, end, write):
    path = write(mark + FLOWERS.replace(",", separator).replace("\n", end) + end)
    table = read(path)
    np.testing.assert_array_equal(table.inputs, np.array(NUMBERS), strict=True)
    assert table.columns == ("length", "width", "open")
    assert table.class_names == ("setosa", "versicolor")
    np.testing.assert_array_equal(table.labels, np.array([0, 1, 0, 1], np.int32), strict=True)


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(["versicolor", "setosa"])])
def test_parquet(kind, write):
    frame = pl.DataFrame(
        {
            "length": [row[0] for row in NUMBERS],
            "open": [True, False, False, True],
            "species": pl.Series(["setosa", "versicolor", "setosa", "versicolor"], dtype=kind),
            "count": pl.Series([2**40, 2, 3, 4], dtype=pl.Int64),
        }
    )
    table = read(write(frame, "data.parquet"))
    assert table.columns == ("length", "open", "count")
    np.testing.assert_array_equal(table.inputs, [[5.1, 1, 2**40], [7.0, 0, 2], [6.3, 0, 3], [4.9, 1, 4]], strict=True)
    assert (table.class_names, table.labels.tolist()) == (("setosa", "versicolor"), [0, 1, 0, 1])


def test_floats_of_32_bits_stay(write):
    frame = pl.DataFrame({"a": pl.Series([0.1, 0.2], dtype=pl.Float32), "y": [7, 3]})
    table = read(write(frame, "data.parquet"), "y")
    np.testing.assert_array_equal(table.inputs, np.array([[0.1], [0.2]], np.float32), strict=True)
    assert (table.class_names, table.labels.tolist()) == (("3", "7"), [1, 0])


def test_whole_numbers_as_labels_are_sorted_by_value(write):
    table = read(write("a,y\n1,10\n2,9\n3,-1\n" + "4,9\n5,10\n6,-1\n"), "y")
    assert (table.class_names, table.labels.tolist()) == (("-1", "9", "10"), [2, 1, 0, 1, 2, 0])


def test_columns_are_picked_by_name_and_others_may_hold_anything(write):
    for path in (
        write("name,b,a\nx,1,2\n,3,4\n"),
        write(pl.DataFrame({"name": ["x", None], "b": [1, 3], "a": [2, 4]}), "data.parquet"),
    ):
        request = Request(str(path), label=None, encoded=Encoding.of_numbers(("a", "b")))
        assert encoded_rows(read_table(request), request).tolist() == [[2, 1], [4, 3]]
        with refused(path, ": the columns d, c are missing, which the model reads; its columns are name, b, a"):
            read_table(request._replace(encoded=Encoding.of_numbers(("a", "d", "c"))))


def test_it_is_split_and_standardised_by_its_training_rows(write):
    random = np.random.default_rng(1)
    rows = [f"{a},{b},7,{'xyz'[i % 3]}" for i, (a, b) in enumerate(random.normal(50, 9, (90, 2)).tolist())]
    data = load(str(write("a,b,c,y\n" + "\n".join(rows))), label="y", test_fraction=0.2, seed=3, numeric_only=True)
    assert data.columns == ("a", "b", "c")
    assert data.class_names == ("x", "y", "z")
    assert (np.bincount(data.train.labels).tolist(), np.bincount(data.test.labels).tolist()) == ([24] * 3, [6] * 3)
    np.testing.assert_allclose(data.scaling.shift, data.train.inputs.mean(axis=0))
    np.testing.assert_allclose(data.scaling.scale[:2], 1 / data.train.inputs.std(axis=0)[:2])
    assert (data.scaling.shift[2], data.scaling.scale[2]) == (7, 1)
    assert not np.allclose(data.scaling.shift[:2], np.r_[data.train.inputs, data.test.inputs].mean(axis=0)[:2])
    where = {tuple(map(float, row.split(",")[:2])): "xyz".index(row[-1]) for row in rows}
    for inputs, labels, _weights in (data.train, data.test):
        assert [where[tuple(row[:2])] for row in inputs.tolist()] == labels.tolist()
    assert len(set(data.train.labels[:20].tolist())) == 3


def test_the_label_must_be_named(write):
    path = write(FLOWERS)
    told = "there is no column 'specie' (did you mean 'species'?); its columns are length, width, open, species"
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{path}: {told}')}$"):
        load(str(path), label="specie")
    many = [f"c{number}" for number in range(785)]
    path = write("\n".join(",".join(row) for row in (many, ["1"] * 785, ["2"] * 785)))
    told = f"which column holds the labels? its columns are {', '.join(many[:10])} and 775 more; try --label c784"
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{path}: {told}')}$"):
        load(str(path))


@pytest.mark.parametrize(
    ("row", "column", "cell", "told"),
    [
        (1, "length", "", "no value; fill it in, or leave the row out"),
        (4, "width", "", "no value; fill it in, or leave the row out"),
        (2, "open", "", "no value; fill it in, or leave the row out"),
        (3, "species", "", "no value; fill it in, or leave the row out"),
        (2, "length", "five", "'five' is no number"),
        (4, "width", "3;0", "'3;0' is no number"),
        (3, "open", "maybe", "'maybe' is no number"),
        (2, "width", "nan", "no value; fill it in, or leave the row out"),
        (2, "width", "inf", "inf is no number"),
        (3, "length", "-1e999", "-inf is no number"),
        (2, "length", "x" * 99, f"'{'x' * 40}' is no number"),
    ],
)
def test_a_cell_that_cannot_be_taken_is_named(row, column, cell, told, write):
    lines = [line.split(",") for line in FLOWERS.splitlines()]
    lines[row][lines[0].index(column)] = cell
    path = write("\n".join("\t".join(line) for line in lines))
    with refused(path, f", row {row}, column '{column}': {told}"):
        read(path)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ({"a": [1.0, None], "y": ["p", "q"]}, "row 2, column 'a': no value"),
        ({"a": [1.0, 2.0], "y": [None, "q"]}, "row 1, column 'y': no value"),
        ({"a": [1.0, np.nan], "y": ["p", "q"]}, "row 2, column 'a': no value"),
        (
            {"a": ["x", "2"], "y": ["p", "q"]},
            "column 'a': 'x' is no number; make it one, --drop a, or leave --numeric-only out",
        ),
        ({"a": [[1], [2]], "y": ["p", "q"]}, "column 'a': 'List(Int64)' is no number"),
        (
            {"a": [1, 2], "y": [[1], [2]]},
            "row 1, column 'y': labels of type List(Int64), expected text or whole numbers",
        ),
    ],
)
def test_a_value_of_parquet_that_cannot_be_taken_is_named(frame, told, write):
    path = write(pl.DataFrame(frame), "data.parquet")
    with refused(path, f", {told}"):
        read(path, "y")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b,y\n1,2,p\n1,2,3,q\n", ", row 2: 4 values, the header names 3 columns"),
        ("a,b,y\n1,2,p\n1,2\n", ", row 2, column 'y': no value"),
        ("a,b,y\n1,2,p,\n1,2,q,\n", ", row 1: 4 values, the header names 3 columns"),
        ("y,a,b\np,1\nq,2,3\n", ", row 1: 2 values, the header names 3 columns"),
        ("a,b,a,y\n1,2,3,p\n", ": two columns are called 'a'; rename one"),
        ("y\np\n", ": it has one column, 'y'; separate the cells by commas, semicolons, tabs or |"),
        ("a,y\n", ": no rows; give at least one"),
        ("", ": an empty file"),
        ("\n\n", ": an empty file"),
        (b"a,y\n1,\xff\n", ", byte 6: not UTF-8 text"),
        (b"a,y\n1,p\n" + b"2,p\n" * 300_000 + b"1,\xff\n", ", byte 1200010: not UTF-8 text"),
        (b"a\0,y\n1,2\n", ", line 1: a control character, which text does not have; is it a CSV file?"),
        ('a,y\n1,"p\n', ": "),  # the message of polars depends on its version
        ('a,y\n1,p\n2,"q\n3,p\n', ", line 3: a quotation mark that has no other"),
        ("a,y,\U0001d7d8\n1_0,p,1\n", ", column 'a': '1_0' is no number"),
        ("a" * 2**21, ": no row ends within 1048576 bytes"),
    ],
)
def test_a_text_that_is_no_table(text, told, write):
    path = write(text)
    with refused(path, told):
        read(path, "y")


@pytest.mark.parametrize(
    ("pack", "told"),
    [(gzip.compress, "an archive; unpack it, and give what is in it$"), (zlib.compress, ", byte [0-2]: not UTF-8 text"),
     (lambda text: zlib.compress(text, 1), ", byte [0-2]: not UTF-8 text"),
     (lambda text: b"PK\x03\x04" + text, "a spreadsheet; save its sheet as CSV, and give that file$")],
)  # fmt: skip
def test_packed_text_is_no_table(pack, told, write):
    """Polars would decompress it without a limit."""
    path = write(pack(FLOWERS.encode()))
    with pytest.raises(DataError, match=told):
        read(path)


def test_parquet_that_is_none(write):
    for content in (b"", b"PAR1", bytes(100), b"PAR1" + bytes(100) + b"\xff\xff\xff\x7fPAR1"):
        path = write(content, "data.parquet")
        with refused(path, ": cannot be read as a table ("):
            read(path, "y")


def test_limits_are_named(write):
    wide = ",".join(f"c{number}" for number in range(10_000)) + ",y\n"
    paths = {
        "csv": write(wide + "1," * 10_000 + "p\n"),
        "parquet": write(pl.DataFrame({f"c{number}": [1] for number in range(10_001)}), "wide.parquet"),
    }
    for path in paths.values():
        with beyond(path, "columns", 10_001, 4096):
            read(path, "y")
    paths = {
        "csv": write("a,b,y\n" + "1,2,p\n" * 100),
        "parquet": write(pl.DataFrame({"a": [1] * 100, "b": [2] * 100, "y": ["p"] * 100}), "long.parquet"),
    }
    for kind, path in paths.items():
        read(path, "y", rows=100, array_bytes=1600)
        for name, limit, value in (("rows", 99, 100), ("array_bytes", 1599, 1600), ("file_bytes", 9, None)):
            told = value or path.stat().st_size
            with beyond(path, name, told, limit):
                read(path, "y", **{name: limit})


def test_one_class_only_and_too_many(write):
    with pytest.raises(DataError, match=r": one class only; give rows of at least two$"):
        load(str(write("a,y\n1,p\n2,p\n")), label="y", test_fraction=0.5)
    path = write("a,y\n" + "".join(f"{number},c{number % 5000}\n" for number in range(50_000)))
    with refused(path, ": 5000 different labels, at most 4096 can be classes; is the label the right one?"):
        read(path, "y")


def test_without_polars(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    path = write(FLOWERS)
    message = f"{path}: tables are read by polars, which is not installed; try pip install 'descenso[tables]'"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        read(path)


def test_a_name_with_wildcards_is_a_name(write):
    """Polars would expand the name to several files."""
    write(FLOWERS, "data1.csv")
    assert len(read(write("a,species\n1,p\n", "data*.csv")).inputs) == 1


@given(st.data())
@settings(max_examples=60)
def test_a_damaged_parquet_file_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "scratch.parquet"
    pl.DataFrame({"a": [1.5, 2.5, 3.5], "y": ["p", "q", "p"]}).write_parquet(path)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        table = read(path, "y")
    except (DataError, ConfigError) as error:  # the damage may have changed the label's name
        assert str(error).startswith(str(path))
    else:
        assert np.isfinite(table.inputs).all()
        assert len(table.inputs) == len(table.labels)


def test_a_missing_label_is_named_of_whatever_type_it_is():
    for labels in ([0.0, 1.0, float("nan")], [0, 1, None]):
        frame = pl.DataFrame({"x": np.arange(30) * 0.1, "y": labels * 10}, strict=False)
        with pytest.raises(DataError, match=r"row 3, column 'y': no value; fill it in, or leave the row out"):
            ds.from_frame(frame, "y")
    frame = frame.with_columns(y=pl.Series([1e20, 2e20, 1e20] * 10))
    assert ds.from_frame(frame, "y").num_classes == 2


def test_frames_of_other_kinds():
    frame = pl.DataFrame({"x": np.arange(30) * 0.1, "ok": [True, None, False] * 10, "y": ["a", "b"] * 15})
    expected = ds.from_frame(frame, "y")
    assert expected.columns == ("x", "ok", "ok is missing")
    nullable = pd.DataFrame(frame.to_dict(as_series=False)).astype({"ok": "boolean"})
    for other in (frame.lazy(), nullable):
        np.testing.assert_array_equal(ds.from_frame(other, "y").train.inputs, expected.train.inputs)
    with pytest.raises(ConfigError, match=r"^frame: dict is no frame; make one, as by pandas\.DataFrame\(data\)$"):
        ds.from_frame(frame.to_dict(), "y")


def test_a_word_in_rows_for_a_model_is_no_total(tmp_path, write):
    run = ds.train(write("x,y\n" + "".join(f"{x / 7},{'pq'[x % 2]}\n" for x in range(30))),
                   label="y", epochs=1, engine="eager", out=tmp_path / "run")  # fmt: skip
    with pytest.raises(DataError, match="row 1, column 'x': 'many' is no number, which the model reads"):
        run.predict(write("x,z\nmany,1\n", "b.csv"))


def test_evaluating_says_what_predicting_says(tmp_path, write):
    rows = "".join(f"{x / 7},{('red', 'blue')[x % 2]},{'pq'[x % 2]}\n" for x in range(30))
    run = ds.train(write("x,c,y\n" + rows), label="y", epochs=1, engine="eager", out=tmp_path / "r")
    other = write("x,c,y\n" + rows.replace("red", "RED"), "b.csv")
    for ask in (run.predict, run.evaluate):
        with pytest.warns(DataNote, match="'RED' in 15 rows, and in no training row"):
            ask(other)
    far = write("x,c,y\n" + rows.replace(",red", "e5,red").replace(",blue", "e5,blue"), "c.csv")
    for ask in (run.predict, run.evaluate):
        with pytest.warns(DataNote, match="x: values from .* are unit and decimal mark the same"):
            ask(far)


def test_a_number_where_a_model_reads_truth_values_is_refused(tmp_path, write):
    frame = pl.DataFrame({"ok": [True, False] * 10, "x": np.arange(20) / 7, "y": ["p", "q"] * 10})
    run = ds.train(ds.from_frame(frame, "y"), epochs=1, engine="eager", out=tmp_path / "run")
    told = r"row 2, column 'ok': 2 is neither true nor false, as values of this column in the training data are"
    other = pl.DataFrame({"ok": [1, 2], "x": [0.5, 1.5]})
    for rows in (other, write(other, "new.parquet"), write("ok,x\n1,0.5\n2,1.5\n", "new.csv")):
        with pytest.raises(DataError, match=told):
            run.predict(rows)
    same = [np.asarray(run.predict(other.with_columns(ok=pl.Series(values)))) for values in ([1, 0], [True, False])]
    np.testing.assert_array_equal(*same)
