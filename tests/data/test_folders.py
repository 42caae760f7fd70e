import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

import descenso as ds
from descenso.data.catalog import load
from descenso.errors import ConfigError, DataError


def picture(up, kind=np.uint8, most=255, side=16):
    """Return an image whose upper or lower half is bright."""
    pixels = np.zeros((side, side), kind)
    pixels[(slice(1, 7) if up else slice(9, 15)), 2:14] = most
    return pixels


def write(folder, rows=6, suffix="png", names=("top", "bottom"), **options):
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(rows):
            Image.fromarray(picture(name == names[0], **options)).save(folder / name / f"{number}.{suffix}")
    return folder


def rows_of(folder, **options):
    data = load(str(folder), **options)
    return len(data.train.labels), data.validation, len(data.test.labels)


JUNK = [
    "Thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "desktop.ini", "Desktop.ini", ".DS_Store", "._0.png",
    "Icon\r", ".picasa.ini", "Picasa.ini", ".directory", "0.png:Zone.Identifier", "~$notes.docx", "ZbThumbnail.info",
    ".nomedia", "photo.lnk",
]  # fmt: skip
JUNK_FOLDERS = ["__MACOSX", ".ipynb_checkpoints", "@eaDir", ".git", "$RECYCLE.BIN", "System Volume Information",
                "lost+found", ".Trash-1000", "#recycle", "__pycache__"]  # fmt: skip


@pytest.mark.parametrize("name", JUNK)
@pytest.mark.parametrize("where", [".", "top", "train/top", "val"])
def test_files_that_systems_leave_are_left_out(name, where, tmp_path):
    for part in ("train", "val", "test") if where in ("train/top", "val") else ("",):
        write(tmp_path / part)
    (tmp_path / where / name).write_bytes(b"\0" * 64)
    data = load(str(tmp_path))
    assert data.class_names == ("bottom", "top")
    assert [note for note in data.notes if "left out" in note] == [
        f"hidden files, and those that systems leave behind, are left out: 1 ({name!r})"
    ]


@pytest.mark.parametrize("name", JUNK_FOLDERS)
@pytest.mark.parametrize("where", [".", "top"])
def test_folders_that_systems_leave_are_left_out(name, where, tmp_path):
    write(tmp_path)
    (tmp_path / where / name / "top").mkdir(parents=True)
    (tmp_path / where / name / "top" / "0.png").write_bytes(b"\0")
    data = load(str(tmp_path))
    assert data.class_names == ("bottom", "top")
    assert "are left out: 1 (" in data.notes[0]


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (("train", "val", "test"), (24, 12, 12)),
        (("Training", "VALID", "Testing"), (24, 12, 12)),
        (("train", "validation"), (22, 12, 2)),
        (("train", "test"), (12, 0, 12)),
        (("TRAIN",), (10, 0, 2)),
    ],
)
def test_parts(names, rows, tmp_path):
    for name in names:
        write(tmp_path / name)
    assert rows_of(tmp_path) == rows
    notes = " ".join(load(str(tmp_path)).notes)
    assert ("on which each epoch is measured: 12" in notes) == bool(rows[1])
    assert ("a fifth of the rows is kept to test on" in notes) == (rows[2] == 2)


def test_validation_rows_are_validated_on(tmp_path):
    write(tmp_path / "data" / "train"), write(tmp_path / "data" / "test", most=200)
    write(tmp_path / "data" / "val", most=100)
    data = load(str(tmp_path / "data"))
    assert data.train.inputs[:12].max() == 100
    assert data.train.inputs[12:].reshape(12, -1).max(axis=1).tolist() == [255] * 12
    settings = {"engine": "eager", "epochs": 2, "patience": 1}
    run = ds.train(tmp_path / "data", out=tmp_path / "run", **settings)
    assert run.config.validation_size == 12
    assert len(run.history.validation_costs) == len(run.history.epochs)
    with pytest.raises(ConfigError, match="it has validation rows of its own; leave --validation-size out"):
        ds.train(tmp_path / "data", out=tmp_path / "other", validation_size=3, **settings)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (("val", "test"), "it holds test, val, and no training rows; add .*/train, or give .*/test"),
        (("train", "val", "valid"), "val and valid mean the same; make one folder of them"),
        (("train", "Training"), "mean the same"),
    ],
)
def test_parts_that_cannot_be_meant(parts, told, tmp_path):
    for part in parts:
        write(tmp_path / part)
    with pytest.raises(DataError, match=told):
        load(str(tmp_path))


