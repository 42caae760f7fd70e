import gzip
import hashlib
import re
import shutil
import zipfile

import numpy as np
import pooch
import pytest
import requests

from descenso.data import named
from descenso.data.catalog import load
from descenso.data.named import NAMED, present
from descenso.data.sources import Limits, Sources
from descenso.errors import ConfigError, DataError
from samples import idx_bytes, tiny_dataset, write_folder

FASHION = "fashion-mnist"
LETTERS = tiny_dataset(num_classes=26)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A machine without these datasets and without a network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DESCENSO_DATA", raising=False)
    monkeypatch.setattr(named, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **_: unreachable)
    return tmp_path


def unreachable(url, output_file, pooch):
    raise requests.exceptions.ConnectionError(f"no route to {url}")


def served(folder, monkeypatch):
    """Serve downloads from `folder`; return the list of requested addresses, filled as requests come."""
    asked = []

    def download(url, output_file, pooch):
        asked.append(url)
        output_file = output_file if hasattr(output_file, "write") else open(output_file, "wb")  # noqa: PTH123, SIM115
        with output_file:
            output_file.write((folder / url.rpartition("/")[2]).read_bytes())

    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **_: download)
    return asked


def fashion(folder, shift=0):
    """Write the tiny dataset with ten classes, its images rolled by `shift` to tell one folder from another."""
    data = tiny_dataset(num_classes=10)
    train = data.train._replace(inputs=np.roll(data.train.inputs, shift, axis=1))
    return write_folder(folder / FASHION, data._replace(train=train))


