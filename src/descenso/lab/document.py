"""The Bokeh document of a page: its plots, the wire by which page and server exchange text, its frames."""

import json
import time
from asyncio import Future
from collections.abc import Callable
from typing import Any

from bokeh.core.properties import String
from bokeh.document import Document
from bokeh.model import DataModel
from tornado.ioloop import IOLoop

from descenso.lab.desk import Desk, speaking
from descenso.lab.page import Page
from descenso.lab.plots import plots
from descenso.lab.plots_rates import RatesPlots

LEAST = 0.09  # seconds between two frames; the training process sends about ten views a second
SHARE = 4  # frames take at most 1 / SHARE of the time
REFRESH = 1.0  # seconds between two frames without a new view, and between two requests for a newer opened step


class Wire(DataModel):
    """Text that page and server exchange, in JSON: actions of the page, and entries for it to show."""

    sent = String(default="[0, null, null]")
    shown = String(default="[]")


def attach(document: Document, desk: Desk, language: str) -> None:
    """Make the document of a page that was opened: its plots, and the calls that keep it up to date."""
    with speaking(language):
        roots, rates = plots(), RatesPlots()
    wire = Wire()
    roots[0].tags = [wire]
    for root in (*roots, *rates.roots):
        document.add_root(root)
    document.config.update(notify_connection_status=False, reconnect_session=False)  # the page says so, and loads again

    def show(act: Callable[[Any], None], given: Any) -> None:
        act(given)
        frames.draw(now=True)

    def later(function: Callable[[Any], Any], given: Any, answered: Callable[[Any], None]) -> None:
        """Compute in a thread, while frames go on; then show the answer at once."""

        def done(future: "Future[Any]") -> None:
            if page.number in desk.pages:
                document.add_next_tick_callback(lambda: show(answered, future.result()))

        IOLoop.current().add_future(IOLoop.current().run_in_executor(None, function, given), done)

    page = Page(desk, language, later)
    frames = _Frames(document, page, rates, wire)
    wire.on_change("sent", lambda name, old, new: show(page.receive, new))

    def look() -> None:
        session = getattr(document.session_context, "session", None)
        if page.connected and session is not None and session.connection_count == 0:
            frames.end()  # Bokeh keeps the session for a while
        frames.draw()

    document.add_periodic_callback(look, round(1000 * REFRESH))
    document.on_session_destroyed(lambda context: frames.end())


class _Frames:
    """Draws a frame for each new view, at most eleven a second, and fewer where they take long.

    All that a frame changes is one message: several would make the browser draw the page several times.
    """

    def __init__(self, document: Document, page: Page, rates: RatesPlots, wire: Wire) -> None:
        self._document, self._page, self._rates, self._wire = document, page, rates, wire
        self._next = self._refreshed = 0.0
        self._number = -1
        self._planned = False
        self._loop = IOLoop.current()
        page.desk.lab.listeners.add(self._wake)

    def end(self) -> None:
        """Forget the page."""
        self._page.desk.lab.listeners.discard(self._wake)
        self._page.close()

    def _wake(self) -> None:
        """Tell the server's thread of a new view."""
        if self._page.seen and not self._planned:
            self._planned = True
            self._loop.add_callback(self._plan)

    def _plan(self) -> None:
        self._loop.call_later(max(0.0, self._next - time.monotonic()), self._draw_planned)

    async def _draw_planned(self) -> None:
        self._planned = False
        session = getattr(self._document.session_context, "session", None)
        if session is not None and not session.destroyed:
            await session.with_document_locked(self.draw)

    def draw(self, now: bool = False) -> None:
        """Draw a frame, if there is a new view and it is time for one, or `now`."""
        begun, view = time.monotonic(), self._page.desk.lab.view
        late = begun > self._refreshed + REFRESH
        due = begun >= self._next and (late or view.number != self._number)
        if not self._page.seen or not (now or due):
            return
        self._number = view.number
        if late or now:
            self._refreshed = begun
            self._page.refresh(view)
        changes = self._page.changes(view)
        if changes:
            self._wire.shown = json.dumps(changes)  # type: ignore[assignment] # a property of Bokeh's
        self._rates.draw(view, self._page.tab)
        self._next = begun + max(LEAST, SHARE * (time.monotonic() - begun))
