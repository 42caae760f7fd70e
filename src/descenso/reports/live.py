"""A curve of a run's costs that a notebook redraws in place, without a server: in Jupyter, Colab and VS Code."""

import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from descenso.errors import ConfigError, DataError
from descenso.reports.figures import curves, loss_figure, png
from descenso.runs.directory import RunDirectory, open_directory
from descenso.text import _, plural, printable, prose


def watch(path: Path, seconds: float) -> None:
    """Draw the costs of the run in `path`, and again whenever an epoch is added, until the run has ended.

    Args:
        path: directory of the run, which another process or thread may be writing.
        seconds: between two readings of its history, in (0, inf).

    Raises:
        ConfigError: outside of a notebook.
        DataError: where there is no run, or its history is damaged.
    """
    if not Console().is_jupyter:
        message = _("watch draws in a notebook; in a terminal: descenso plot {run}")
        raise ConfigError(message.format(run=printable(str(path))))
    directory, shown = open_directory(path), import_module("IPython.display")
    picture = _Picture()
    handle = shown.display(picture, display_id=True)
    with suppress(KeyboardInterrupt):  # ends the watching, not the run
        while True:
            outcome = directory.outcome  # before the history: what is added afterwards is read next time
            if picture.take(directory, outcome):
                handle.update(picture)
            if outcome != "running":
                return
            time.sleep(seconds)


class _Picture:
    """What the notebook shows: a picture, and a line of text for screen readers."""

    def __init__(self) -> None:
        self._png: bytes | None = None
        self._text, self._seen = "", (-1, -1, "")

    def take(self, directory: RunDirectory, outcome: str) -> bool:
        """Draw anew if there is something new; return whether there was."""
        try:
            history = directory.history
        except DataError:
            if outcome != "running":
                raise
            return False  # a line that is being written
        seen = len(history.epochs), len(history.changes), outcome
        if seen == self._seen:
            return False
        self._seen, name = seen, directory.path.name
        epochs = len(history.epochs)
        told = plural("{run}: {outcome}, {epochs} epoch", "{run}: {outcome}, {epochs} epochs", epochs)
        text = told.format(run=name, outcome=_(outcome), epochs=epochs)
        if history.costs:
            text += prose(_(", cost {cost:.4g}"), cost=history.costs[-1])
            self._png = png(loss_figure(curves(name, history)))
        self._text = printable(text)
        return True

    def __repr__(self) -> str:
        return self._text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self._text, **({"image/png": self._png} if self._png else {})}
