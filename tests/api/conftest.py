"""In these tests messages name settings as Python keywords, not as command-line flags."""

import pytest

from descenso import text


@pytest.fixture(autouse=True)
def python(english: None) -> None:
    """Turn flags in messages off, after the fixture `english` has turned them on."""
    text.use_flags(False)
