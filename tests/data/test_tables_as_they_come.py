"""Users' tables: what is read, the notes about it, and the errors with their advice."""

import re

import numpy as np
import pytest

from descenso.data.catalog import load
from descenso.errors import ConfigError, DataError

ROWS = 60
KINDS = np.arange(ROWS) % 3
WORDS = ("red", "green", "blue")
FIRST = np.round(2 * KINDS + np.random.default_rng(0).normal(0, 0.3, ROWS), 2)
SECOND = np.round(np.random.default_rng(1).normal(0, 1, ROWS), 2)
A, B = FIRST.tolist(), SECOND.tolist()
LABELS = [WORDS[kind] for kind in KINDS]
FIFTH = "a fifth of the rows is kept to test on"


def lines(*columns, separator=","):
    return "".join(f"{separator.join(map(str, row))}\n" for row in zip(*columns, strict=True))


PLAIN = lines(A, B, LABELS)


@pytest.fixture
def write(tmp_path):
    def write(text, codec="utf-8"):
        path = tmp_path / "data.csv"
        path.write_bytes(text.encode(codec))
        return str(path)

    return write


def notes_of(path, **how):
    data = load(path, **how)
    return data, "\n".join(data.notes)


def refused(told):
    return pytest.raises((ConfigError, DataError), match=told)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("a,b,kind\n" + PLAIN, "utf-8"),
        ("a,b,kind\n" + PLAIN, "utf-8-sig"),
        ("a,b,kind\n" + PLAIN, "utf-16"),
        (("a,b,kind\n" + PLAIN).replace("\n", "\r"), "utf-8"),
        (("a,b,kind\n" + PLAIN).replace(",", ";").replace(".", ","), "utf-8"),
        ("sep=;\n" + ("a,b,kind\n" + PLAIN).replace(",", ";"), "utf-8"),
        ('"sep=;"\n' + ("a,b,kind\n" + PLAIN).replace(",", ";"), "utf-8"),
        ("\n\na,b,kind\n" + PLAIN.replace("\n", "\n\n"), "utf-8"),  # blank lines everywhere
        ("a,b,kind\n" + PLAIN + ",,\n,,\n", "utf-8"),  # empty rows of a spreadsheet
        ("a,b,kind\n\n\n" + PLAIN, "utf-8"),
        ("a;b;kind\n \n" + PLAIN.replace(",", ";"), "utf-8"),
        ("# measured in May\n# by hand\na,b,kind\n" + PLAIN, "utf-8"),
        ("Measurements of 2024\n\na,b,kind\n" + PLAIN, "utf-8"),
        ("Measurements of 2024,,\n,,\na,b,kind\n" + PLAIN, "utf-8"),
        (" a ,\tb, kind\n" + PLAIN.replace(",", " , "), "utf-8"),
        ('a,b,kind\n"' + PLAIN.replace(",", '","').replace("\n", '"\n"')[:-1], "utf-8"),
    ],
)
def test_one_table_in_many_forms(text, codec, write):
    data, notes = notes_of(write(text, codec))
    assert (data.columns, data.class_names) == (("a", "b"), ("blue", "green", "red"))
    rows = np.r_[data.train.inputs, data.test.inputs]
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(np.c_[A, B], axis=0))
    assert FIFTH in notes
    assert "column 'kind' is taken for the label; another: --label NAME" in notes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# by hand\n# in May\na,b,kind\n" + PLAIN, "a line before the rows is left out: '# in May'"),
        ("May 2024\na,b,kind\n" + PLAIN, "a line before the rows is left out: 'May 2024'"),
        ("a,b,kind\n" + PLAIN + "\n3,1,red\n", "rows without any value are left out: 1"),
        (" a,b,kind\n" + PLAIN.replace("red", "red "), "blanks around 20 values are taken off"),
        (" a,b,kind\n" + PLAIN, "blanks around the name of 1 column are taken off"),
        ("a,,kind,\n" + lines(A, B, LABELS, [""] * ROWS), "Column 'col4' is left out: it has no values"),
        (",a,kind\n" + lines(range(ROWS), A, LABELS), "Column 'col1' is left out: it counts or names the rows"),
        ("a,n,kind\n" + lines(A, range(1, ROWS + 1), LABELS), "Column 'n' is left out: it counts or names the rows"),
        ("a,day,kind\n" + lines(A, [f"2024-05-{1 + row % 28:02}" for row in range(ROWS)], LABELS),
         "Column 'day' is left out: dates or times"),
        ("a,day,kind\n" + lines(A, [f"{1 + row % 28} de marzo de 2024" for row in range(ROWS)], LABELS),
         "Column 'day' is left out: dates or times"),
        ("a,day,kind\n" + lines(A, [f"\"Sept. {1 + row % 28}, 2024\"" for row in range(ROWS)], LABELS),
         "Column 'day' is left out: dates or times"),
        ("a,shop,label\n" + lines(A, [f"Market {row % 3}" for row in range(ROWS)], LABELS),
         "Text, one input for each value: shop (3)"),
        ("a,id,kind\n" + lines(A, [2**60 + row for row in range(ROWS)], LABELS),
         "Column 'id' is left out: whole numbers too large to be told apart, about 1.15292e+18"),
        ("a,b,kind\n" + lines(A, [f"{row % 20} %" for row in range(ROWS)], LABELS),
         "Column 'b' is left out: numbers with a unit, such as 0 %; to learn from them, take the unit off"),
        ("a,b,kind\n" + lines(A, [f'"${1000 + row}.50"' for row in range(ROWS)], LABELS),
         "Column 'b' is left out: numbers with a unit, such as $1000.50"),
        ("a,b,kind\n" + lines(A, [f'"3,{row % 90} kg"' for row in range(ROWS)], LABELS),
         "Column 'b' is left out: numbers with a unit, such as 3,0 kg"),
        ("a,b,kind\n" + lines(A, ["?"] * 9 + B[9:], LABELS), "a further input says where: b (9)"),
        ("a,b,kind\n" + lines(A, ["n/a", "NULL", ""] * 3 + B[9:], LABELS), "a further input says where: b (9)"),
        ("a,b,kind\n" + PLAIN + "9.0,9.0,Total\n", "classes with one row only, which are never tested on: 'Total'"),
        ("a;b;kind\n" + PLAIN.replace(",", ";").replace(".", ","), "numbers have a decimal comma"),
        (PLAIN, "the first row is data, like those below it"),
    ],
)  # fmt: skip
def test_what_is_done_is_said(text, told, write):
    assert told in notes_of(write(text))[1]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([label.title() if row % 2 else label for row, label in enumerate(LABELS)],
         "'Blue' / 'blue', 'Green' / 'green', 'Red' / 'red'; are they the same?"),
        ([f"{kind}.0" if row % 2 else kind for row, kind in enumerate(KINDS)],
         "'0' / '0.0', '1' / '1.0', '2' / '2.0'; are they the same?"),
        (["n/a" if row % 10 == 0 else label for row, label in enumerate(LABELS)], "a class is called 'n/a'"),
    ],
)  # fmt: skip
def test_class_names_that_are_doubtful_are_named(labels, told, write):
    notes = notes_of(write("a,b,kind\n" + lines(A, B, labels)), label="kind")[1]
    assert f"{told}" in notes
    assert "warning: " in notes


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ([f"{row / 7:.3f}" for row in range(ROWS)], "60 classes in 60 rows: a number to predict is no class"),
        ([1000 + row // 2 for row in range(ROWS)], "30 classes in 60 rows: a number to predict is no class"),
        ([f"{row % 15 / 2}" for row in range(ROWS)], "15 classes in 60 rows: a number to predict is no class"),
        ([7000 + row for row in range(ROWS)], "60 classes in 60 rows: it names or counts the rows"),
        ([f"P-{row}" for row in range(ROWS)], "60 classes in 60 rows: it names or counts the rows"),
        ([f"street {row // 2}" for row in range(ROWS)], "30 classes in 60 rows: these are no classes to learn"),
    ],
)
def test_a_number_to_predict_is_no_class(label, told, write):
    with refused(rf"'target' has {told}; give another --label, "):
        load(write("a,b,target\n" + lines(A, B, label)), label="target")