def test_a_class_may_be_called_train(tmp_path):
    assert load(str(write(tmp_path, names=("train", "plane")))).class_names == ("plane", "train")


def test_train_and_test_without_classes_are_no_classes(tmp_path):
    write(tmp_path, names=("train", "test"))
    with pytest.raises(DataError, match="images that are not in folders; put them into one folder for each class"):
        load(str(tmp_path))


def test_classes_that_lie_deeper(tmp_path):
    write(tmp_path / "one" / "deep")
    with pytest.raises(DataError, match=f"the folders of classes lie deeper; give {tmp_path / 'one' / 'deep'}$"):
        load(str(tmp_path / "one"))
    write(tmp_path / "two" / "a" / "b")
    with pytest.raises(DataError, match=f"give {tmp_path / 'two' / 'a' / 'b'}$"):
        load(str(tmp_path / "two"))


@pytest.mark.parametrize("name", ["{}.{}.png", "{}_{}.png", "{}-{}.png", "{} ({}).png", "{}{}.png", "big {}_{:03}.png"])
def test_flat_folders_are_sorted_by_the_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flat").mkdir()
    for kind in ("cat", "dog"):
        for number in range(5):
            Image.fromarray(picture(kind == "cat")).save(f"flat/{name.format(kind, number)}")
    with pytest.raises(DataError, match=r"look like CLASS.NUMBER, of (big )?cat, (big )?dog; to sort") as told:
        load("flat")
    line, given = str(told.value).split("to sort them: ")[1].split("; then give ")
    subprocess.run(line.replace("python", sys.executable, 1), shell=True, check=True)  # noqa: S602
    assert len(load(given).class_names) == 2


@pytest.mark.parametrize(("train", "other"), [("train", "test"), ("Training", "valid")])
def test_images_to_test_on_without_classes(train, other, tmp_path):
    write(tmp_path / train)
    (tmp_path / other).mkdir()
    Image.fromarray(picture(True)).save(tmp_path / other / "0.png")
    with pytest.raises(DataError, match=rf"{other}: images .* so that their classes are unknown; give .*{train}$"):
        load(str(tmp_path))
    assert load(str(tmp_path / train)).class_names == ("bottom", "top")


def test_what_else_is_given_for_a_folder(tmp_path):
    write(tmp_path / "photos")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        packed.write(tmp_path / "photos" / "top" / "0.png")
    with pytest.raises(DataError, match=r"photos.zip: an archive; unpack it, and give what is in it"):
        load(str(tmp_path / "photos.zip"))
    (tmp_path / "packed").mkdir()
    (tmp_path / "photos.zip").rename(tmp_path / "packed" / "photos.zip")
    with pytest.raises(DataError, match=r"photos.zip: an archive; unpack it"):
        load(str(tmp_path / "packed"))
    (tmp_path / "labelled" / "images").mkdir(parents=True)
    Image.fromarray(picture(True)).save(tmp_path / "labelled" / "images" / "0.png")
    (tmp_path / "labelled" / "labels.csv").write_text("image,label\n0.png,top\n")
    with pytest.raises(DataError, match=r"a table beside the images, labels.csv; labels are not read from tables"):
        load(str(tmp_path / "labelled"))
    (tmp_path / "photos" / "nothing").mkdir()
    data = load(str(tmp_path / "photos"))
    assert data.class_names == ("bottom", "top")
    assert "folders without images, which are not used as classes: nothing" in data.notes
    with pytest.raises(DataError, match="one class only, top; give a folder for each"):
        load(str(write(tmp_path / "one", names=("top",))))


