"""The folder in which the examples of docstrings run: what they write goes there."""

import pytest


@pytest.fixture(autouse=True)
def in_an_empty_folder(request: pytest.FixtureRequest) -> None:
    """Run an example of a docstring in an empty folder."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
