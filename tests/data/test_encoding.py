"""Columns of any kind as inputs: encoded, filled in, left out or refused, and the record of it in a run."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from descenso.data.catalog import load, rows_to_test
from descenso.data.encoding import Cells, Column, Encoding, LeftOut
from descenso.data.inputs import read_inputs
from descenso.data.memory import from_frame
from descenso.data.sources import Expected, Limits, Sources
from descenso.errors import ConfigError, DataError, DataNote

ROWS = 40


@pytest.fixture
def write(tmp_path):
    def write(columns, name="data.csv", separator=","):
        path = tmp_path / name
        lines = [list(columns), *map(list, zip(*columns.values(), strict=True))]
        path.write_text("\n".join(separator.join(map(str, line)) for line in lines), encoding="utf-8")
        return path

    return write


def columns(**more):
    """Return two random numeric columns, the columns `more`, and the label."""
    random = np.random.default_rng(0)
    numbers = {name: np.round(random.normal(size=ROWS), 3).tolist() for name in "ab"}
    return {**numbers, **more, "kind": ["cat", "dog"] * (ROWS // 2)}


def text(*values):
    return [values[row % len(values)] for row in range(ROWS)]


def test_text_becomes_an_input_for_each_value(write):
    data = load(str(write(columns(city=text("Rome", "Oslo", "Rome", "Lima")))), label="kind", seed=1)
    assert data.columns == ("a", "b", "city=Lima", "city=Oslo", "city=Rome")
    assert (data.train.inputs[:, 2:].sum(axis=1) == 1).all()
    both = np.concatenate([data.train.inputs, data.test.inputs])
    assert both[:, 2:].sum(axis=0).tolist() == [10, 10, 20]
    assert "Text, one input for each value: city (3)" in data.notes


def test_true_and_false_are_one_and_zero(write):
    data = load(str(write(columns(open=text("TRUE", "False")))), label="kind")
    assert data.columns == ("a", "b", "open")
    assert set(data.train.inputs[:, 2]) == {0.0, 1.0}
    assert "True and false, read as 1 and 0: open" in data.notes


@pytest.mark.parametrize("mark", ["", "NA", "n/a", "NaN", "null", "?", " ? "])
def test_a_missing_number_becomes_the_median_of_the_training_rows_and_an_indicator(mark, write):
    values = [f"{row * row}" if row % 4 else mark for row in range(ROWS)]
    data = load(str(write(columns(size=values))), label="kind", seed=2)
    assert data.columns == ("a", "b", "size", "size is missing")
    size, missing = data.train.inputs[:, 2], data.train.inputs[:, 3]
    assert 0 < missing.sum() < len(missing)
    median = np.median(size[missing == 0])
    assert set(size[missing == 1]) == {median}
    test = data.test.inputs
    assert set(test[test[:, 3] == 1, 2]) <= {median}  # the median of the training rows
    assert "Missing values, replaced by the median; a further input says where: size (10)" in data.notes


def test_a_missing_word_is_a_category_of_its_own(write):
    data = load(str(write(columns(city=text("Rome", "?", "Oslo", "Rome")))), label="kind")
    assert data.columns == ("a", "b", "city=Oslo", "city=Rome", "city is missing")
    assert (data.train.inputs[:, 2:].sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([f"2024-05-{row % 28 + 1:02}" for row in range(ROWS)], "dates or times"),
        ([f"{row % 28 + 1}/5/2024 10:30" for row in range(ROWS)], "dates or times"),
        ([f"{row % 24}:30" for row in range(ROWS)], "dates or times"),
        ([f"May {row % 28 + 1} 2024" for row in range(ROWS)], "dates or times"),
        ([f"word {row}" for row in range(ROWS)], "text with 40 different values, too many for an input each"),
        (range(ROWS), "it counts or names the rows"),
        (range(1, ROWS + 1), "it counts or names the rows"),
        (["7"] * ROWS, "it has one value only, 7"),
        (["red"] * ROWS, "it has one value only, red"),
        ([""] * ROWS, "it has no values"),
        (["NA"] * ROWS, "it has no values"),
    ],
)
def test_what_cannot_be_learned_from_is_left_out(values, reason, write):
    data = load(str(write(columns(extra=values))), label="kind")
    assert data.columns == ("a", "b")
    assert f"Column 'extra' is left out: {reason}" in data.notes


def test_an_index_without_a_name_is_left_out_in_any_order(write):
    shuffled = np.random.default_rng(1).permutation(ROWS) + 100
    data = load(str(write({"": shuffled, **columns()})), label="kind")
    assert data.columns == ("a", "b")
    named = load(str(write({"id": shuffled, **columns()})), label="kind")
    assert named.columns == ("id", "a", "b")


def test_some_words_among_numbers_are_refused(write):
    values = [str(row * 1.5) for row in range(ROWS)]
    values[7] = "1o"
    path = write(columns(size=values))
    told = "row 8, column 'size': '1o' is no number; make it one, or empty where the value is missing, or leave the "
    with pytest.raises(DataError, match=re.escape(f"{path}, {told}column out: --drop size")):
        load(str(path), label="kind")
    values[9] = "2o"
    with pytest.raises(DataError, match=r"'1o' is no number, and neither are 1 others of 40 values; make it one"):
        load(str(write(columns(size=values))), label="kind")
    assert load(str(path), label="kind", drop="size").columns == ("a", "b")  # the advice works


def test_infinite_values_are_refused(write):
    values = [str(row * 1.5) for row in range(ROWS)]
    values[3] = "-inf"
    with pytest.raises(DataError, match=r"row 4, column 'size': -inf is no number"):
        load(str(write(columns(size=values))), label="kind")


def test_nothing_left_is_refused(write):
    path = write({"id": range(ROWS), "kind": text("cat", "dog")})
    with pytest.raises(DataError, match=r"no column is left to learn from: Column 'id' is left out: it counts"):
        load(str(path), label="kind")


@pytest.mark.parametrize("name", ["label", "Class", "TARGET", "y", "species", "especie"])
def test_a_label_is_taken_by_its_name(name, write):
    rows = {**columns(city=text("Rome", "Oslo")), name: text("1", "0", "1")}
    data = load(str(write(rows)))
    assert data.class_names == ("0", "1")
    assert f"column {name!r} is taken for the label; another: --label NAME" in data.notes
    assert data.encoding.label == name


def test_else_the_only_column_of_text_is_the_label(write):
    data = load(str(write(columns(open=text("true", "false")))))
    assert (data.class_names, data.columns) == (("cat", "dog"), ("a", "b", "open"))
    path = write(columns(city=text("Rome", "Oslo")))
    with pytest.raises(
        ConfigError, match=r"which column holds the labels\? its columns are a, b, city, kind; try --label kind$"
    ):
        load(str(path))
    both = {"label": text("x", "y"), "species": text("p", "q"), **columns()}
    with pytest.raises(ConfigError, match=r"which column holds the labels\?"):
        load(str(write(both)))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([f"{row / 7:.3f}" for row in range(ROWS)], "40 classes in 40 rows: a number to predict is no class"),
        ([row // 2 for row in range(ROWS - 2)] + [90, 91], "21 classes in 40 rows: a number to predict is no class"),
        ([f"{row % 12}.5" for row in range(ROWS)], "12 classes in 40 rows: a number to predict is no class"),
        (range(7000, 7000 + ROWS), "40 classes in 40 rows: it names or counts the rows"),
        ([f"name {row}" for row in range(ROWS)], "40 classes in 40 rows: it names or counts the rows"),
        ([f"name {row // 2}" for row in range(ROWS - 2)] + ["x", "y"], "21 classes in 40 rows: these are no classes"),
    ],
)
def test_a_label_of_many_values_is_refused(values, reason, write):
    path = write(columns(price=values))
    told = f"{path}: 'price' has {reason}"
    with pytest.raises(DataError, match=re.escape(told)):
        load(str(path), label="price")


def test_whole_floats_are_labels_as_whole_numbers_are():
    frame = pl.DataFrame({"a": np.arange(20) ** 2.0, "y": [1.0, 0.0] * 10})
    assert from_frame(frame, "y").class_names == ("0", "1")
    with pytest.raises(DataError, match="a number to predict is no class"):
        from_frame(pl.DataFrame({"a": np.arange(20) ** 2.0, "y": np.arange(20) / 3}), "y")


def test_class_names_that_look_like_one_are_named(write):
    data = load(str(write({**columns(), "kind": text("Red", "red", "1", "1.0", "x", "NA")})), label="kind")
    assert data.num_classes == 6
    alike, missing = "'1' / '1.0', 'Red' / 'red'", "a class is called 'NA'"
    assert any(alike in sentence for sentence in data.notes)
    assert any(missing in sentence for sentence in data.notes)


def test_without_a_share_a_fifth_is_tested_on(write):
    data = load(str(write(columns())), label="kind")
    assert (len(data.train.labels), len(data.test.labels)) == (32, 8)
    assert sum("a fifth of the rows is kept to test on" in sentence for sentence in data.notes) == 1
    with pytest.raises(ConfigError, match=r"test_fraction must be in \[0, 1\), got 1.5; try --test-fraction 0.2"):
        load(str(write(columns())), label="kind", test_fraction=1.5)
    more = load(str(write(columns())), label="kind", test_fraction=0.5)
    assert len(more.test.labels) == 20
    assert not any("a fifth" in sentence for sentence in more.notes)


def test_only_training_rows_are_fitted(write):
    """A value that only test rows have becomes no input, and a note says so."""
    names = ["common"] * ROWS
    path = write(columns(city=names))
    test = load(str(path), label="kind", seed=4, drop="city").test.inputs[:, 0]
    numbers = columns()["a"]
    for row, number in enumerate(numbers):
        names[row] = "rare" if number in test else ("common", "usual")[row % 2]
    data = load(str(write(columns(city=names))), label="kind", seed=4)
    assert data.columns == ("a", "b", "city=common", "city=usual")
    assert (data.test.inputs[:, 2:] == 0).all()
    assert "city: 'rare' in 8 rows, and in no training row; none of its inputs is set" in data.notes


@pytest.fixture
def trained(write):
    """A dataset, and the inputs that a model trained on it expects."""
    rows = columns(city=text("Rome", "Oslo", "", "Rome"), size=[str(row % 7) if row % 5 else "" for row in range(ROWS)])
    data = load(str(write(rows)), label="kind")
    kept = Encoding.of_plain(json.loads(json.dumps(data.encoding.plain())))
    assert kept == data.encoding
    return data, Expected(data.input_shape, data.columns, "float64", encoding=kept)


def test_rows_to_predict_are_encoded_alike(trained, tmp_path):
    data, expected = trained
    path = tmp_path / "new.csv"
    path.write_text("size,note,city,b,a\n3,x,Rome,0.5,1.5\n?,y,,0.5,2.5\n", encoding="utf-8")
    inputs, names = read_inputs([path], expected, Limits())
    assert data.columns == ("a", "b", "city=Oslo", "city=Rome", "city is missing", "size", "size is missing")
    median = data.encoding.columns[3].fill
    assert inputs.tolist() == [[1.5, 0.5, 0, 1, 0, 3, 0], [2.5, 0.5, 0, 0, 1, median, 1]]
    assert names == [f"{path}:1", f"{path}:2"]


def test_values_that_no_training_row_has_are_said(trained, tmp_path):
    _data, expected = trained
    path = tmp_path / "new.csv"
    path.write_text("a,b,city,size\n,0.5,Paris,1\n1,0.5,Rome,1\n", encoding="utf-8")
    with pytest.warns(DataNote) as said:
        inputs, _names = read_inputs([path], expected, Limits())
    a = expected.encoding.columns[0].fill
    assert inputs[0].tolist() == [a, 0.5, 0, 0, 0, 1, 0]
    assert [str(one.message) for one in said] == [
        f"{path}: a: missing in 1 row, and in no training row; read as the median, {a:g}",
        f"{path}: city: 'Paris' in 1 row, and in no training row; none of its inputs is set",
    ]


@pytest.mark.parametrize(("factor", "rows", "is_said"), [(1 / 1000, 6, True), (1000, 6, True), (3, 6, False),
                                                         (1 / 1000, 4, False)])  # fmt: skip
def test_values_of_another_scale_are_said(factor, rows, is_said, tmp_path):
    """As 1.234 is where the training rows have 1234: decimals, or thousands."""
    path, new = tmp_path / "data.csv", tmp_path / "new.csv"
    header = "income,rate,kind\n"
    path.write_text(header + "".join(f"{1100 + 7 * row},{row - 25},{'uv'[row % 2]}\n" for row in range(50)))
    data = load(str(path))
    expected = Expected(data.input_shape, data.columns, "float64", encoding=data.encoding)
    new.write_text(header + "".join(f"{(1101 + row) * factor:.3f},0.5,u\n" for row in range(rows)))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        read_inputs([new], expected, Limits())
    told = [str(one.message) for one in said]
    assert [("income: values from" in one) and ("unit and decimal mark" in one) for one in told] == [True] * is_said
    assert any("income: values" in one for one in rows_to_test(str(new), encoded=data.encoding).notes) == is_said


def test_a_column_of_numbers_is_read_as_such(trained, tmp_path):
    _data, expected = trained
    path = tmp_path / "new.csv"
    path.write_text("a,b,city,size\nx,0.5,Rome,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="row 1, column 'a': 'x' is no number"):
        read_inputs([path], expected, Limits())
    path.write_text("a,b,size\n1,0.5,1\n", encoding="utf-8")
    with pytest.raises(
        DataError, match="the columns city are missing, which the model reads; its columns are a, b, size"
    ):
        read_inputs([path], expected, Limits())


def test_rows_to_test_on_need_no_label_named(trained, write):
    data, _expected = trained
    rows = columns(city=text("Rome", "Oslo", ""), size=text("1", ""))
    test = rows_to_test(str(write(rows, "more.csv")), encoded=data.encoding)
    assert (test.columns, len(test.test.labels), test.class_names) == (data.columns, ROWS, ("cat", "dog"))


def test_parquet_and_frames_are_read_alike(write, tmp_path):
    rows = columns(city=text("Rome", "Oslo", None), open=text(True, False), size=text(1, 2, 3, None))
    frame = pl.DataFrame(rows)
    frame.write_parquet(tmp_path / "data.parquet")
    csv = {name: ["" if value is None else value for value in values] for name, values in rows.items()}
    read = [load(str(write(csv)), label="kind"), load(str(tmp_path / "data.parquet"), label="kind"),
            from_frame(frame, "kind"), from_frame(pd.DataFrame(rows), "kind")]  # fmt: skip
    for data in read[1:]:
        assert data.columns == read[0].columns
        np.testing.assert_array_equal(data.train.inputs, read[0].train.inputs)
        np.testing.assert_array_equal(data.test.inputs, read[0].test.inputs)


def test_dates_and_lists_of_parquet_are_left_out(tmp_path):
    frame = pl.DataFrame(columns()).with_columns(
        pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 9)).alias("day"),
        pl.Series("list", [[1]] * ROWS))  # fmt: skip
    frame.write_parquet(tmp_path / "data.parquet")
    data = load(str(tmp_path / "data.parquet"), label="kind")
    assert data.columns == ("a", "b")
    assert [column.reason for column in data.encoding.left_out] == ["dates", "type"]


def test_limits_hold_after_encoding(write):
    rows = columns(city=text(*"abcdefgh"))
    path = write(rows)
    limits = Limits(columns=9)
    with pytest.raises(DataError, match=r"columns would be 10, the limit is 9; try --limit columns=10"):
        load(str(path), label="kind", sources=Sources(limits))


def test_names_too_long_to_be_kept_are_refused(write):
    values = [f"{'x' * 40_000}{row % 20}" for row in range(ROWS)]
    with pytest.raises(
        DataError, match=r"its columns and their values take \d+ bytes, at most 524288 can be kept; .*--drop city"
    ):
        load(str(write(columns(city=values))), label="kind")


def test_numeric_only_refuses_what_it_would_encode(write):
    path = write(columns(city=text("Rome", "Oslo"), id=range(ROWS)))
    with pytest.raises(
        DataError, match=r"column 'city': 'Rome' is no number; make it one, --drop city, or leave --numeric-only out"
    ):
        load(str(path), label="kind", numeric_only=True)
    assert load(str(path), label="kind", numeric_only=True, drop="city").columns == ("a", "b", "id")
    with pytest.raises(DataError, match=r"row 1, column 'size': no value; fill it in, or leave the row out"):
        load(str(write(columns(size=text("", "1")))), label="kind", numeric_only=True)


@pytest.mark.parametrize(
    "change",
    [
        {"columns": []},
        {"columns": 3},
        {"columns": [{"name": "a", "kind": "picture"}]},
        {"columns": [{"name": "a", "kind": "number", "fill": float("nan")}]},
        {"columns": [{"name": "a", "kind": "category", "categories": ["x", "x"]}]},
        {"columns": [{"name": "a", "kind": "number", "categories": ["x"]}]},
        {"left_out": [{"name": "a", "reason": "whim", "detail": ""}]},
        {"decimal": "x"},
        {"strict": 1},
        {"label": None},
        {"unnamed": [1]},
    ],
)
def test_what_is_no_encoding_is_refused(change):
    plain = Encoding((Column("a", "number", missing=True, fill=2.5),), (LeftOut("b", "dates"),), "y").plain()
    assert Encoding.of_plain(plain).inputs == ("a", "a is missing")
    with pytest.raises((ValueError, TypeError, KeyError)):
        Encoding.of_plain({**plain, **change})


def test_blocks_of_rows_are_written_as_one():
    random = np.random.default_rng(0)
    rows = 5000
    cells = (Cells("n", "number", np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows))),
             Cells("c", "category", random.integers(-1, 3, rows).astype(np.int32), ("x", "y", "z")))  # fmt: skip
    encoding = Encoding(()).fit(cells, np.arange(rows), "data")
    chosen = random.permutation(rows)
    inputs, notes = encoding.apply(cells, chosen)
    wanted = np.zeros((rows, 6))
    numbers, codes = cells[0].values[chosen], cells[1].values[chosen]
    wanted[:, 0] = np.where(np.isnan(numbers), np.nanmedian(numbers), numbers)
    wanted[:, 1] = np.isnan(numbers)
    wanted[np.arange(rows), 2 + np.where(codes < 0, 3, codes)] = 1
    np.testing.assert_array_equal(inputs, wanted)
    assert notes == ()