def test_all_that_is_unusable_is_named_at_once(tmp_path):
    write(tmp_path / "photos")
    bad = {"top/a.png": b"text", "top/b.png": b"", "bottom/c.jpg": b"%PDF-1.7", "notes.md": b"x"}
    for name, content in bad.items():
        (tmp_path / "photos" / name).write_bytes(content)
    with pytest.raises(DataError) as told:
        load(str(tmp_path / "photos"))
    for part in ("files that cannot be used: 4 (", "notes.md: beside the folders", "top/a.png: no image",
                 "b.png: an empty file",
                 "bottom/c.jpg: a PDF document", "to go on without: --skip-unreadable"):  # fmt: skip
        assert part in str(told.value), told.value
    data = load(str(tmp_path / "photos"), skip_unreadable=True)
    assert rows_of(tmp_path / "photos", skip_unreadable=True) == (9, 0, 3)
    assert any(note.startswith("left out: files that cannot be used: 4 (notes.md") for note in data.notes)
    for number in range(20):
        (tmp_path / "photos" / "top" / f"x{number}.png").write_bytes(b"text")
    with pytest.raises(DataError, match=r"files that cannot be used: 24 \(.*; and 14 more"):
        load(str(tmp_path / "photos"))


def test_only_unusable_files_are_refused_all_the_same(tmp_path):
    for name in ("top/a.png", "bottom/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"text")
    with pytest.raises(DataError, match=r"files that cannot be used: 2 \("):
        load(str(tmp_path), skip_unreadable=True)


def test_predict_and_evaluate_read_folders_alike(tmp_path):
    run = ds.train(
        write(tmp_path / "photos"), out=tmp_path / "run", model="softmax", engine="eager", epochs=60, learning_rate=0.1
    )
    write(tmp_path / "more")
    (tmp_path / "more" / "top" / "broken.png").write_bytes(b"text")
    with pytest.raises(DataError, match="broken.png: no image, .*; to go on without: --skip-unreadable"):
        ds.predict(run, tmp_path / "more")
    with pytest.warns(UserWarning, match=r"left out: .*broken.png"):
        predicted = ds.predict(run, tmp_path / "more", skip_unreadable=True)
    assert [name.split("/")[-2] for name in predicted.names] == list(predicted.labels)
    assert len(predicted) == 12
    with pytest.warns(UserWarning, match="left out"):
        evaluation, rows = ds.evaluate(run, str(tmp_path / "more"), skip_unreadable=True)
    assert (evaluation.accuracy, len(rows.labels)) == (1.0, 12)


@pytest.mark.slow
def test_sweeps_and_searches_validate_on_the_folders_own_rows(tmp_path):
    for part, rows in (("train", 8), ("val", 3), ("test", 2)):
        write(tmp_path / "photos" / part, rows=rows)
    sweep = ds.sweep(
        str(tmp_path / "photos"), learning_rates=[0.01, 0.1], model="softmax", epochs=2, out=tmp_path / "sweep"
    )
    assert {len(record.validation_costs) for record in sweep.records.values()} == {2}
    assert {lane.config.validation_size for lane in sweep.lanes} == {6}
    best = ds.train(str(tmp_path / "photos"), out=tmp_path / "best", **sweep.lanes[sweep.best].config.model_dump(
        exclude={"data"}))  # fmt: skip
    assert len(best.history.validation_costs) == 2
    with pytest.raises(ConfigError, match="batch_size must be at most the 16 training rows, got 17"):
        ds.find_rate(str(tmp_path / "photos"), model="softmax", seeds=1, steps=6, batch_size=17)


def test_a_class_is_found_whichever_way_its_accent_is_written(tmp_path):
    """A folder that macOS names, and one of the same name on another system."""
    write(tmp_path / "train", names=("an\u0303o", "mes"))
    write(tmp_path / "test", names=("a\u00f1o", "mes"))
    data = load(str(tmp_path))
    assert data.class_names == ("a\u00f1o", "mes")
    assert (len(data.train.labels), len(data.test.labels)) == (12, 12)
    run = ds.train(str(tmp_path), epochs=1, engine="eager", model="softmax", out=tmp_path / "run")
    assert len(run.evaluate(tmp_path / "train").costs) == 12
