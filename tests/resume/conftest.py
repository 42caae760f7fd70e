"""Fixtures shared by the tests of resuming."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from descenso.training import session


@pytest.fixture(autouse=True, scope="module")
def unpainted() -> Iterator[None]:
    """Draw no pictures and do not wait for the disk: these tests compare neither, and both take most of the time.

    The tests in `tests/faults` check that files are synced. Processes that a test starts are not patched.
    """
    with mock.patch.object(session, "_draw"), mock.patch.object(os, "fsync"):
        yield


@pytest.fixture
def stopped(original: Path, tmp_path: Path) -> Path:
    """A copy of the run of the module's fixture `original`, which a test may change."""
    return shutil.copytree(original, tmp_path / "run")
