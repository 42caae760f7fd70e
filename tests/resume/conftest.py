"""What all tests of resuming share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from descenso.training import session


@pytest.fixture(autouse=True, scope="module")
def unpainted() -> Iterator[None]:
    """Neither pictures nor waiting for the disk: they are not what is compared here, and take most of the time.

    That everything is synced is for `tests/faults` to show. Processes that a test starts know nothing of this.
    """
    with mock.patch.object(session, "_draw"), mock.patch.object(os, "fsync"):
        yield


@pytest.fixture
def stopped(original: Path, tmp_path: Path) -> Path:
    """A copy of the run that the module calls `original`, to be spoilt."""
    return shutil.copytree(original, tmp_path / "run")
