"""The bar of a training run in a notebook; imported in notebooks only."""

import sys
import time
from importlib import import_module
from typing import Any

from descenso.text import _


class NotebookBar:
    """A bar above the lines that a cell prints; IPython alone draws it, with no widgets.

    Args:
        seconds: least time between two drawings.
        width: in characters.
    """

    height = 10**6  # of a page that is scrolled

    def __init__(self, seconds: float, width: int) -> None:
        self._seconds, self.width = seconds, width
        self._share: float | None = None
        self._told, self._shown = _("Starting TensorFlow"), 0.0
        self._handle: Any = None

    def start(self) -> None:
        shown = import_module("IPython.display")
        self._handle = shown.display(self, display_id=True)

    def update(self, what: str, share: float | None, told: str) -> None:
        self._share, self._told = share, f"{what} {told}".strip()
        if time.monotonic() > self._shown + self._seconds:
            self.stop()

    def print(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")

    def stop(self) -> None:
        self._handle.update(self)
        self._shown = time.monotonic()

    def __repr__(self) -> str:
        return self._told

    def _repr_html_(self) -> str:
        value = "" if self._share is None else f' value="{self._share:.4f}"'
        return f"<progress{value}></progress> {self._told}"
