"""What all tests of hostile input share."""

from collections.abc import Iterator

import pytest

from child import Reader


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """A process that reads with little memory and time."""
    reader = Reader()
    yield reader
    reader.close()
