"""`descenso data` on data other than MNIST; in this process, except the test of what is imported."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from descenso.cli.data import data
from descenso.data import named
from samples import tiny_dataset, write_folder

ROWS = "a,b\u202e,y\n" + "".join(f"{number * 3},{number % 3},{'pq'[number % 2]}\n" for number in range(20))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(named, "DEBIAN", tmp_path / "debian")
    (tmp_path / "data.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path


def test_of_a_table_its_columns_are_shown(here, capsys):
    data("data.csv", label="y", test_fraction=0.2)
    shown = capsys.readouterr().out
    for words in ("16×2", "4×2", "standard deviation", "b\\u202e", "rows of class q", "each column to mean 0"):
        assert words in shown
    assert "\u202e" not in shown
    assert not list(here.glob("*.png"))
    data("data.csv", label="y", test_fraction=0.2, as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["sheet"] is None
    assert [column["name"] for column in answer["columns"]] == ["a", "b\u202e"]
    assert len(answer["input_scale"]) == len(answer["input_shift"]) == 2


def test_of_many_columns_twenty_are_shown(here, capsys):
    names = [f"column{number}" for number in range(23)]
    (here / "wide.csv").write_text(
        "y," + ",".join(names) + "\n" + "".join(f"{'pq'[n % 2]}{f',{n}' * 23}\n" for n in range(8))
    )
    data("wide.csv", label="y", test_fraction=0.5)
    shown = capsys.readouterr().out
    assert [name in shown for name in names] == [True] * 20 + [False] * 3
    assert "Columns not shown: 3\n" in shown


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_of_images_a_sheet_is_drawn(mode, here, capsys):
    for name in "ab":
        (here / "shapes" / name).mkdir(parents=True)
        for number in range(3):
            Image.new(mode, (5 + number, 6), number).save(here / "shapes" / name / f"{number}.png")
    data("shapes", test_fraction=0.3, resize="6x5", seed=3)
    shown = capsys.readouterr().out
    assert "4×6×5" in shown
    assert "Samples: shapes.png" in shown
    with Image.open(here / "shapes.png") as sheet:
        assert np.asarray(sheet).std() > 0


def test_floats_have_one_shift_and_scale(here, capsys):
    np.savez("data.npz", x=np.random.default_rng(0).normal(5, 2, (20, 3, 3)), y=np.arange(20) % 2)
    data("data.npz", test_fraction=0.2)
    assert "Normalisation: each step takes 5." in capsys.readouterr().out


def test_names_are_listed_with_where_they_are(here, capsys):
    write_folder(here / "given" / "kmnist", tiny_dataset(num_classes=10))
    data(listed=True, data_dir=here / "given", as_json=True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["datasets"]}
    assert list(rows) == ["mnist", "fashion-mnist", "kmnist", "emnist-letters"]
    assert rows["kmnist"]["present"] == str(here / "given" / "kmnist")
    assert (rows["mnist"]["present"], rows["mnist"]["source"]) == (str(named.BUNDLED), "")
    assert (rows["fashion-mnist"]["present"], rows["fashion-mnist"]["source"][:21]) == (None, "http://fashion-mnist.")
    monkey = here / "given" / "kmnist"
    data(listed=True, data_dir=here / "given")
    shown = capsys.readouterr().out
    assert "no; 31 MB to download" in shown
    assert "comes with descenso" in shown
    assert str(monkey)[:20] in shown


def test_tensorflow_is_not_imported(here):
    code = """
import sys
from descenso.cli.data import data
data("data.csv", label="y", test_fraction=0.2)
import descenso.data.formats.images, descenso.data.inputs
assert "polars" in sys.modules
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
