"""Here messages name settings as Python does."""

import pytest

from descenso import text


@pytest.fixture(autouse=True)
def python(english: None) -> None:
    """After the fixture by which every other test begins."""
    text.use_flags(False)
