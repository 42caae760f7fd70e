"""One open page: the actions that it sends, and the text, tables and pictures that it shows. Without Bokeh.

What it shows are entries, (id of an element, property, value), such as ("accuracy", "textContent", "0.9221").
`Page.changes` returns those whose value differs from the one that the page was sent before.
"""

import base64
import binascii
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from descenso.errors import ConfigError
from descenso.lab import (
    panel_code,
    panel_draw,
    panel_faults,
    panel_lesson,
    panel_race,
    panel_rates,
    panel_step,
    panel_training,
)
from descenso.lab.desk import Desk, speaking
from descenso.lab.protocol import TABS, View
from descenso.lab.showing import Entry, Showing
from descenso.text import _, prose

SPOKEN = 5.0  # seconds between two announcements of the numbers to a screen reader
SIDE = 112  # pixels: height and width of a drawing, as pages send it


class Page(Showing):
    """One page.

    Args:
        desk: what the pages share.
        language: of its text, "en" or "es".
        later: calls a slow function in a thread, and then another function with its result.

    Attributes:
        connected: whether the page has connected, and was not closed.
    """

    def __init__(self, desk: Desk, language: str, later: Callable[..., None]) -> None:
        super().__init__(desk)
        self.language, self.later = language, later
        self.connected, self._shown = False, ""
        desk.lab.speak(language)
        self._sent: dict[tuple[str, str], Any] = {}
        self._asked: dict[str, Any] = {}
        self._wanted: object = None
        self._spoken = 0.0

    def receive(self, text: str) -> None:
        """Carry out what the page sent, `[number, action, value]` in JSON; ignore any other text."""
        try:
            _number, action, value = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            return
        if not isinstance(action, str):
            return
        with speaking(self.language):
            try:
                self._act(action, value)
                if action not in ("hello", "visible", "tab", "table", "drawn"):
                    self.notice = ""
            except ConfigError as error:
                self.notice = str(error)
                # The valid values are sent again.
                self._sent = {key: kept for key, kept in self._sent.items() if key[1] != "value"}

    def _act(self, action: str, value: Any) -> None:
        if action == "hello":
            self._sent, self.connected = {}, True
            self.see(True)
        elif action == "table" and isinstance(value, list) and len(value) == 2:
            (self.tables.add if value[1] is True else self.tables.discard)(str(value[0])[:40])
        elif not isinstance(value, str):
            return
        elif action == "visible":
            self.see(value == "yes")
        elif action == "tab":
            self.tab = value if value in TABS else self.tab
            self.see(self.seen)
        elif action == "drawn":
            self._recognise(value)
        elif action in ("row", "test-row", "lesson"):
            self._choose(action, value)
        else:
            self.desk.steer(self.number, action, value)

    @property
    def seen(self) -> bool:
        """Whether the page is connected and in sight; entries sent before would be lost, those of a hidden tab wait."""
        return bool(self._shown)

    def see(self, seen: bool) -> None:
        """Note whether the page is connected and in sight."""
        shown = self.tab if seen else ""
        if shown != self._shown:
            self._shown = shown
            self.desk.see(self.number, shown)

    def _choose(self, action: str, value: str) -> None:
        """Choose a training row, a test row, or a stop of the lesson; "+" and "-" choose the next and the previous."""
        view = self.desk.lab.view
        name, rows = {
            "row": ("row", view.train_rows),
            "test-row": ("test_row", view.test_rows),
            "lesson": ("stop", len(panel_lesson.STOPS)),
        }[action]
        now = getattr(self, name)
        if value not in ("+", "-") and not (value.isascii() and value.isdigit() and len(value) < 12):
            raise ConfigError(_("the row must be a whole number, got {value!r}").format(value=value[:40]))
        wanted = now + 1 if value == "+" else now - 1 if value == "-" else int(value)
        setattr(self, name, min(max(wanted, 0), max(rows - 1, 0)))

    def _recognise(self, ink: str) -> None:
        try:
            drawn = np.frombuffer(base64.b64decode(ink, validate=True), np.uint8)
        except (binascii.Error, ValueError):
            return
        if drawn.size != SIDE * SIDE:
            return
        self.drawn = bool(drawn.any())
        if not self.drawn:
            self.recognised = None
        self._ask("recognised", self.desk.lab.recognise, drawn.reshape(SIDE, SIDE), when=self.drawn)

    def _ask(self, name: str, function: Callable[[Any], Any], given: Any, when: bool = True) -> None:
        """Ask the lab in a thread; while it computes, keep only the newest further question."""
        if not when:
            self._asked.pop(name, None)
            return
        waiting = name in self._asked
        self._asked[name] = (function, given)
        if waiting:
            return

        def answered(answer: Any) -> None:
            newest = self._asked.pop(name, None)
            if newest is None:  # cleared meanwhile
                return
            setattr(self, name, answer)
            if newest[1] is not given:
                self._ask(name, *newest)

        self.later(function, given, answered)

    def refresh(self, view: View) -> None:
        """Ask anew for what the open tab shows of the newest weights."""
        if self.tab != "tab-step" or view.run is None:
            return
        wanted = (view.number, self.row, self.test_row)
        if wanted != self._wanted:
            self._wanted = wanted
            self._ask("opened", self.desk.lab.opened, self.row)
            self._ask("activations", self.desk.lab.activations, self.test_row, view.settings.model == "cnn")

    def changes(self, view: View) -> list[Entry]:
        """Return the entries that differ from what the page shows."""
        with speaking(self.language):
            entries = {(name, key): value for name, key, value in self._entries(view)}
        changed = [(*key, value) for key, value in entries.items() if self._sent.get(key, ...) != value]
        self._sent.update(entries)
        return changed

    def _entries(self, view: View) -> Iterator[Entry]:
        yield from panel_training.status(self, view)
        yield from panel_training.controls(self, view)
        yield from self._announced(view)
        panel = {
            "tab-training": panel_training.entries,
            "tab-step": panel_step.entries,
            "tab-draw": panel_draw.entries,
            "tab-race": panel_race.entries,
            "tab-rates": panel_rates.entries,
            "tab-faults": panel_faults.entries,
            "tab-code": panel_code.entries,
        }[self.tab]
        yield from panel(self, view)
        if self.desk.lesson:
            yield from panel_lesson.entries(self, view)

    def _announced(self, view: View) -> Iterator[Entry]:
        """Yield the numbers for a screen reader, at most once in five seconds."""
        if time.monotonic() < self._spoken + SPOKEN:
            return
        self._spoken = time.monotonic()
        text = panel_training.state_of(view)
        if view.steps_per_epoch:
            numbers = _("{state}: epoch {epoch}, step {step}, cost {cost:.4f}, test accuracy {accuracy:.4f}")
            text = prose(numbers, state=text, epoch=view.epoch, step=view.step, cost=view.cost, accuracy=view.accuracy)
        yield "live", "textContent", text

    def close(self) -> None:
        """Forget the page."""
        self.connected = False
        self.see(False)
        self.desk.close_page(self.number)
