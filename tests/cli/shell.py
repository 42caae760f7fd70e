"""The installed command in a process of its own, as a shell would run it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "descenso"]
SECONDS = 120  # beyond which a command hangs


def environment(**changes: str) -> dict[str, str]:
    """That of a user who has set nothing: what our own test run sets for itself is taken out."""
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
    """`descenso` while it runs; whatever comes, it does not outlive the test."""
    words = [*COMMAND, *map(str, arguments)]
    with subprocess.Popen(words, cwd=cwd, **{"env": environment(), "encoding": "utf-8", **streams}) as process:
        try:
            yield process
        finally:
            process.kill()


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, to see that nothing came, went or changed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
