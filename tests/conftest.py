"""What all tests share. Nothing here imports TensorFlow: many tests want none of its seconds."""

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
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; children would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "GITHUB_ACTIONS",
              "TTY_COMPATIBLE", "TTY_INTERACTIVE"):  # fmt: skip
    os.environ.pop(_name, None)  # what rich and Typer take for a terminal, some while they are imported

# The same examples at every run, whatever the machine's load; `--hypothesis-profile explore` draws new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, database=None, print_blob=True, max_examples=2000)
hypothesis.settings.load_profile("same")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins in English, in this process and in those it starts; messages are seen as they are written, with
    flags, but in `tests/api`.
    """
    monkeypatch.setenv("LANGUAGE", "en")
    text.use("en")
    text.use_flags(True)


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """203 + 61 rows of 8×8 uint8 pixels, 4 classes, learnable; read-only arrays."""
    return tiny_dataset()


@pytest.fixture(scope="session")
def tiny_folder(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the four gzipped IDX files of `tiny`; to be read, not changed."""
    return write_folder(tmp_path_factory.mktemp("data") / "tiny", tiny)


@pytest.fixture
def as_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """`with as_stranger():` permissions count, although the tests may run as root, whom none stop.

    The current directory is `tmp_path`, which a stranger may enter; name what is in it by relative paths, and
    import beforehand what is needed.
    """
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)

    @contextlib.contextmanager
    def stranger() -> Iterator[None]:
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # nobody
        try:
            yield
        finally:
            os.seteuid(user)

    return stranger
