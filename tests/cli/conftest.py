"""One run shared by the tests of commands, since TensorFlow takes seconds to start."""

import shutil
from typing import NamedTuple

import pytest

from shell import descenso


class Trained(NamedTuple):
    """A working directory with the folder `digits` and the run `first`, and the process that trained it."""

    folder: object
    process: object


@pytest.fixture(scope="session")
def trained(tiny_folder, tmp_path_factory):
    """`descenso train digits --out first`; to be read, not changed."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(tiny_folder, folder / "digits")
    process = descenso("train", "digits", "-m", "softmax", "-e", 3, "-b", 20, "-r", 0.02, "--out", "first", cwd=folder)
    return Trained(folder, process)


@pytest.fixture
def here(tiny_folder, tmp_path):
    """A new working directory with the folder `digits`."""
    shutil.copytree(tiny_folder, tmp_path / "digits")
    return tmp_path
