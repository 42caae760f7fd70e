"""One run of each model, exported in every format and read again, shared by the tests of exporting."""

import pytest

from takeaway import LIGHT, RUNS, export_all, read_again, train


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder for each of `RUNS`, with `run` and `rows.npy`; to be read, not changed."""
    return {name: train(tmp_path_factory.mktemp(name), name) for name in RUNS}


@pytest.fixture(scope="session")
def exported(runs):
    """`runs`, with each export as `model…`, and the probabilities from its own runtime as `seen-<format>.npy`."""
    for folder in runs.values():
        export_all(folder)
    assert read_again(LIGHT, *runs.values()) == []
    assert read_again(("keras", "savedmodel"), *runs.values()) == ["tensorflow"]
    return runs
