"""Variants of CSV files: encodings, line ends, separators, headers, and decimal and thousands marks."""

import re

import numpy as np
import polars as pl
import pytest

import descenso as ds
from descenso.data.catalog import load
from descenso.data.encoding import Encoding
from descenso.data.formats.tables import encoded_rows, read_table
from descenso.data.memory import inputs_of
from descenso.data.sources import Expected, Request
from descenso.errors import ConfigError, DataError, DataNote

SPANISH = """altura;peso;ciudad;especie
1,52;1.234,5;Málaga;gato
1,8;999;Málaga;perro
1,77;23,1;Ávila;gato
1,6;2.000,25;Ávila;perro
"""
HEIGHTS, WEIGHTS = [1.52, 1.8, 1.77, 1.6], [1234.5, 999, 23.1, 2000.25]
PLAIN = "a,b,y\n1.5,2,p\n3,4.25,q\n-1,.5,p\n2e3,7,q\n"
NUMBERS = [[1.5, 2], [3, 4.25], [-1, 0.5], [2000, 7]]


@pytest.fixture
def write(tmp_path):
    def write(text, codec="utf-8", name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode(codec))
        return path

    return write


def read(path, label="y", **how):
    """Return all rows in the order of the file, their labels and the table."""
    request = Request(str(path), label=label, **how)
    table = read_table(request)
    with np.errstate(all="raise"):
        return encoded_rows(table, request), [table.class_names[code] for code in table.labels], table


def test_a_spanish_spreadsheet(write):
    inputs, labels, table = read(write(SPANISH), "especie")
    np.testing.assert_array_equal(inputs, np.c_[HEIGHTS, WEIGHTS, [1, 1, 0, 0], [0, 0, 1, 1]])
    assert labels == ["gato", "perro"] * 2
    assert "numbers have a decimal comma" in table.notes
    assert table.encoding.decimal == ","


