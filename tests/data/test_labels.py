"""Labels in users' forms, in files and in Python: they become one class per row, or the error names the row."""

import re

import numpy as np
import polars as pl
import pytest

import descenso as ds
from descenso.data.dataset import Split
from descenso.data.labels import in_one_axis, plain_labels, recoded
from descenso.errors import DataError, DataNote

ROWS = np.random.default_rng(0).normal(size=(12, 3))
CODES = np.arange(12) % 3
WORDS = np.array(["ape", "bat", "cat"])[CODES]


def read(labels, tmp_path, test=None):
    """Return the dataset, and check that a file and arrays in memory give the same."""
    test = labels if test is None else test
    np.savez(tmp_path / "rows.npz", x_train=ROWS, y_train=labels, x_test=ROWS, y_test=test)
    of_file = ds.load(str(tmp_path / "rows.npz"))
    of_arrays = ds.from_arrays(ROWS, labels, test=(ROWS, test))
    assert of_file.class_names == of_arrays.class_names
    for split in ("train", "test"):
        np.testing.assert_array_equal(getattr(of_file, split).labels, getattr(of_arrays, split).labels)
    return of_file


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 1, 1)])
@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "f8", ">i4"])
def test_whole_numbers_of_any_type_in_one_axis_or_a_column(shape, dtype, tmp_path):
    data = read(CODES.reshape(shape).astype(dtype), tmp_path)
    assert data.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(data.train.labels, CODES)


def test_a_column_beside_labels_in_one_axis(tmp_path):
    np.testing.assert_array_equal(read(CODES, tmp_path, test=CODES[:, None]).test.labels, CODES)


@pytest.mark.parametrize("labels", [WORDS, WORDS.astype("S"), WORDS[:, None], np.char.add(WORDS, " ")])
def test_text_bytes_and_blanks_around_them(labels, tmp_path):
    data = read(labels, tmp_path)
    assert data.class_names == ("ape", "bat", "cat")
    np.testing.assert_array_equal(data.train.labels, CODES)


def test_objects_of_one_type():
    for labels, names in (
        (list(WORDS), ("ape", "bat", "cat")),
        ([word.encode() for word in WORDS], ("ape", "bat", "cat")),
        (list(map(int, CODES)), ("0", "1", "2")),
        ([float(code) for code in CODES], ("0", "1", "2")),
        ([bool(code) for code in CODES], ("False", "True")),
    ):
        assert ds.from_arrays(ROWS, np.array(labels, object), test_fraction=0.25).class_names == names


def test_truth_values_and_labels_from_1(tmp_path):
    assert read(CODES > 0, tmp_path).class_names == ("False", "True")
    data = read(CODES + 1, tmp_path)
    assert data.class_names == ("1", "2", "3")
    np.testing.assert_array_equal(data.train.labels, CODES)


def test_bytes_that_are_no_utf8_stay_different():
    labels = np.array([b"a\xf1o", b"a\xf2o"] * 6)
    assert ds.from_arrays(ROWS, labels, test_fraction=0.25).class_names == ("año", "aòo")


@pytest.mark.parametrize("labels", [CODES[:, None] * 0 + 1, np.ones((12, 1))])
def test_a_column_of_ones_is_one_class_and_not_class_0(labels, tmp_path):
    with pytest.raises(DataError, match="one class only; give rows of at least two"):
        read(labels, tmp_path)


GAP = r": row 5 of y_train is {}: no label; give it one, or leave the row out of both arrays$"


def changed(labels, value, dtype=object):
    made = np.array(labels, dtype)
    made[5] = value
    return made


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (changed(CODES, np.nan, float), GAP.format("nan")),
        (changed(CODES, np.nan, float)[:, None], GAP.format("nan")),
        (changed(WORDS, ""), GAP.format("''")),
        (changed(WORDS, "  "), GAP.format("''")),
        (changed(WORDS, None), GAP.format("None")),
        (changed(WORDS, float("nan")), GAP.format("nan")),
        (changed(WORDS, 7), r"row 5 of y_train is 7, of type int; expected whole numbers, or text, in each row$"),
        (changed(CODES, "x"), r"row 5 of y_train is 'x', of type str; expected"),
        (changed(CODES, [1]), r"row 5 of y_train is \[1\], of type list; expected"),
        (changed(CODES, 0.5, float), r"row 5 of y_train is 0.5, of type float64; labels are whole numbers or text"),
        (changed(CODES, np.inf, float), r"row 5 of y_train is inf, of type float64; labels"),
        (changed(CODES, 1e300, float), r"row 5 of y_train is 1e\+300, of type float64; labels"),
    ],
)
def test_what_is_no_label_is_refused_with_its_row(labels, told):
    with pytest.raises(DataError, match=told):
        ds.from_arrays(ROWS, labels, test_fraction=0.25)


def test_numbers_to_predict_are_no_classes():
    prices = np.arange(60) * 7
    told = "arrays: 'y' has 60 classes in 60 rows: it names or counts the rows; give other labels"
    with pytest.raises(DataError, match=re.escape(told)):
        ds.from_arrays(np.ones((60, 2)), prices, test_fraction=0.25)
    assert ds.from_arrays(np.ones((60, 2)), np.arange(60) % 12, test_fraction=0.25).num_classes == 12


@pytest.mark.parametrize(
    ("labels", "mend"),
    [
        (np.eye(12, dtype=int), "if they are one-hot, give numpy.argmax"),
        (np.eye(12) * 0.9, "if they are one-hot, give numpy.argmax"),
        (np.ones((12, 4), int), r"a row has one class only: .* such as labels\[:, 0\]"),
        (CODES[None], r"give labels\.ravel\(\)"),
    ],
)
def test_several_labels_a_row(labels, mend):
    with pytest.raises(DataError, match=f"expected one label a row; {mend}"):
        ds.from_arrays(ROWS, labels, test_fraction=0.25)


