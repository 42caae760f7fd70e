"""Example files: all can be read, with the right rows and classes."""

import json

import numpy as np
import pytest
from PIL import Image

import descenso as ds
from command import run
from descenso.data.dataset import Dataset, Split
from descenso.errors import ConfigError, DiskError
from descenso.reports.samples import write_samples


def test_every_file_is_read(tiny, tmp_path):
    picture, photos, table, arrays, program = write_samples(tiny, tmp_path / "examples")
    with Image.open(picture) as image:
        assert (image.size, image.mode) == ((32, 32), "L")
        assert (np.asarray(image)[::4, ::4] == 255 - tiny.test.inputs[0]).all()
    read = ds.load(str(photos), test_fraction=0.2)
    assert (read.class_names, read.input_shape) == (tiny.class_names, (8, 8))
    assert {tuple(row.ravel()) for row in read.train.inputs} <= {tuple(row.ravel()) for row in tiny.train.inputs}
    read = ds.load(str(table), label="digit", drop="id", test_fraction=0.2)
    assert (read.class_names, read.columns) == (tiny.class_names, ("r0c0", "r0c1", "r1c0", "r1c1"))
    assert len(read.train.labels) + len(read.test.labels) == len(tiny.train.labels)
    read = ds.load(str(arrays))
    assert (read.train.inputs == tiny.train.inputs).all()
    assert (read.test.labels == tiny.test.labels).all()
    compile(program.read_text(encoding="utf-8"), str(program), "exec")


def test_means_of_squares(tiny, tmp_path):
    table = write_samples(tiny, tmp_path / "examples")[2]
    rows = np.genfromtxt(table, delimiter=",", skip_header=1, usecols=(1, 2, 3, 4))
    image = tiny.train.inputs[5].astype(float)
    means = [image[:4, :4].mean(), image[:4, 4:].mean(), image[4:, :4].mean(), image[4:, 4:].mean()]
    assert np.allclose(rows[5], means, atol=0.051)


def test_refusals(tiny, tmp_path):
    write_samples(tiny, tmp_path / "examples")
    with pytest.raises(ConfigError, match=r"examples exists already, .*; try --samples .*examples-2$"):
        write_samples(tiny, tmp_path / "examples")
    table = Dataset("numbers", Split(np.zeros((4, 2)), np.arange(4) % 2), tiny.test, ("a", "b"))
    with pytest.raises(ConfigError, match=r"numbers has no grey pictures .* `descenso data mnist --samples"):
        write_samples(table, tmp_path / "more")
    with pytest.raises(DiskError):
        write_samples(tiny, tmp_path / "examples" / "digit.png" / "more")


def test_the_command(tiny_folder, tmp_path):
    ended = run("data", tiny_folder, "--samples", tmp_path / "new" / "examples", "--json")
    assert ended.exit_code == 0
    written = json.loads(ended.stdout)["samples"]
    assert [path.rpartition("/")[2] for path in written] == [
        "digit.png", "photos", "digits.csv", "digits.npz", "tutorial.py",
    ]  # fmt: skip
