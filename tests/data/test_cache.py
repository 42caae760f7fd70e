"""Data that is larger than what is read into memory is converted into the cache, once, and read from there."""

import json
import shutil
import threading
import time
from functools import partial

import numpy as np
import polars as pl
import pytest
from filelock import FileLock
from PIL import Image

import command
import descenso as ds
from descenso.data import cache, convert
from descenso.data.dataset import data_fingerprint
from descenso.data.file_rows import FileRows
from descenso.data.sources import Limits, Sources
from descenso.errors import ConfigError, DataError, DiskError

RANDOM = np.random.default_rng(0)
ROWS = 200
load = partial(ds.load, sources=Sources(Limits(array_bytes=500)))  # fewer bytes than any of these datasets has


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of the cache that holds a folder for each dataset."""
    monkeypatch.setattr(cache, "cache_of", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "rows"


def write_table(path, shift=0):
    frame = pl.DataFrame({"height": RANDOM.normal(size=ROWS).round(3), "town": ["Jaén", "Úbeda"] * (ROWS // 2),
                          "sort": np.arange(ROWS) % 4, "row": np.arange(1, ROWS + 1) + shift})  # fmt: skip
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)


def write_photos(folder):
    for name in ("cat", "owl"):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            Image.fromarray(RANDOM.integers(256, size=(9, 7), dtype=np.uint8)).save(folder / name / f"{number}.png")


def write_images(path):
    write_photos(path.with_suffix(""))
    images = [{"bytes": each.read_bytes(), "path": ""} for each in sorted(path.with_suffix("").rglob("*.png"))]
    pl.DataFrame({"image": images, "label": np.arange(40) % 2}).write_parquet(path, row_group_size=9)


def write_arrays(path):
    np.savez(path, x=RANDOM.integers(256, size=(ROWS, 64), dtype=np.uint8), y=np.arange(ROWS) % 4)


KINDS = {
    "table.parquet": (write_table, {"label": "sort", "test_fraction": 0.3, "drop": "height"}),
    "a table.csv": (write_table, {"label": "sort", "seed": 3}),
    "images.parquet": (write_images, {"test_fraction": 0.25, "resize": "8x8", "seed": 1}),
    "arrays.npz": (write_arrays, {"input_shape": "8x8"}),
    "photos": (write_photos, {"test_fraction": 0.5}),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_rows_are_those_that_are_read_into_memory(name, tmp_path, folder, capsys):
    write, how = KINDS[name]
    write(tmp_path / name)
    found, expected = load(str(tmp_path / name), **how), ds.load(str(tmp_path / name), **how)
    assert isinstance(found.train.inputs, FileRows)
    assert not isinstance(expected.train.inputs, FileRows)
    assert (found.name, found.class_names, found.columns, found.encoding) == (
        expected.name, expected.class_names, expected.columns, expected.encoding
    )  # fmt: skip
    assert (
        sorted(map(bytes, found.train.inputs[:])) == sorted(map(bytes, expected.train.inputs)) or name != "a table.csv"
    )
    assert len(found.test.labels) == len(expected.test.labels)
    if "table" in name:
        assert data_fingerprint(found) == data_fingerprint(expected)
    assert found.notes[-1].startswith(f"its rows, more than are read into memory, stay in {folder}")
    written = {each: each.stat().st_mtime_ns for each in folder.rglob("*.npy")}
    assert data_fingerprint(load(str(tmp_path / name), **how)) == data_fingerprint(found)
    assert {each: each.stat().st_mtime_ns for each in folder.rglob("*.npy")} == written
    assert capsys.readouterr().err == ""
    assert len([each for each in folder.iterdir() if each.is_dir()]) == 1


def test_rows_are_converted_again_where_the_data_has_changed_and_beside_where_it_is_read_otherwise(tmp_path, folder):
    path = tmp_path / "table.csv"
    write_table(path)
    first = load(str(path), label="sort")
    write_table(path, shift=1)
    second = load(str(path), label="sort")
    assert data_fingerprint(second) == data_fingerprint(ds.load(str(path), label="sort")) != data_fingerprint(first)
    assert len(list(folder.glob("*.lock"))) == 1
    assert data_fingerprint(load(str(path), label="sort", seed=1)) != data_fingerprint(second)
    assert len(list(folder.glob("*.lock"))) == 2
    shutil.rmtree(folder)
    assert data_fingerprint(load(str(path), label="sort")) == data_fingerprint(second)


def test_a_photo_that_moves_to_another_class_is_noticed(tmp_path):
    """Also where it is the last of the one, and the first of the other, so that the list of names is the same."""
    write_photos(tmp_path / "photos")
    for path in sorted((tmp_path / "photos" / "owl").iterdir()):
        path.rename(path.with_name(f"z{path.name}"))
    moved = (tmp_path / "photos" / "cat" / "9.png").rename(tmp_path / "photos" / "cat" / "m.png")
    first = load(str(tmp_path / "photos"))
    moved.rename(tmp_path / "photos" / "owl" / "m.png")
    second = load(str(tmp_path / "photos"))
    counts = [sum(np.bincount(rows.labels) for rows in (data.train, data.test)).tolist() for data in (first, second)]
    assert counts == [[20, 20], [19, 21]]


@pytest.mark.parametrize("damage", [
    lambda folder: (folder / "manifest.json").write_text("{"),
    lambda folder: (folder / "manifest.json").write_text('{"kind": "descenso rows 1"}'),
    lambda folder: (folder / "X_train-00000.npy").unlink(),
    lambda folder: (folder / "X_train-00000.npy").write_bytes((folder / "X_train-00000.npy").read_bytes()[:-1] + b"a"),
])  # fmt: skip
def test_rows_that_are_damaged_in_the_cache_are_made_again(damage, tmp_path, folder):
    write_table(tmp_path / "table.csv")
    expected = data_fingerprint(load(str(tmp_path / "table.csv"), label="sort"))
    damage(next(each for each in folder.iterdir() if each.is_dir()))
    assert data_fingerprint(load(str(tmp_path / "table.csv"), label="sort")) == expected


def test_what_takes_long_is_announced(tmp_path, folder, monkeypatch, capsys):
    monkeypatch.setattr(cache, "PATIENCE", 0.0)
    said, convert_rows = "", cache.convert_rows

    def slow(*arguments):
        nonlocal said
        end = time.monotonic() + 60
        while not said:
            assert time.monotonic() < end
            said += capsys.readouterr().err
            time.sleep(0.01)
        return convert_rows(*arguments)

    monkeypatch.setattr(cache, "convert_rows", slow)
    write_table(tmp_path / "table.csv")
    load(str(tmp_path / "table.csv"), label="sort")
    assert said.startswith(f"{tmp_path / 'table.csv'}: more rows than are read into memory; they are converted, once, ")


def test_other_files_and_another_folder_to_start_in_change_nothing(tmp_path, monkeypatch):
    write_arrays(tmp_path / "arrays.npz")
    load(str(tmp_path / "arrays.npz"))
    np.savez(tmp_path / "predictions.npz", labels=np.zeros(9))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cache, "convert_rows", None)  # which is not called
    load("arrays.npz")
    load(str(tmp_path / "arrays.npz"))


def test_errors_name_the_data_and_not_the_cache(tmp_path):
    write_arrays(tmp_path / "arrays.npz")
    with pytest.raises((ConfigError, DataError), match=r"arrays\.npz: ") as told:
        load(str(tmp_path / "arrays.npz"), input_shape="5x3")
    assert str(tmp_path / "cache") not in str(told.value)
    np.savez(tmp_path / "one.npz", x=np.zeros((ROWS, 9)), y=np.zeros(ROWS, int))
    with pytest.raises(DataError, match=r"one\.npz: ") as told:
        load(str(tmp_path / "one.npz"))
    assert str(tmp_path / "cache") not in str(told.value)
    convert.convert(tmp_path / "arrays.npz", tmp_path / "rows")
    with pytest.raises(DataError, match="the limit is 500; try --limit"):
        load(str(tmp_path / "rows"))


def test_what_an_interruption_has_left_is_kept(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(convert, "PIECE_BYTES", 2000)
    monkeypatch.setattr(cache, "SECONDS", 0.0)
    path = tmp_path / "table.csv"
    write_table(path)

    def stop(line):
        if line.startswith("Converting: rows:"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache, "_say", stop)
        with pytest.raises(KeyboardInterrupt):
            load(str(path), label="sort")
    [piece] = folder.glob("*/X_*.npy")
    written = piece.stat().st_mtime_ns
    found = load(str(path), label="sort")
    assert len(list(folder.glob("*/X_*.npy"))) > 2
    assert piece.stat().st_mtime_ns == written
    assert data_fingerprint(found) == data_fingerprint(ds.load(str(path), label="sort"))


def test_one_of_several_processes_converts(tmp_path, folder, monkeypatch, capsys):
    path = tmp_path / "table.csv"
    write_table(path)
    expected = data_fingerprint(load(str(path), label="sort"))
    [lock] = folder.glob("*.lock")
    with FileLock(lock):
        found = []
        waiting = threading.Thread(target=lambda: found.append(data_fingerprint(load(str(path), label="sort"))))
        waiting.start()
        end = time.monotonic() + 60
        said = ""
        while "waiting for another process, which converts the same data" not in said:
            assert time.monotonic() < end
            said += capsys.readouterr().err
            time.sleep(0.01)
        assert not found
    waiting.join()
    assert found == [expected]


def test_what_is_in_the_cache_is_listed(tmp_path, folder):
    assert cache.converted() == {}
    assert "Rows that were converted" not in command.run("data", "--list").stdout
    for name in ("a.csv", "b.csv"):
        write_table(tmp_path / name)
        load(str(tmp_path / name), label="sort")
    first, second = cache.converted()
    assert (first.parent, first.name[:2], second.name[:2]) == (folder, "a-", "b-")
    held = sum(path.stat().st_size for path in first.iterdir())
    assert cache.converted()[first] == held > ROWS
    shown = json.loads(command.run("data", "--list", "--json").stdout)["converted"]
    assert shown[0] == {"folder": str(first), "bytes": held}
    assert str(second) in command.run("data", "--list").stdout.replace("\n", "")


def test_what_a_kill_while_removing_has_left_is_removed(tmp_path, folder):
    write_table(tmp_path / "a.csv")
    load(str(tmp_path / "a.csv"), label="sort")
    [made] = cache.converted()
    for name in (f".{made.name}.123.tmp", f".{made.name}b.123.tmp"):  # the second is of other data
        (folder / name).mkdir()
        (folder / name / "X_train-00000.npy").touch()
    load(str(tmp_path / "a.csv"), label="sort")
    assert [path.name for path in folder.glob(".*")] == [f".{made.name}b.123.tmp"]


def test_what_cannot_be_converted_is_refused_as_before(tmp_path, folder, monkeypatch):
    path = tmp_path / "table.csv"
    write_table(path)
    with pytest.raises(DataError, match="rows would be 101, the limit is 100; try --limit rows=101"):
        ds.load(str(path), label="sort", sources=Sources(Limits(array_bytes=500, rows=100)))
    assert not [each for each in folder.iterdir() if each.is_dir()]
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    with pytest.raises(DiskError, match="the disk is full, 4800 bytes are needed; free some space"):
        load(str(path), label="sort")
    assert not [each for each in folder.iterdir() if each.is_dir()]