def test_rows_in_the_last_axis_are_told():
    with pytest.raises(DataError, match=r"8 rows of inputs and 12 labels; .* numpy\.moveaxis\(inputs, -1, 0\)$"):
        ds.from_arrays(np.ones((8, 8, 12)), CODES, test_fraction=0.25)


def test_a_dataset_made_by_hand_and_rows_to_evaluate(tmp_path):
    data = ds.from_arrays(ROWS, CODES, test=(ROWS, CODES))
    by_hand = data._replace(train=data.train._replace(labels=data.train.labels[:, None]))
    run = ds.train(by_hand, epochs=1, engine="eager", out=tmp_path / "run")
    for labels in (CODES, CODES[:, None], CODES.astype(float), list(map(str, CODES))):
        assert run.evaluate(ROWS, labels).accuracy == run.evaluate().accuracy


def test_empty_and_scalar_labels_are_left_as_they_are():
    assert in_one_axis(np.zeros((0, 1))).shape == (0, 1)
    assert plain_labels("made", "y", np.array(3)).shape == ()


SIMILAR = [("cat", "Cat"), ("ni\u00f1o", "nin\u0303o"), ("cat", "cat\u200b"), ("two  words", "two words")]


@pytest.mark.parametrize("pair", SIMILAR)
def test_names_that_look_alike_are_warned_of_in_each_format(pair, tmp_path):
    labels = np.array([*pair, "other"] * 4)
    shown = " / ".join(map(ascii, sorted(pair))) if "\u0303" in pair[1] else " / ".join(map(repr, sorted(pair)))
    warning = f"warning: classes whose names differ by case or notation alone: {shown}; are they the same?"
    np.savez(tmp_path / "rows.npz", x=ROWS, y=labels)
    (tmp_path / "rows.csv").write_text("a,b,kind\n" + "".join(f"{row},{row % 5},{x}\n" for row, x in enumerate(labels)))
    made = [ds.from_arrays(ROWS, labels), ds.load(str(tmp_path / "rows.npz"))]
    made.append(ds.load(str(tmp_path / "rows.csv"), label="kind"))
    if "\u0303" in pair[1]:  # a table's letters are composed
        assert made.pop().num_classes == 2
    for data in made:
        assert data.num_classes == 3
        assert data.notes.count(warning) == 1
        (finding,) = [one for one in ds.doctor.data(data) if one.rule == "similar-class-names"]
        assert shown.replace(" / ", ", ") in finding.saw


@pytest.mark.parametrize("pair", [("ni\u00f1o", "nin\u0303o"), ("\ud55c", "\u1112\u1161\u11ab"), ("\u00c5", "\u212b")])
def test_text_of_a_table_is_composed(pair, tmp_path):
    rows = "".join(f"{row * 0.3},{(*pair, 'z')[row % 3]},{row // 8}\n" for row in range(16))
    (tmp_path / "rows.csv").write_text("a,b,kind\n" + rows)
    data = ds.load(str(tmp_path / "rows.csv"), label="b")
    assert set(data.class_names) == {pair[0], "z"}
    data = ds.load(str(tmp_path / "rows.csv"), label="kind")
    assert set(data.columns) == {"a", f"b={pair[0]}", "b=z"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_of_columns_are_composed(suffix, tmp_path):
    """A name is found as it is seen, whether its accents are characters of their own or not."""
    split, whole = ("an\u0303o", "me\u0301dia"), ("a\u00f1o", "m\u00e9dia")
    loaded = []
    for number, names in enumerate([split, whole]):
        path = tmp_path / f"{number}{suffix}"
        frame = pl.DataFrame({names[0]: ["a", "b"] * 20, names[1]: np.arange(40) * 0.7, "other": np.arange(40) * 0.3})
        frame.write_csv(path) if suffix == ".csv" else frame.write_parquet(path)
        for label, drop in (split, whole):
            data = ds.load(str(path), label=label, drop=drop)
            assert (data.class_names, data.columns) == (("a", "b"), ("other",))
        loaded.append(ds.load(str(path), label="a\u00f1o"))
        assert ds.from_frame(frame, "an\u0303o").columns == loaded[-1].columns
    assert loaded[0].columns == loaded[1].columns == (whole[1], "other")


@pytest.mark.parametrize(("names", "given", "known"), [
    (("0", "1"), ["0.0", "1.0", "1.0"], "0"),
    (("0.0", "1.0"), ["0", "1", "1"], "0.0"),
    (("0", "1"), ["0.0", "1.5", "1.0"], None),
    (("7", "8"), ["007", "8", "8"], None),
    (("9007199254740993", "8"), ["9007199254740992.0", "8", "8"], None),
    (("1", "1.0"), ["1.00", "1", "1"], None),
])  # fmt: skip
def test_a_number_written_in_another_way_is_the_class(names, given, known):
    classes, codes = np.unique(given, return_inverse=True)
    rows = Split(np.zeros((3, 2)), codes.astype(np.int32))
    if known is None:
        with pytest.raises(DataError, match="which no training row has"):
            recoded("rows", rows, tuple(classes.tolist()), names)
        return
    with pytest.warns(DataNote, match=f"labels that are written in another way, such as '{given[0]}', .* '{known}'$"):
        assert recoded("rows", rows, tuple(classes.tolist()), names).labels.tolist() == [0, 1, 1]


def test_names_that_differ_are_not_warned_of():
    labels = ["1", "10", "9007199254740993", "9007199254740992", "a1", "a 1"] * 2
    assert not [note for note in ds.from_arrays(ROWS, labels).notes if "notation" in note]
