"""Run the installed command in a new process, as a shell does."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "descenso"]
SECONDS = 120  # a command that takes longer is taken to hang


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a user without settings: variables that the test run may set are removed."""
    ours = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "TF_CPP_MIN_LOG_LEVEL", "NO_COLOR", "FORCE_COLOR", "COLUMNS",
            "TF_ENABLE_ONEDNN_OPTS")  # fmt: skip
    return {name: value for name, value in os.environ.items() if name not in ours} | {"LANG": "C.UTF-8"} | changes


def descenso(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `descenso` with these arguments in the folder `cwd`, without a terminal."""
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        words, cwd=cwd, env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
        timeout=SECONDS, check=False,
    )  # fmt: skip


@contextlib.contextmanager
def running(*arguments: object, cwd: Path, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """Start `descenso` and yield its process; kill it at the end, even if the test fails."""
    words = [*COMMAND, *map(str, arguments)]
    with subprocess.Popen(words, cwd=cwd, **{"env": environment(), "encoding": "utf-8", **streams}) as process:
        try:
            yield process
        finally:
            process.kill()


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files below `folder`, to check that none was added, removed or changed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
