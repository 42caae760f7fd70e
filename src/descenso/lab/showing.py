"""State of a page, which its panels read. Without Bokeh."""

import time
from collections.abc import Callable
from typing import Any

from descenso.lab.answers import Activations, Opened, Recognised
from descenso.lab.desk import TITLES, Desk
from descenso.lab.protocol import TABS
from descenso.text import _

Entry = tuple[str, str, Any]  # id of an element, property, value
RECENT = 60.0  # seconds during which another page's command is mentioned


class Showing:
    """State of a page.

    Args:
        desk: what the pages share.

    Attributes:
        number: of the page.
        tab: the tab that is open; others are not computed.
        tables: names of the tables that are unfolded.
        opened, recognised, activations: the newest answers.
        drawn: whether anything is on the canvas.
        row, test_row: training row of the opened step, and test row whose activations are shown.
        stop: of the lesson, from 0.
        notice: what was wrong with the last command.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk, self.number = desk, desk.open_page()
        self.tab, self.row, self.test_row, self.stop = TABS[0], 0, 0, 0
        self.tables: set[str] = set()
        self.opened: Opened | None = None
        self.recognised: Recognised | None = None
        self.activations: Activations | None = None
        self.drawn = False
        self.notice = ""
        self._made: dict[str, tuple[object, Any]] = {}

    def steered_by(self) -> str:
        """Say that another page steers, if the last command came from one, a short while ago."""
        last = self.desk.steering
        if last is None or last.page not in self.desk.pages - {self.number} or time.monotonic() > last.when + RECENT:
            return ""
        message = _("Another page steers this run, too. Its last command: {command}.")
        return message.format(command=_(TITLES[last.command]))

    def made_of(self, name: str, source: object, make: Callable[..., Any], *more: Any) -> Any:
        """Return what `make(source, *more)` returned for this very object before, or make it."""
        kept = self._made.get(name)
        if kept is None or kept[0] is not source:
            kept = self._made[name] = (source, make(source, *more))
        return kept[1]
