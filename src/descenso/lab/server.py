"""The server of the lab: a Tornado application of few routes, each behind the gate, and the limits of its pages."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop, PeriodicCallback

from descenso.lab.desk import Desk
from descenso.lab.document import attach
from descenso.lab.gate import PAGE, SOCKET, Gate, bound, hosts_of, new_token
from descenso.lab.handlers import MOST_PAGES, ROUTES, Entrance, Page, Refused, Socket

MOST_MESSAGE = 2**18  # bytes that a page may send at once; a drawn digit has about 5,000
MOST_REQUEST = 2**16  # bytes of the head of a request, which has no body
UNUSED = 15  # seconds after which a page that was closed is forgotten
IDLE = 4 * 3600  # seconds without a command from a page after which it is closed
LAST = 0.3  # seconds in which messages arrive, and pages confirm that they are closed
SWEEP = 5  # seconds between checks for such pages


class Serving(NamedTuple):
    """How the lab is served.

    Attributes:
        address: of this machine, at which to listen.
        port: to listen at; 0 for a free one.
        framed: whether a notebook of this machine may show the page in a frame.
    """

    address: str = "127.0.0.1"
    port: int = 5006
    framed: bool = False


class LabApplication(BokehTornado):
    """Bokeh's application with the routes of `ROUTES` only, none of Bokeh's own; the gate checks each request.

    Args:
        desk: what the pages share.
        gate: the rules by which requests are let in.
        framed: whether a notebook may show the page in a frame.
    """

    def __init__(self, desk: Desk, gate: Gate, framed: bool) -> None:
        self.desk, self.gate, self.framed = desk, gate, framed
        self.sockets: set[Socket] = set()
        super().__init__(
            Application(FunctionHandler(lambda document: _attached(document, desk))),
            extra_websocket_origins=[],
            secret_key=new_token().encode(),
            sign_sessions=True,
            ico_path="none",
            include_headers=[],
            include_cookies=[],
            check_unused_sessions_milliseconds=1000 * SWEEP,
            unused_session_lifetime_milliseconds=1000 * UNUSED,
            websocket_max_message_size_bytes=MOST_MESSAGE,
            log_function=lambda handler: None,  # the terminal shows messages of the lab, not each request
        )

    @property
    def sessions(self) -> list[ServerSession]:
        """The sessions of the pages that are open or were closed a moment ago."""
        return list(self.applications[PAGE].sessions)

    def is_full(self) -> bool:
        """Whether `MOST_PAGES` pages are open."""
        return len(self.sessions) >= MOST_PAGES

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Route a request that the gate lets in; refuse any other, whatever its path."""
        token = _argument(request, "token")
        cookies = {name: morsel.value for name, morsel in request.cookies.items()}
        refusal = self.gate.refusal(request.method or "", request.path, _headers(request), cookies, token)
        if refusal is not None:
            return self.get_handler_delegate(request, Refused, {"refusal": refusal})
        handler = Entrance if request.path == PAGE and token else ROUTES[request.path]
        context = {"application_context": self.applications[PAGE], "bokeh_websocket_path": SOCKET}
        return self.get_handler_delegate(request, handler, context if handler in (Page, Socket) else {})

    def close_idle(self) -> None:
        """Close the pages from which no message has come for long."""
        for each in [each for each in self.sockets if time.monotonic() > each.heard + IDLE]:
            each.close(1001, "idle")

    async def close_pages(self) -> None:
        """Close all pages, and stop drawing their frames before the event loop ends."""
        for each in list(self.sockets):
            each.close(1001, "the lab has ended")
        await asyncio.sleep(LAST)
        for session in self.sessions:
            await session.with_document_locked(session.destroy)  # type: ignore[misc] # a decorator loses its type


def _headers(request: HTTPServerRequest) -> dict[str, str]:
    """Return the headers that the gate reads; the values of a repeated one are joined by commas, which no host has."""
    found = {name: ",".join(request.headers.get_list(name)) for name in ("Host", "Origin")}
    return {name: value for name, value in found.items() if name in request.headers}


def _argument(request: HTTPServerRequest, name: str) -> str:
    """Return the value of a query's argument that is there once, else ''."""
    values = request.query_arguments.get(name, [])
    return values[0].decode("utf-8", "replace") if len(values) == 1 else ""


def _attached(document: Document, desk: Desk) -> None:
    request = getattr(document.session_context, "request", None)
    asked = request.arguments.get("lang", [b""])[0] if request else b""
    attach(document, desk, desk.language_of(asked.decode("ascii", "replace")))


async def serve(desk: Desk, serving: Serving, ready: Callable[[str], None], stopped: asyncio.Event) -> None:
    """Serve pages until `stopped` is set.

    Args:
        desk: what the pages share.
        serving: where to listen, and whether notebooks may frame the page.
        ready: called with the first address, which carries the token, once the server listens.
        stopped: ends the server.

    Raises:
        ConfigError: if the port is taken, or the address is none of this machine.
    """
    logging.getLogger("bokeh").setLevel(logging.ERROR)  # it warns of each page that is closed while a frame is sent
    sockets = bound(serving.address, serving.port)
    port = sockets[0].getsockname()[1]
    hosts, token = hosts_of(serving.address, port), new_token()
    application = LabApplication(desk, Gate(hosts, ROUTES, token, f"descenso-{port}"), serving.framed)
    server = HTTPServer(
        application, max_header_size=MOST_REQUEST, max_body_size=MOST_REQUEST, idle_connection_timeout=600
    )
    application.initialize(IOLoop.current())
    server.add_sockets(sockets)
    application.start()
    desk.lab.watched(frozenset())  # until a page is opened
    sweep = PeriodicCallback(application.close_idle, 1000 * SWEEP)
    sweep.start()
    try:
        ready(f"http://{hosts[0]}/?{urlencode({'token': token})}")
        await stopped.wait()
    finally:
        sweep.stop()
        server.stop()
        await application.close_pages()
        application.stop()
        await server.close_all_connections()


def run_until_interrupted(desk: Desk, serving: Serving, ready: Callable[[str], None]) -> None:
    """Serve pages until Ctrl-C or SIGTERM."""

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for which in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # on Windows, where KeyboardInterrupt ends `asyncio.run`
                loop.add_signal_handler(which, stopped.set)
        await serve(desk, serving, ready, stopped)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