def letters(folder):
    """Write letters in the form of NIST's EMNIST: images transposed, labels from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, split in (("train", LETTERS.train), ("test", LETTERS.test)):
        images = gzip.compress(idx_bytes(split.inputs.swapaxes(1, 2)), mtime=0)
        (folder / f"emnist-letters-{part}-images-idx3-ubyte.gz").write_bytes(images)
        labels = gzip.compress(idx_bytes((split.labels + 1).astype(np.uint8)), mtime=0)
        (folder / f"emnist-letters-{part}-labels-idx1-ubyte.gz").write_bytes(labels)
    return folder


def known_as(name, folder, monkeypatch):
    digests = tuple((file, hashlib.sha256((folder / file).read_bytes()).hexdigest()) for file, _ in NAMED[name].digests)
    monkeypatch.setitem(NAMED, name, NAMED[name]._replace(digests=digests))


def test_it_is_looked_for_in_order(elsewhere, monkeypatch):
    monkeypatch.setenv("DESCENSO_DATA", str(elsewhere / "mine"))
    places = [elsewhere / "given", elsewhere / "mine", elsewhere / "debian", elsewhere / "cache" / "descenso"]
    for shift, place in enumerate(places):
        fashion(place, shift)
    for shift, place in enumerate(places):
        data = load(FASHION, sources=Sources(data_dir=places[0]))
        assert data.name == FASHION
        assert data.class_names[:2] == ("T-shirt/top", "Trouser")
        np.testing.assert_array_equal(
            data.train.inputs, np.roll(tiny_dataset(num_classes=10).train.inputs, shift, axis=1)
        )
        assert present(FASHION, places[0]) == place / FASHION
        (place / FASHION / "train-images-idx3-ubyte.gz").unlink()  # an incomplete dataset is not used
    assert present(FASHION, places[0]) is None


def test_letters_are_turned_and_counted_from_a(elsewhere, monkeypatch):
    letters(elsewhere / "debian" / "emnist-letters")
    data = load("emnist-letters")
    np.testing.assert_array_equal(data.train.inputs, LETTERS.train.inputs)
    np.testing.assert_array_equal(data.test.labels, LETTERS.test.labels)
    assert (data.class_names[0], data.class_names[25], data.num_classes) == ("a", "z", 26)


def test_a_label_that_no_class_has(elsewhere):
    data = tiny_dataset(num_classes=11)
    write_folder(elsewhere / "debian" / FASHION, data)
    with pytest.raises(
        DataError, match=r"^fashion-mnist, training rows: row \d+ has label 10, expected one in \[0, 10"
    ):
        load(FASHION)


@pytest.mark.parametrize("given", [None, "data_dir", "DESCENSO_DATA"])
def test_without_a_network_it_says_what_to_put_where(given, elsewhere, monkeypatch):
    folder = elsewhere / "cache" / "descenso" / "kmnist"
    if given:
        folder = elsewhere / "mine" / "kmnist"
        folder.parent.mkdir()
    if given == "DESCENSO_DATA":
        monkeypatch.setenv("DESCENSO_DATA", str(elsewhere / "mine"))
    message = (
        "kmnist is not here, and cannot be downloaded (ConnectionError); put train-images-idx3-ubyte.gz, "
        "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz from "
        f"http://codh.rois.ac.jp/kmnist/dataset/kmnist/ into {folder}"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load("kmnist", sources=Sources(data_dir=elsewhere / "mine" if given == "data_dir" else None))
    write_folder(folder, tiny_dataset(num_classes=10))  # as the message says
    assert (
        load("kmnist", sources=Sources(data_dir=elsewhere / "mine" if given == "data_dir" else None)).num_classes == 10
    )


@pytest.mark.parametrize("name", ["mnist", "kmnist"])
def test_a_data_dir_that_is_none_is_told_before_anything_is_downloaded(name, elsewhere, monkeypatch):
    asked = served(elsewhere, monkeypatch)
    told = f"data_dir must be a folder, got '{elsewhere}/mnie', which is none; try --data-dir FOLDER with {name} in it"
    with pytest.raises(ConfigError, match=f"^{re.escape(told)}$"):
        load(name, sources=Sources(data_dir=elsewhere / "mnie"))
    assert not asked


def test_the_archive_to_download_is_named():
    with pytest.raises(
        DataError, match=r"idx1-ubyte.gz from https://biometrics\.nist\.gov/cs_links/EMNIST/gzip\.zip into "
    ):
        load("emnist-letters")


def test_it_is_downloaded_once(elsewhere, monkeypatch):
    folder = fashion(elsewhere / "server")
    known_as(FASHION, folder, monkeypatch)
    asked = served(folder, monkeypatch)
    first = load(FASHION)
    assert asked == [NAMED[FASHION].url + file for file, _ in NAMED[FASHION].digests]
    np.testing.assert_array_equal(load(FASHION).train.inputs, first.train.inputs)
    assert len(asked) == 4


def test_an_archive_is_unpacked(elsewhere, monkeypatch):
    folder = letters(elsewhere / "server" / "gzip")
    shutil.make_archive(str(elsewhere / "server" / "gzip"), "zip", elsewhere / "server", "gzip")
    with zipfile.ZipFile(elsewhere / "server" / "gzip.zip", "a") as archive:
        archive.writestr("gzip/emnist-digits-and-more.gz", b"not wanted")
    known_as("emnist-letters", folder.parent, monkeypatch)
    asked = served(folder.parent, monkeypatch)
    for _ in range(2):
        np.testing.assert_array_equal(load("emnist-letters").test.inputs, LETTERS.test.inputs)
    assert asked == ["https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"]
    assert not list(elsewhere.rglob("cache/**/emnist-digits*"))


def test_what_is_not_what_was_published_is_refused(elsewhere, monkeypatch):
    folder = fashion(elsewhere / "server")
    known_as(FASHION, folder, monkeypatch)
    served(folder, monkeypatch)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match=r"cannot be downloaded \(its SHA-256 is not the one published\); put"):
        load(FASHION)
    assert present(FASHION) is None


def test_limits_hold_for_what_is_found(elsewhere):
    fashion(elsewhere / "debian")
    with pytest.raises(DataError, match=r": rows would be 203, the limit is 202; try --limit rows=203$"):
        load(FASHION, sources=Sources(Limits(rows=202)))


def test_the_table_is_as_published():
    """Each checksum occurs once and is a SHA-256; the numbers of classes are as published."""
    digests = [digest for known in NAMED.values() for _, digest in known.digests]
    assert len(set(digests)) == len(digests) == 9
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
    assert {name: len(known.class_names) for name, known in NAMED.items()} == {
        "mnist": 10, "fashion-mnist": 10, "kmnist": 10, "emnist-letters": 26,
    }  # fmt: skip