@pytest.mark.parametrize(
    ("codec", "option"),
    [("utf-8-sig", ""), ("utf-16", ""), ("utf-16", "latin-1"), ("latin-1", "latin-1"), ("cp1252", "windows-1252"),
     ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"), ("utf-8", "latin-1")],
)  # fmt: skip
def test_encodings(codec, option, write):
    """UTF-8 text, and text with a byte order mark, is recognised; the option does not override it."""
    path = write(SPANISH, codec)
    _inputs, _labels, table = read(path, "especie", encoding=option)
    assert table.cells[2].categories == ("Málaga", "Ávila")


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_western_text_is_read_as_windows_has_it(codec, write):
    _inputs, _labels, table = read(write(SPANISH, codec), "especie")
    assert table.cells[2].categories == ("Málaga", "Ávila")
    assert "read as windows-1252, since it is not UTF-8; another encoding: --encoding mac-roman" in table.notes


@pytest.mark.parametrize(
    ("words", "codec"),
    [("Málaga Cádiz niño", "mac-roman"), ("Málaga año", "cp850"), ("Москва улица", "cp1251"), ("Москва", "koi8-r"),
     ("中国 北京", "gbk"), ("東京 日本", "shift-jis"), ("Łódź Kraków Poznań", "cp852")],
)  # fmt: skip
def test_text_that_may_be_in_several_encodings_is_refused(words, codec, write):
    path = write(SPANISH.replace("Málaga", words).replace("Ávila", "otra"), codec)
    with pytest.raises(DataError, match="not UTF-8 text; if it is text in another encoding: --encoding"):
        read(path, "especie")
    assert words in read(path, "especie", encoding=codec)[2].cells[2].categories


@pytest.mark.parametrize(("codec", "likely"), [("mac-roman", "windows-1252"), ("utf-16-le", "utf-16-le")])
def test_another_encoding_must_be_named(codec, likely, write):
    path = write(SPANISH, codec)
    with pytest.raises(DataError, match=rf"not UTF-8 text; if it is text in another encoding: --encoding {likely}$"):
        read(path, "especie")
    assert read(path, "especie", encoding=codec)[2].cells[2].categories == ("Málaga", "Ávila")  # the advice works


def test_rows_for_a_model_are_in_the_encoding_that_is_named(write):
    encoded, path = Encoding.of_numbers(("altura",)), str(write(SPANISH, "mac-roman"))
    with pytest.raises(DataError, match="not UTF-8 text; if it is text in another encoding: --encoding windows-1252$"):
        read_table(Request(path, label=None, encoded=encoded))
    request = Request(path, label=None, encoded=encoded, encoding="mac-roman", decimal=",")
    assert encoded_rows(read_table(request), request).ravel().tolist() == HEIGHTS


@pytest.mark.parametrize(
    ("text", "recorded", "mend"),
    [
        ("a;b\n1,5;2\n", ".", ","),
        ("a;b\n1,234;2\n", ".", ","),  # with semicolons as separators, a comma is decimal
        ("a\tb\n-0,25\t2\n", ".", ","),
        ("a;b\n1.5;2\n", ",", "."),
    ],
)
def test_another_decimal_mark_than_that_of_the_training_data_is_refused(text, recorded, mend, write):
    encoded = Encoding.of_numbers(("a", "b"))._replace(decimal=recorded)
    request = Request(str(write(text)), label=None, encoded=encoded)
    with pytest.raises(ConfigError, match=f"another decimal mark than the training data; try --decimal {mend}$"):
        read_table(request)
    request = request._replace(decimal=mend)  # the advice works
    wanted = float(text.split("\n")[1][:-2].replace(",", "."))
    assert encoded_rows(read_table(request), request).tolist() == [[wanted, 2]]


@pytest.mark.parametrize("name", ["klingon", "zlib_codec", "rot13", "unicode_escape", "base64", "idna"])
def test_what_is_no_encoding_is_refused(name, write):
    with pytest.raises(ConfigError, match=rf"encoding must be that of a text, got '{name}'; try --encoding latin-1"):
        read(write(SPANISH, "latin-1"), "especie", encoding=name)


def test_text_that_is_not_in_the_encoding_named(write):
    path = write(SPANISH, "latin-1")
    with pytest.raises(DataError, match="no text in ascii"):
        read(path, "especie", encoding="ascii")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("before", ["", "sep={}\n", "\n\n"])
def test_line_ends_and_separators(end, separator, before, write):
    text = before.format(separator) + PLAIN.replace(",", separator)
    inputs, labels, _table = read(write(text.replace("\n", end)))
    np.testing.assert_array_equal(inputs, NUMBERS)
    assert labels == ["p", "q"] * 2


def test_a_comment_before_the_rows_is_left_out(write):
    inputs, _labels, table = read(write("|1x3 Cross validator\n" + PLAIN))
    np.testing.assert_array_equal(inputs, NUMBERS)
    assert "a line before the rows is left out: '|1x3 Cross validator'" in table.notes
    assert read(write("#" + PLAIN))[2].cells[0].name == "#a"  # it has as many cells as the rows: a header


def test_separators_within_cells(write):
    inputs, labels, _table = read(write('a,b,y\n1,"2",p;1\n3,4,p;2\n5,6,p;1\n'))
    assert (inputs.tolist(), labels) == ([[1, 2], [3, 4], [5, 6]], ["p;1", "p;2", "p;1"])


def test_blanks_are_taken_off(write):
    spaced = " a , b ,y\n1.5 , 2,p\n3, 4.25, q\n-1,.5 ,p \n2e3,7,q\n"
    inputs, labels, table = read(write(spaced))
    np.testing.assert_array_equal(inputs, NUMBERS)
    assert labels == ["p", "q"] * 2
    assert [one.name for one in table.cells] == ["a", "b"]
    assert "blanks around the names of 2 columns are taken off" in table.notes
    assert "blanks around 6 values are taken off" in table.notes


@pytest.mark.parametrize(
    ("numbers", "separator", "wanted"),
    [
        (["1,5", "2,25"], ";", [1.5, 2.25]),
        (["1,5", "2,25"], "\t", [1.5, 2.25]),
        (["0,234", "1,234"], ",", [0.234, 1.234]),
        (["1,234,567", "2,345"], ",", [1234567, 2345]),
        (["100,651.5", "2,345"], ",", [100651.5, 2345]),
        (["1.234.567", "2.345"], ";", [1234567, 2345]),
        (["1.234,5", "2.345"], ";", [1234.5, 2345]),
        (["1 234,5", "2 345,25"], ";", [1234.5, 2345.25]),
        (["1'234.5", "2'345.25"], ",", [1234.5, 2345.25]),
        (["1\u202f234", "2\u00a0345"], ",", [1234, 2345]),
        (["−1.5", "+2.5"], ",", [-1.5, 2.5]),
        (["1.234", "2.345"], ",", [1.234, 2.345]),  # a decimal point, as programs write it
        (["1,234", "12,345"], ";", [1.234, 12.345]),  # with semicolons, a decimal comma
        (["-1,5E3", "2"], ";", [-1500, 2]),
    ],
)
def test_marks_in_numbers(numbers, separator, wanted, write):
    rows = "".join(f'"{number}"{separator}{label}\n' for number, label in zip(numbers * 2, "pqqp", strict=True))
    inputs, _labels, _table = read(write(f"a{separator}y\n{rows}"))
    np.testing.assert_array_equal(inputs[:, 0], wanted * 2)


@pytest.mark.parametrize(
    ("numbers", "separator", "told"),
    [
        (["100,651", "2,345"], ",", "'100,651' in column 'a' may have decimals, or thousands"),
        (["1.234", "2.345"], ";", "'1.234' in column 'a' may have decimals, or thousands"),
        (["1.5", "1,5"], ";", "'1.5' in column 'a' has a decimal point, '1,5' in column 'a' a decimal comma"),
    ],
)
def test_where_it_cannot_be_known_the_option_is_named(numbers, separator, told, write):
    rows = "".join(f'"{number}"{separator}{label}\n' for number, label in zip(numbers * 2, "pqqp", strict=True))
    path = write(f"a{separator}y\n{rows}")
    mend = "say which mark comes before the decimals: --decimal , or --decimal ."
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{path}: {told}; {mend}')}$"):
        read(path)
    if "1,5" not in numbers:
        for decimal, other in ((".", ","), (",", ".")):
            wanted = [float(number.replace(other, "").replace(decimal, ".")) for number in numbers * 2]
            np.testing.assert_array_equal(read(path, decimal=decimal)[0][:, 0], wanted)


def test_the_marks_of_a_run_are_those_of_its_rows_to_predict(write):
    _inputs, _labels, table = read(write(SPANISH), "especie")
    encoded = table.encoding.fit(table.cells, np.arange(4), "data")
    request = Request(
        str(write("peso;altura;ciudad\n1.234;1,500;Ávila\n", name="new.csv")), label=None, encoded=encoded
    )
    with pytest.warns(
        DataNote, match=r"'1\.234' in column 'peso' is read as 1234, since ',' is .* if .*: --decimal \.$"
    ):
        assert encoded_rows(read_table(request), request).tolist() == [[1.5, 1234, 0, 1]]
    write("peso;altura;ciudad\n1.234;1,5;Ávila\n", name="new.csv")  # the comma of 1,5 leaves no doubt
    assert encoded_rows(read_table(request), request).tolist() == [[1.5, 1234, 0, 1]]


def test_a_number_of_a_model_that_may_have_another_mark_is_said(tmp_path):
    """Training would refuse it; a trained model knows the mark of its own rows, which may not be that of these."""
    encoded = Encoding.of_numbers(("a", "b"))
    frame = pl.DataFrame({"a": ["6,371", "5,101"], "b": [1, 2]})
    frame.write_csv(tmp_path / "new.tsv", separator="\t")
    frame.write_parquet(tmp_path / "new.parquet")
    for name in ("new.tsv", "new.parquet"):
        request = Request(str(tmp_path / name), label=None, encoded=encoded)
        with pytest.warns(DataNote, match=r"'6,371' in column 'a' is read as 6371, since '\.' is the decimal mark"):
            assert encoded_rows(read_table(request), request)[:, 0].tolist() == [6371, 5101]
        request = request._replace(decimal=",")
        assert encoded_rows(read_table(request), request)[:, 0].tolist() == [6.371, 5.101]
    with pytest.warns(DataNote, match=r"frame: '6,371' in column 'a' is read as 6371"):
        inputs_of(frame, Expected((2,), columns=("a", "b"), encoding=encoded))


@pytest.mark.parametrize(
    ("codes", "others", "told"),
    [
        (["192.168.100.100", "192.168.100.101"], ["40.001", "40.138"], "'40.001' in column 'x' may have decimals, or"),
        (["600.123.115", "600.123.116"], ["40.001", "40.138"], "'40.001' in column 'x' may have decimals, or"),
        (["600,123,115", "600,123,116"], ["40,001", "40,138"], "'40,001' in column 'x' may have decimals, or"),
        (["600,123,115", "600,123,116"], ["40.5", "40.138"], [40.138, 40.5]),
        (["600.123.115", "600.123.116"], ["0,5", "40,138"], [0.5, 40.138]),
        (["1.123.115", "123.115"], ["40.001", "40.138"], [40001, 40138]),  # numbers of different sizes are no codes
        (["600.123.115", "600.123.116"], ["40", "41"], [40, 41]),
    ],
)
def test_codes_with_points_are_no_evidence_of_a_decimal_comma(codes, others, told, tmp_path):
    frame = pl.DataFrame({"code": codes * 10, "x": others * 10, "y": ["p", "q"] * 10})
    frame.write_csv(tmp_path / "a.csv", separator="\t")
    frame.write_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        if isinstance(told, str):
            with pytest.raises(ConfigError, match=told):
                load(str(tmp_path / name), label="y")
        else:
            data = load(str(tmp_path / name), label="y")
            assert sorted(set(data.train.inputs[:, -1].tolist())) == told


def test_numbers_in_text_of_a_frame_are_read_as_those_of_a_file():
    frame = pl.DataFrame({"x": ["1,234", "2,345"] * 10, "y": ["p", "q"] * 10})
    with pytest.raises(ConfigError, match="'1,234' in column 'x' may have decimals, or thousands; .* --decimal , or"):
        ds.from_frame(frame, "y")
    for decimal, wanted in ((",", [1.234, 2.345]), (".", [1234, 2345])):
        data = ds.from_frame(frame, "y", decimal=decimal)
        assert sorted(set(data.train.inputs.ravel().tolist())) == wanted
    frame = frame.with_columns(x=pl.Series(["1,5", "2,25"] * 10))
    assert sorted(set(ds.from_frame(frame, "y").train.inputs.ravel().tolist())) == [1.5, 2.25]


@pytest.mark.parametrize(
    ("text", "is_header"),
    [
        ("1,0.5,x\n2,0.25,y\n1,0.75,x\n", False),
        ("x,3,0\ny,1,4\nx,2,0\n", False),
        ("a,b\nb,a\na,a\nb,b\n", False),  # letters as data
        ("5,3,0\n4,1,4\n3,5,0\n6,2,5\n", False),
        ("39, State-gov, 77516\n50, Private, 83311\n38, State-gov, 215646\n", False),
        ("?,State-gov,3\n50,Private,2\n38,State-gov,4\n", False),
        ("a,b,y\n1,2,y\n3,4,n\n", True),
        ("name,y\nx,y\nz,n\n", True),
        ("0,1,2,y\n5.5,3.5,1.5,p\n2.5,4.5,1.5,q\n", True),  # pandas names columns by number
        ("country,2019,2020\nPeru,5,7\nChad,4,8\n", True),
        ("1.5,5.1,a\n2.0,5.4,b\n2.5,5.9,a\n", False),  # sorted, so that the first row has the least values
        ("4000.5,3999.0,3997.5,wood\n0.1,0.2,0.1,oak\n0.2,0.1,0.3,oak\n", True),  # wavenumbers fall
        ("0.5,1.5,wood\n5.5,6.5,oak\n7.5,8.5,pine\n", True),
        ("1e999,3,oak\n1,2,oak\n2,3,pine\n", False),
        ("400.5,402.5,404.5,y\n0.1,0.2,0.1,p\n0.2,0.1,0.3,q\n", True),  # wavelengths
        ("a,b\n", True),
    ],
)
def test_a_header_is_told_from_a_row(text, is_header, write):
    from descenso.data.formats.csv_text import examine

    path = write(text)
    found = examine(Request(str(path)))
    assert found.header == is_header
    assert any("the first row is data" in note for note in found.notes) != is_header
    doubted = (is_header and text[:1].isdigit()) or "2019" in text
    assert any("the first row is taken for the names of the columns" in note for note in found.notes) == doubted
    for asked, header in (("yes", True), ("no", False)):
        told = examine(Request(str(path), header=asked))
        assert (told.header, any("first row" in note for note in told.notes)) == (header, False)


def test_a_file_without_a_header_is_predicted_without_one(write):
    inputs, labels, table = read(write("p,1.5,9,x\nq,0.5,4,y\np,2.5,1,x\nq,1.5,0,x\n"), "col1")
    assert labels == ["p", "q", "p", "q"]
    encoded = Encoding.of_plain(table.encoding.fit(table.cells, np.arange(4), "data").plain())
    for rows in ("7,0.5,9,x\n", "0.5,9,x\n"):
        request = Request(str(write(rows, name="new.csv")), label=None, encoded=encoded)
        assert encoded_rows(read_table(request), request).tolist() == [[0.5, 9, 1, 0]]
    with pytest.raises(DataError, match="2 columns without a header, the model learned from 3 and the label"):
        read_table(request._replace(name=str(write("1,2\n", name="new.csv"))))
    assert inputs[:, 0].tolist() == [1.5, 0.5, 2.5, 1.5]


def test_numbers_are_read_the_same_in_both_ways(write):
    """Columns of plain numbers have the same values whether read directly or, if another column needs it, as text."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(300, 3)) * 10.0 ** random.integers(-20, 20, (300, 3))
    lines = [",".join(map(repr, row)) + f",{'pq'[number % 2]}" for number, row in enumerate(rows.tolist())]
    fast = read(write("a,b,c,y\n" + "\n".join(lines)))[0]
    slow = read(write("a,b,c,y\n" + "\n".join([*lines, " 1.5,?,1,p"])))[0]
    np.testing.assert_array_equal(fast, rows)
    np.testing.assert_array_equal(slow[:300, [0, 1, 3]], rows)


def test_a_missing_value_after_the_sample(write):
    """A column whose first missing value is beyond the rows that are sampled is still read as numbers."""
    lines = [f"{row * row},{'pq'[row % 2]}" for row in range(500)]
    lines[400] = "unknown,p"
    with pytest.raises(DataError, match="row 401, column 'a': 'unknown' is no number"):
        read(write("a,y\n" + "\n".join(lines)))
    lines[400] = "?,p"
    inputs, _labels, _table = read(write("a,y\n" + "\n".join(lines)))
    assert inputs[400, 1] == 1


def test_one_command_reads_the_form_of_adult(write):
    work, income = ("Private", "?", "State-gov"), ("<=50K", ">50K")
    rows = [f"{20 + row % 50}, {work[row % 3]}, {(row * 37) % 11}, {income[row % 2]}"
            for row in range(60)]  # fmt: skip
    data = load(str(write("\n".join(rows) + "\n\n", name="adult.data")), label="col4")
    assert data.columns == ("col1", "col2=Private", "col2=State-gov", "col2 is missing", "col3")
    assert data.class_names == ("<=50K", ">50K")
