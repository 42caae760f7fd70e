"""Fixtures shared by all tests. Nothing here imports TensorFlow, which takes seconds that many tests do not need."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import hypothesis
import pytest

from descenso import text
from descenso.data.dataset import Dataset
from samples import tiny_dataset, write_folder

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "GITHUB_ACTIONS",
              "TTY_COMPATIBLE", "TTY_INTERACTIVE"):  # fmt: skip
    os.environ.pop(_name, None)  # rich and Typer read these, some of them when imported

# The same examples at every run, whatever the machine's load; `--hypothesis-profile explore` draws new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, database=None, print_blob=True, max_examples=2000)
hypothesis.settings.load_profile("same")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test in English, in this process and in those that it starts.

    Messages name flags, except in `tests/api`.
    """
    monkeypatch.setenv("LANGUAGE", "en")
    text.use("en")
    text.use_flags(True)


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """203 + 61 rows of 8×8 uint8 pixels in 4 learnable classes; the arrays are read-only."""
    return tiny_dataset()


@pytest.fixture(scope="session")
def tiny_folder(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four gzipped IDX files of `tiny`, which tests must not change."""
    return write_folder(tmp_path_factory.mktemp("data") / "tiny", tiny)


@pytest.fixture
def as_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Return a context manager in which file permissions apply, although the tests may run as root.

    The current directory is `tmp_path`, which another user may enter. Use relative paths for what is in it, and import
    before the `with` block all that is needed inside.
    """
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)

    @contextlib.contextmanager
    def stranger() -> Iterator[None]:
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # the user nobody
        try:
            yield
        finally:
            os.seteuid(user)

    return stranger
