"""The page beside each exported model: its Python code runs unchanged and predicts what the run predicts."""

import re
import subprocess
import sys

import numpy as np
import pytest

import descenso as ds
from descenso.errors import ConfigError
from descenso.exporting import FORMATS, export, readme_of
from descenso.exporting.readme import PIXELS, SNIPPETS
from descenso.text import use
from takeaway import FAST, assert_same, snippets, truth

pytestmark = pytest.mark.slow


def page(folder, to, name="model"):
    return readme_of(folder / f"{name}{FORMATS[to]}", to).read_text(encoding="utf-8")


def code_of(page):
    return re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]


def probabilities(pages, folder):
    """Run the Python code of some pages in one new process in their folder; return the probabilities."""
    parts = [f"{code_of(page)}\nnp.save('page{place}.npy', probabilities)\n" for place, page in enumerate(pages)]
    ended = subprocess.run(
        [sys.executable, "-c", "".join(parts)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return [np.load(folder / f"page{place}.npy") for place in range(len(pages))]


@pytest.mark.parametrize("name", ["softmax", "cnn", "table"])
def test_the_call_works(exported, name):
    formats = [to for to in FORMATS if to != "npz" or name == "softmax"]
    for seen in probabilities([page(exported[name], to) for to in formats], exported[name]):
        assert_same(seen, truth(exported[name]))


def test_an_npz_of_layers_is_listed(exported):
    said = subprocess.run([sys.executable, "-c", code_of(page(exported["cnn"], "npz"))], cwd=exported["cnn"],
                          capture_output=True, text=True, check=True).stdout  # fmt: skip
    assert "'dense/kernel': (" in said
    assert "numpy-script" in page(exported["cnn"], "npz")


@pytest.mark.parametrize("to", FORMATS)
def test_what_the_page_says(exported, to):
    said = page(exported["softmax"], to)
    assert said.startswith(f"# model{FORMATS[to]}\n")
    assert "(rows, 8, 8) and type uint8" in said
    assert PIXELS[to] in said
    assert said.endswith("0. 0\n1. 1\n2. 2\n3. 3\n")
    said = page(exported["table"], to)
    assert f"(rows, 3) and type {'float32' if to == 'litert' else 'float64'}" in said
    assert "Its inputs, in this order: `year`, `share`, `amount`." in said
    assert PIXELS[to] not in said


def test_the_calls_are_those_of_the_docs():
    """Apart from how rows are read and the names of classes, which belong to each page."""
    for to, code in snippets().items():
        for line in SNIPPETS[to].format(name=f"model{FORMATS[to]}").splitlines():
            inner = line.replace("(rows)", '(np.load("rows.npy"))').replace(": rows}", ': np.load("rows.npy")}')
            inner = inner.replace("rows = rows.astype", 'rows = np.load("rows.npy").astype')
            assert to == "numpy-script" or inner in code.splitlines() or not line, line


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A run on a table with words, truth values and missing values, and its exports."""
    folder = tmp_path_factory.mktemp("people")
    random = np.random.default_rng(0)
    rows = ["age,sex,town,open,kind"]
    for row in range(90):
        age = "" if row % 9 == 4 else str(random.integers(18, 80))
        cells = (
            age,
            "fm"[random.integers(2)],
            ("Rome", "", "Oslo", "None")[random.integers(4)],
            ("TRUE", "FALSE")[row % 2],
            "ab"[row % 2],
        )
        rows.append(",".join(cells))
    (folder / "people.csv").write_text("\n".join(rows) + "\n")
    ds.train(str(folder / "people.csv"), label="kind", out=folder / "run", **FAST)
    for to, ending in FORMATS.items():
        export(folder / "run", to, folder / f"model{ending}")
    return folder


def test_a_table_with_words_and_gaps_is_encoded_as_the_run_encodes_it(people):
    """The rows are passed as `csv` reads them: strings, empty for missing values."""
    call = re.compile(r"^rows = encode\(.*\)$", re.MULTILINE)
    read = 'import csv\nrows = encode(list(csv.DictReader(open("people.csv"))))'
    pages = [call.sub(lambda _: read, page(people, to)) for to in FORMATS]
    wanted = np.asarray(ds.open_run(people / "run").predict(people / "people.csv"))
    for seen in probabilities(pages, people):
        assert_same(seen, wanted)


def test_the_example_of_a_table_runs_and_unknown_values_are_said(people):
    code = code_of(page(people, "npz"))
    scope = {}
    exec(code.partition("\nmodel = ")[0], scope)  # noqa: S102 - our own page
    assert scope["rows"].shape == (1, 9)
    row = {"age": None, "sex": "f", "town": "None", "open": True}
    np.testing.assert_array_equal(scope["encode"]([{**row, "age": float("nan")}]), scope["encode"]([row]))
    with pytest.warns(UserWarning, match="town: 'Bonn' is in no training row"):
        encoded = scope["encode"]([{**row, "town": "Bonn"}])
    assert encoded.sum() == scope["encode"]([row]).sum() - 1
    with pytest.raises(KeyError, match="town"):
        scope["encode"]([{"age": 1, "sex": "f"}])


def test_numbers_in_text_have_the_decimal_mark_of_the_run(tmp_path):
    rows = [
        (f"{row % 7},{row % 4}", f"{1 + row % 3}.{row % 10}00,5", "ab"[row % 2], "xy"[row % 2]) for row in range(80)
    ]
    text = "alto;precio;tipo;clase\n" + "".join(";".join(row) + "\n" for row in rows)
    (tmp_path / "precios.csv").write_text(text)
    ds.train(str(tmp_path / "precios.csv"), label="clase", out=tmp_path / "comma", **FAST)
    export(tmp_path / "comma", "npz", tmp_path / "comma.npz")
    code = code_of((tmp_path / "comma.npz.md").read_text())
    scope = {}
    exec(code.partition("\nmodel = ")[0], scope)  # noqa: S102 - our own page
    row = {"alto": "2,5", "precio": "1200,5", "tipo": "a"}
    np.testing.assert_array_equal(scope["encode"]([row]), scope["encode"]([{**row, "alto": 2.5, "precio": 1200.5}]))
    with pytest.raises(ValueError, match=r"precio: '1\.200'; expected a decimal comma and no other marks"):
        scope["encode"]([{**row, "precio": "1.200"}])


def test_a_page_that_is_there_is_not_overwritten(exported, tmp_path):
    (tmp_path / "model.npz.md").write_text("mine")
    with pytest.raises(
        ConfigError, match=r"model\.npz\.md is there already, and nothing is overwritten; try --out|out="
    ):
        export(exported["softmax"] / "run", "npz", tmp_path / "model.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz.md"]


def test_in_spanish(exported, tmp_path):
    use("es")
    try:
        path = export(exported["softmax"] / "run", "numpy-script", tmp_path / "model.py")
    finally:
        use("en")
    assert "en el orden de las probabilidades" in readme_of(path, "numpy-script").read_text(encoding="utf-8")
    ended = subprocess.run([sys.executable, str(path), "nada.npy"], capture_output=True, encoding="utf-8", check=False)
    assert (ended.returncode, ended.stderr) == (1, "nada.npy: no se puede leer (No such file or directory)\n")
