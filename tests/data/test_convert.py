"""Converted rows are those of the source, which is only read; an interrupted conversion goes on where it stopped."""

import json
import os
import re

import numpy as np
import pytest
from PIL import Image

import descenso as ds
from descenso.data import convert as module
from descenso.data.convert import convert
from descenso.data.file_rows import FileRows
from descenso.data.formats import npz
from descenso.data.sources import Limits
from descenso.errors import ConfigError, DataError

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(50, 3)).astype(np.float32), np.array(["ja", "nein"])[np.arange(50) % 2]


@pytest.fixture
def photos(tmp_path):
    """Forty photos in two classes, half of them in colour."""
    for name in ("cat", "owl"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = RANDOM.integers(256, size=(9, 7, 3) if number % 2 else (9, 7), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def arrays(tmp_path, monkeypatch):
    """`X.npy` and `y.npy` in a folder, which become five pairs of files."""
    monkeypatch.setattr(module, "PIECE_BYTES", 10 * 12)
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "X.npy", X)
    np.save(tmp_path / "arrays" / "y.npy", Y)
    return tmp_path / "arrays"


def state(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*"))}


def in_order(split):
    return sorted(zip(map(bytes, split.inputs), split.labels.tolist(), strict=True))


def test_images_are_those_that_load_reads(photos, tmp_path):
    before = state(photos)
    lines = []
    manifest = convert(photos, tmp_path / "rows", resize="8x6", told=lines.append)
    assert state(photos) == before
    assert lines == ["rows: 40 of 40"]
    found, expected = ds.load(str(tmp_path / "rows"), test_fraction=0.25), ds.load(str(photos), resize="8x6")
    assert isinstance(found.train.inputs, FileRows)
    assert (len(found.train.labels), len(found.test.labels)) == (30, 10)
    assert found.class_names == expected.class_names == manifest.class_names
    assert in_order(ds.load(str(tmp_path / "rows")).train) != in_order(expected.train)  # drawn from another order
    together = [in_order(data.train) + in_order(data.test) for data in (found, expected)]
    assert sorted(together[0]) == sorted(together[1])
    assert found.scaling == expected.scaling
    stored = np.load(tmp_path / "rows" / "y_train-00000.npy")
    assert (np.diff(stored) != 0).sum() > 5, "class by class, as in the folder"


@pytest.mark.slow
def test_a_run_on_converted_rows_is_that_on_the_arrays(arrays, tmp_path):
    for part in ("train", "test"):
        (arrays / f"X_{part}.npy").write_bytes((arrays / "X.npy").read_bytes())
        (arrays / f"y_{part}.npy").write_bytes((arrays / "y.npy").read_bytes())
    for name in ("X.npy", "y.npy"):
        (arrays / name).unlink()
    convert(arrays, tmp_path / "rows")
    runs = [ds.train(str(tmp_path / name), model="softmax", epochs=2, out=tmp_path / f"run-{name}")
            for name in ("arrays", "rows")]  # fmt: skip
    assert runs[0].history.costs == runs[1].history.costs
    assert runs[0].status["data"] == runs[1].status["data"]
    assert runs[1].evaluate().accuracy == runs[0].evaluate().accuracy
    assert runs[0].evaluate(tmp_path / "rows").accuracy == runs[0].test_accuracy


def test_an_interrupted_conversion_keeps_what_is_whole(arrays, tmp_path):
    rows = tmp_path / "rows"

    def stop(line):
        if line.startswith("rows: 30 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(arrays, rows, told=stop)
    with pytest.raises(DataError, match="its conversion was interrupted; try descenso data convert with the same"):
        ds.load(str(rows))
    (rows / ".X_train-00003.npy.77.tmp").write_bytes(b"half")  # as a process leaves that is killed as it writes
    (rows / "X_train-00003.npy").write_bytes(b"half")
    os.truncate(rows / "X_train-00001.npy", 100)
    before = state(rows)
    convert(arrays, rows)
    after = state(rows)
    kept = [path.name for path in before if before[path] == after.get(path)]
    assert kept == ["X_train-00000.npy", "X_train-00002.npy", "y_train-00000.npy", "y_train-00002.npy"]
    assert not list(rows.glob(".*"))
    data = ds.load(str(rows))
    assert len(data.train.inputs.parts) == 5
    first = np.sort(np.concatenate([data.train.inputs[:], data.test.inputs[:]]), axis=0)
    np.testing.assert_array_equal(first, np.sort(X, axis=0))


def test_rows_that_have_changed_are_converted_anew(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PIECE_BYTES", 10 * 8 * 6 * 3)
    rows = tmp_path / "rows"
    convert(photos, rows, resize="8x6")
    before = state(rows)
    Image.new("RGB", (7, 9), "red").save(photos / "cat" / "3.png")
    convert(photos, rows, resize="8x6")
    changed = [path.name for path, then in state(rows).items() if then != before[path]]
    assert len([name for name in changed if name.startswith("X")]) == 1
    assert b"\xff\0\0" * 48 in {bytes(row) for row in ds.load(str(rows), test_fraction=0.1).train.inputs[:]}
    for number in range(5, 20):
        (photos / "owl" / f"{number}.png").unlink()
    manifest = convert(photos, rows, resize="8x6")
    assert sorted(path.name for path in rows.glob("X*")) == [piece.inputs for piece in manifest.pieces]
    assert len(manifest.pieces) == 3


def test_images_that_cannot_be_used_are_named_or_left_out(photos, tmp_path):
    (photos / "cat" / "4.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"4\.png: .*; to go on without: --skip-unreadable"):
        convert(photos, tmp_path / "rows", resize="8x6")
    manifest = convert(photos, tmp_path / "rows", resize="8x6", skip_unreadable=True)
    assert [piece.rows for piece in manifest.pieces] == [39]
    assert len(ds.load(str(tmp_path / "rows")).train.labels) == 31
    with pytest.raises(DataError, match="9×7 pixels in .*, but .*: 9×7 pixels in .*; give --resize 64x64"):
        convert(photos, tmp_path / "other", skip_unreadable=True)
    with pytest.raises(DataError, match="pixels would be 63, the limit is 9"):
        convert(photos, tmp_path / "other", resize="8x6", limits=Limits(pixels=9))


def test_where_nothing_is_written(arrays, tmp_path):
    with pytest.raises(ConfigError, match=r"arrays/rows: in .*arrays, which is only read; give .*: .*/arrays-rows"):
        convert(arrays, arrays / "rows")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="full: not an empty folder, nor that of an interrupted conversion"):
        convert(arrays, tmp_path / "full")
    (tmp_path / "notes.md").write_text("notes")
    with pytest.raises(DataError, match=r"notes\.md: not converted; what is: folders of images by class, NPY"):
        convert(tmp_path / "notes.md", tmp_path / "rows")
    with pytest.raises(DataError, match="there is no such file or folder"):
        convert(tmp_path / "none", tmp_path / "rows")
    assert not (tmp_path / "rows").exists()
    X[7, 1] = np.nan
    np.save(arrays / "X.npy", X)
    X[7, 1] = 0
    with pytest.raises(DataError, match="row 7 holds a value that is not finite"):
        convert(arrays, tmp_path / "rows")


@pytest.mark.parametrize(("harm", "told"), [
    (lambda about: about["pieces"][0].update(labels="../y_train-00000.npy"), "not the manifest of converted rows"),
    (lambda about: about["pieces"][0].update(rows=11), r"shape \(10, 3\), which does not fit"),
    (lambda about: about["pieces"].pop("rows", None) if isinstance(about["pieces"], dict) else about.update(more=1),
     "not the manifest of converted rows, or damaged"),
    (lambda about: about.update(pieces=[]), "training rows: no rows"),
    (lambda about: about.update(class_names=["ja"]), r"label 1, expected one in \[0, 1\)"),
])  # fmt: skip
def test_a_damaged_manifest_is_refused(harm, told, arrays, tmp_path):
    convert(arrays, tmp_path / "rows")
    path = tmp_path / "rows" / "manifest.json"
    about = json.loads(path.read_text())
    harm(about)
    path.write_text(json.dumps(about))
    with pytest.raises(DataError, match=told):
        ds.load(str(tmp_path / "rows"))


def test_a_changed_byte_is_found(arrays, tmp_path):
    convert(arrays, tmp_path / "rows")
    path = tmp_path / "rows" / "X_train-00002.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}: not the file that was written, by its SHA-256"):
        ds.load(str(tmp_path / "rows"))
    convert(arrays, tmp_path / "rows")
    ds.load(str(tmp_path / "rows"))


def test_parts_of_the_source_stay_parts(tmp_path):
    for part in ("train", "val", "test"):
        rows = {"train": X, "val": X[:7], "test": X[:5]}[part]
        np.save(tmp_path / f"X_{part}.npy", rows)
        np.save(tmp_path / f"y_{part}.npy", Y[: len(rows)])
    convert(tmp_path / "X_train.npy", tmp_path / "rows")
    data = ds.load(str(tmp_path / "rows"))
    assert data.validation == 7
    kept, held = data.hold_back(7)
    for found, expected in ((kept.train, X), (held, X[:7]), (data.test, X[:5])):
        np.testing.assert_array_equal(found.inputs[:], expected)
        assert np.array(data.class_names)[found.labels].tolist() == Y[: len(expected)].tolist()
    assert any(note.endswith("each epoch is measured: 7") for note in data.notes)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", "CF")
def test_large_arrays_of_npz_files_are_not_read_into_memory(save, order, tmp_path, monkeypatch):
    save(tmp_path / "data.npz", x_train=np.asarray(X, order=order), y_train=Y, x_test=X[:7], y_test=Y[:7])
    monkeypatch.setattr("descenso.data.formats.npz.CHUNK_BYTES", X.nbytes - 1)
    monkeypatch.setattr("descenso.data.formats.idx.CHUNK", 100)
    read = []
    elements = npz.read_elements
    monkeypatch.setattr(npz, "read_elements", lambda *given: read.append(given[1].shape) or elements(*given))
    convert(tmp_path / "data.npz", tmp_path / "rows")
    assert (50, 3) not in read
    assert (7, 3) in read
    data = ds.load(str(tmp_path / "rows"))
    np.testing.assert_array_equal(data.train.inputs[:], X)
    np.testing.assert_array_equal(data.test.inputs[:], X[:7])
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "rows").iterdir()) == [
        "X_test", "X_train", "manifest.json", "y_test", "y_train",
    ]  # fmt: skip


def test_that_channels_come_last_is_said(tmp_path):
    np.savez(tmp_path / "a.npz", x=RANDOM.integers(256, size=(40, 3, 8, 6), dtype=np.uint8), y=Y[:40])
    convert(tmp_path / "a.npz", tmp_path / "rows")
    found, expected = ds.load(str(tmp_path / "rows")), ds.load(str(tmp_path / "a.npz"))
    assert found.input_shape == expected.input_shape == (8, 6, 3)
    assert [note for note in found.notes if "channels first, are read as 8×6×3" in note]


def test_pictures_of_truth_values_are_read_alike(tmp_path):
    shown = RANDOM.random((40, 6, 5)) < 0.5
    np.savez(tmp_path / "a.npz", x=shown, y=Y[:40])
    convert(tmp_path / "a.npz", tmp_path / "rows")
    found, expected = ds.load(str(tmp_path / "rows")), ds.load(str(tmp_path / "a.npz"))
    assert found.train.inputs.dtype == expected.train.inputs.dtype == np.uint8
    assert found.scaling == expected.scaling
    run = ds.train(expected, epochs=1, engine="eager", model="softmax", out=tmp_path / "run")
    np.testing.assert_array_equal(np.asarray(run.predict(shown)), np.asarray(run.predict(shown.astype(np.uint8))))


def test_an_npz_file_with_changed_bytes_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("descenso.data.formats.npz.CHUNK_BYTES", 0)
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    content = (tmp_path / "data.npz").read_bytes()
    (tmp_path / "data.npz").write_bytes(content.replace(X.tobytes()[:40], bytes(40)))
    with pytest.raises(DataError, match=r"data\.npz.* damaged"):
        convert(tmp_path / "data.npz", tmp_path / "rows")
    assert not (tmp_path / "rows").exists()
