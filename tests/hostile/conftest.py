"""Fixtures shared by the tests of hostile input."""

from collections.abc import Iterator

import pytest

from child import Reader


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """A process that reads with limited memory and time."""
    reader = Reader()
    yield reader
    reader.close()