def test_what_to_do_with_a_number_is_said(write):
    with refused(r"or make a few classes of it, such as above and below 4\.1$"):
        load(write("a,target\n" + lines(A[:9], [1.5, 2.25, 3, 4, 4.1, 5, 6.5, 7, 8])), label="target")


@pytest.mark.parametrize(
    ("label", "doubted"),
    [
        ([1990 + row % 31 for row in range(310)], True),  # years
        ([18 + row % 25 for row in range(310)], True),  # ages
        ([row % 31 for row in range(310)], True),  # only ten rows of each value
        ([row % 31 for row in range(930)], False),  # numbered classes
        ([2007 + row % 3 for row in range(310)], False),
        ([row % 3 / 2 for row in range(310)], False),  # only three values, though decimals
    ],
)
def test_numbers_that_may_be_classes_are_doubted_or_not(label, doubted, write):
    data, notes = notes_of(write("a,target\n" + lines(np.arange(len(label)) % 7 / 4, label)), label="target")
    assert data.num_classes == len(set(label))
    told = f"warning: 'target' holds {len(set(label))} different numbers, each a class without an order; is it a number"
    assert (told in notes) == doubted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a;b,kind\n" + lines(A, [f"{b},{label}" for b, label in zip(B, LABELS, strict=True)], separator=";"),
         "cells are separated by ';', and by ',' in column 'b,kind'; give all one separator"),
        ("a b kind\n" + lines(A, B, LABELS, separator=" "), "it has one column, 'a b kind'; separate the cells by"),
        ("kind\n" + lines(LABELS), "it has one column, 'kind'"),
        ("a,a,kind\n" + PLAIN, "two columns are called 'a'; rename one"),
        ("a;b;kind\n1,5;2.5;red\n" + PLAIN.replace(",", ";"), "--decimal , or --decimal ."),
        ("a,b,kind\n" + lines([f'"9,{row + 100}"' for row in range(ROWS)], KINDS, LABELS), "--decimal , or --decimal"),
        ("a,b,kind\n" + PLAIN + f"Total,{sum(B):.2f},\n", "column 'a': 'Total' is no number; if the last row holds"),
        ("a,b,kind\n" + PLAIN + "9.5,1.5,\n", "row 61, column 'kind': no value; fill it in, or leave the row out"),
        ("a,b,kind\n" + PLAIN.replace("red", "\N{DIVISION SIGN}"), "--encoding windows-1252"),
        ("a;kind\n" + lines([f"{row % 30},5 kg" for row in range(ROWS)], LABELS, separator=";"),
         "no column is left to learn from: Column 'a' is left out: numbers with a unit, such as 0,5 kg"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_refused_with_what_to_do(text, told, write):
    with refused(re.escape(told)):
        load(write(text, "latin-1"), label="kind" if "kind" in text.split("\n")[0].replace(",", ";").split(";") else "")


@pytest.mark.parametrize(
    ("header", "columns", "likely"),
    [
        ("Pregnancies,Glucose,Outcome,Age", (A, B, KINDS, np.arange(ROWS) + 20), "Outcome"),
        ("survived,age,sex,cabin", (KINDS, A, LABELS, ["C", "D"] * 30), "survived"),
        ("survived,age,sex", (KINDS, A, LABELS), "survived"),  # not the only text column
        ("diagnosis,radius,texture", (KINDS, A, B), "diagnosis"),
        ("hasDisease,radius,texture", (KINDS, A, B), "hasDisease"),
        ("resultado,peso,altura", (KINDS, A, B), "resultado"),
        ("quality_score,a,rooms", (A, B, KINDS), "rooms"),  # quality_score is a usual name, but holds no classes
        ("label,class,a", (LABELS, LABELS, A), "class"),
        ("city,colour,a", (["x", "y"] * 30, LABELS, A), "colour"),
        ("a,b,c", (A, B, KINDS), "c"),
    ],
)
def test_the_likeliest_label_is_suggested(header, columns, likely, write):
    with refused(
        rf"which column holds the labels\? its columns are {header.replace(',', ', ')}; try --label {likely}$"
    ):
        load(write(f"{header}\n" + lines(*columns)))


@pytest.mark.parametrize(
    ("header", "columns", "other"),
    [
        ("area,rooms,price", (A, KINDS, np.arange(ROWS) * 7.5), "rooms"),
        ("area,depth,price", (A, B, np.arange(ROWS) * 1000), "NAME"),
        ("floor,area,monthly", (KINDS, A, B), "floor"),
    ],
)
def test_a_last_column_that_is_a_number_to_predict_is_said_to_be_one(header, columns, other, write):
    last = header.split(",")[-1]
    told = f"'{last}' is a number to predict, and no class: make a few classes of it, such as above and below "
    with refused(rf"{told}\S+, or give another column: --label {other}$"):
        load(write(f"{header}\n" + lines(*columns)))


def test_an_accent_of_its_own_is_the_accent_of_a_letter(write):
    """As some systems write: n and a tilde for ñ."""
    names = [("ni\u00f1o", "nin\u0303o", "ni\u00f1a")[kind] for kind in KINDS]
    data = load(write("a,town,kind\n" + lines(A, names, names)), label="kind")
    assert data.class_names == ("ni\u00f1a", "ni\u00f1o")
    assert data.columns == ("a", "town=ni\u00f1a", "town=ni\u00f1o")


@pytest.mark.parametrize("word", ["-", "s/d", "None", "#DIV/0!", "90+"])
@pytest.mark.parametrize("every", [2, 5])
def test_numbers_with_a_word_again_and_again_are_no_text(word, every, write):
    cells = [word if row % every == 0 else f"{row}.5" for row in range(ROWS)]
    with refused(
        rf"row 1, column 'a': {re.escape(repr(word))} is no number, and neither are \d+ others of 60 .*--drop a$"
    ):
        load(write("a,b,kind\n" + lines(cells, B, LABELS)))


@pytest.mark.parametrize(
    "cells",
    [[f"A{row}" if row % 3 else row for row in range(ROWS)], ["5+" if row % 4 else row % 5 for row in range(ROWS)]],
)
def test_text_with_numbers_in_it_is_text(cells, write):
    data = load(write("a,b,kind\n" + lines(cells, B, LABELS)), label="kind")
    assert data.encoding.columns[0].kind == "category" or data.encoding.left_out[0].reason == "text"


def test_a_usual_name_lets_the_only_column_of_text_be_the_label(write):
    data = load(write("a,status\n" + lines(A, LABELS)))
    assert data.encoding.label == "status"
    many = ",".join(f"pixel{place}" for place in range(40))
    rows = lines(KINDS, *(np.full(ROWS, place) + np.arange(ROWS) for place in range(40)))
    assert load(write(f"label,{many}\n{rows}")).encoding.label == "label"
    with refused("pixel8 and 31 more; try --label digit$"):
        load(write(f"digit,{many}\n{rows}"))


@pytest.mark.parametrize(("name", "flag"), [
    ("Vendida en (EUR)", '--label "Vendida en (EUR)"'), ("vendida", "--label vendida"), ("año", "--label año"),
    ("$x", "--label '$x'"), ("it's", '--label "it\'s"'),
])  # fmt: skip
def test_the_likeliest_label_is_named_as_a_shell_takes_it(name, flag, write):
    text = f"a,{name}\n" + "".join(f"{row / 7:.3f},{row % 2}\n" for row in range(40))
    with refused(re.escape(f"try {flag}") + "$"):
        load(write(text))


def test_a_name_of_several_lines_is_a_name(write):
    """Spreadsheets break lines within a cell."""
    for header in ('"a\n(cm)",b,kind', 'a,"b\n(cm)",kind', '"a\n(cm)","b\n(cm)",kind'):
        data = load(write(f"{header}\n{PLAIN}"), label="kind")
        assert [name[:1] for name in data.columns] == ["a", "b"]
        assert len(data.train.labels) + len(data.test.labels) == ROWS


def test_one_row_of_each_class_is_too_few(write):
    with refused("data.csv: each class has one row only; give at least two of each, one of them to test on"):
        load(write("a,kind\n1.5,red\n2.5,blue\n"), label="kind")


@pytest.mark.parametrize(("row", "cell"), [(0, '5" pipe'), (9, '5" pipe'), (9, '"5 pipe'), (0, '"5 pipe'), (30, '5"')])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_quotation_mark_within_a_cell_is_named(row, cell, separator, write):
    cells = ["pipe"] * ROWS
    cells[row] = cell
    with refused(f"data.csv, line {row + 2}: a quotation mark that has no other; put the cell between quotation marks"):
        load(write(f"a{separator}b{separator}kind\n" + lines(A, cells, LABELS, separator=separator)), label="kind")
    cells[row] = '"5"" pipe"'  # the advice works
    load(write(f"a{separator}b{separator}kind\n" + lines(A, cells, LABELS, separator=separator)), label="kind")
