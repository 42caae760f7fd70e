"""The lab in a notebook: a server in a process of its own, and the page in a frame below the cell."""

import atexit
import html
import os
import subprocess
import sys
import threading
from typing import Any

from descenso.config import flag
from descenso.errors import ConfigError
from descenso.text import _, language

SECONDS = 60.0  # in which the server must print its address
HEIGHT = 740  # pixels of the frame


class Shown:
    """A lab that a notebook shows. It ends with the notebook, or by `close`.

    Attributes:
        address: of the page, with its token.
    """

    def __init__(self, process: "subprocess.Popen[str]", address: str, height: int) -> None:
        self.address = address
        self._process, self._height = process, height
        atexit.register(self.close)

    def close(self) -> None:
        """Save the current run, and end the server and the training process."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        atexit.unregister(self.close)

    def _repr_html_(self) -> str:
        there = html.escape(self.address)
        frame = f'<iframe src="{there}" title="descenso lab" width="100%" height="{self._height}"></iframe>'
        link = html.escape(_("Open the lab in a tab of its own"))
        return f'{frame}<p><a href="{there}" target="_blank">{link}</a></p>'


def lab(
    data: Any = "mnist",
    *,
    lesson: bool = False,
    lang: str = "",
    height: int = HEIGHT,
    out: Any = "runs",
    **reading: Any,
) -> Shown:
    """Watch and steer training in a notebook of this machine.

    Args:
        data: name or path of a dataset, or the directory of a run to look at.
        lesson: begin with the lesson.
        lang: "en" or "es"; by default the language of descenso.
        height: of the frame, in pixels.
        out: folder of the runs.
        **reading: how data is read: `label`, `drop`, `test_fraction` and the other settings of `descenso data`.

    Returns:
        The lab, which a notebook shows when it is the last line of a cell.

    Raises:
        ConfigError: where the browser does not reach servers of this machine, as on Colab: `run.watch()` shows the
            curve of a run there. Also if the server does not start, with what it says.
    """
    hosted = _hosted()
    if hosted:
        message = _("lab: on {place}, the browser reaches no server beside the notebook; run.watch() shows the curve")
        raise ConfigError(message.format(place=hosted))
    words = [sys.executable, "-m", "descenso", "lab", str(data), "--out", str(out)]
    words += ["--no-browser", "--port", "0", "--framed", "--lang", lang or language(), *["--lesson"] * lesson]
    for name, value in reading.items():
        words += [flag(name)] if value is True else [flag(name), str(value)] if value is not False else []
    process, address = _started(words)
    return Shown(process, address, height)


def _started(words: list[str]) -> "tuple[subprocess.Popen[str], str]":
    """Start a server; return its process and its address.

    Raises:
        ConfigError: with what it says, if it ends instead.
    """
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    late = threading.Timer(SECONDS, process.kill)
    late.start()
    address = (process.stdout.readline() if process.stdout else "").strip()
    late.cancel()
    if not address.startswith("http"):
        said = (process.communicate()[1] or "").strip().splitlines()
        raise ConfigError(said[-1].removeprefix("descenso: ") if said else _("lab: the server did not start"))
    return process, address


def _hosted() -> str:
    """Return where the notebook runs, if that is not the machine of the browser."""
    if "google.colab" in sys.modules:
        return "Colab"
    if os.environ.get("KAGGLE_KERNEL_RUN_TYPE"):
        return "Kaggle"
    if os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        return "JupyterHub"
    return ""
