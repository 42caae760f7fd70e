"""The server of the lab: a Tornado application of few routes, each behind the gate, and the limits of its pages."""

import asyncio
import contextlib
import signal
import socket
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from descenso.text import LANGUAGES, _, speaking

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.embed.util import RenderItem
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.session_handler import SessionHandler
from bokeh.server.views.ws import WSHandler
from bokeh.util.paths import bokehjs_path
from bokeh.util.token import get_session_id
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import HTTPError, RequestHandler

from descenso.lab.desk import Desk
from descenso.lab.document import attach
from descenso.lab.downloads import PICTURES, picture, zipped
from descenso.lab.gate import PAGE, SOCKET, Gate, Refusal, bound, hosts_of, is_loopback, new_token
from descenso.lab.layout import page_html

MOST_PAGES = 20  # open at once
MOST_MESSAGE = 2**18  # bytes that a page may send at once; a drawn digit has about 5,000
MOST_REQUEST = 2**16  # bytes of the head of a request; of a body, there is none
UNUSED = 15  # seconds after which a page that was closed is forgotten
IDLE = 4 * 3600  # seconds without a command from a page after which it is closed
SWEEP = 5  # seconds between looks for such pages
OURS = Path(__file__).parent / "static"
STATIC = {  # what pages load, by path
    "/static/bokeh.js": (Path(bokehjs_path()) / "js" / "bokeh.min.js", "text/javascript"),
    "/static/lab.js": (OURS / "lab.js", "text/javascript"),
    "/static/lab.css": (OURS / "lab.css", "text/css"),
    "/static/icon.svg": (OURS / "icon.svg", "image/svg+xml"),
}
SAFETY = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
CONTENT = (  # Bokeh writes styles into the page; scripts come from files of this server alone
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)
NOTEBOOKS = "http://localhost:* http://127.0.0.1:*"  # whose pages may hold the lab in a frame, if it was asked for


class Serving(NamedTuple):
    """How the lab is served.

    Attributes:
        address: of this machine, at which to listen.
        port: to listen at; 0 for a free one.
        browser: whether to open the page in the browser.
        framed: whether a notebook of this machine may show the page in a frame.
    """

    address: str = "127.0.0.1"
    port: int = 5006
    browser: bool = True
    framed: bool = False


class _Guarded(RequestHandler):
    """What all handlers have in common: safe headers, and errors without details."""

    application: "LabApplication"

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in SAFETY.items():
            self.set_header(name, value)
        host = self.request.headers.get("Host", "")
        safe = host if host in self.application.gate.hosts else "'none'"
        framed = self.application.framed
        self.set_header("Content-Security-Policy", CONTENT.format(host=safe, ancestors=NOTEBOOKS if framed else "'none'"))
        if framed:
            self.clear_header("X-Frame-Options")

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")


class _Refused(_Guarded):
    """Answers what the gate refuses; a websocket is not opened."""

    def initialize(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def prepare(self) -> None:
        self.set_status(self._refusal.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"descenso lab: {self._refusal.reason}\n")


class _Entrance(_Guarded):
    """Turns the token of the first address into a cookie, which scripts cannot read."""

    def get(self) -> None:
        gate, language = self.application.gate, self.get_query_argument("lang", "")
        self.set_cookie(gate.cookie, self.get_query_argument("token"), httponly=True, samesite="Strict", path="/")
        self.redirect(PAGE + (f"?{urlencode({'lang': language})}" if language in LANGUAGES else ""), status=303)


class _Page(_Guarded, SessionHandler):
    """The page: HTML of ours, whose plots and numbers are a Bokeh document of its own."""

    async def get(self) -> None:
        if self.application.is_full():
            return self._say_full()
        session = await self.get_session()
        item = RenderItem(token=session.token, roots=session.document.roots, use_for_title=False).to_json()
        desk = self.application.desk
        with speaking(desk.language_of(self.get_query_argument("lang", ""))):
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.write(page_html(desk, item, session.document.roots))

    def _say_full(self) -> None:
        self.set_status(503)
        message = _("descenso lab: {most} pages are open, which is all it serves; close one, and load this one again")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(message.format(most=MOST_PAGES) + "\n")


class _Socket(WSHandler):
    """The websocket of a page."""

    application: "LabApplication"

    def check_origin(self, origin: str) -> bool:
        return True  # the gate has compared it with the host; Bokeh would ask the environment

    def prepare(self) -> None:
        """Refuse a page whose session is gone, while there are as many as may be."""
        token = self.request.headers.get("Sec-WebSocket-Protocol", "").rpartition(",")[2].strip()
        try:
            known = get_session_id(token) in {session.id for session in self.application.sessions}
        except Exception:  # whatever makes a token unreadable
            raise HTTPError(403) from None
        if not known and self.application.is_full():
            raise HTTPError(503)


class _Static(_Guarded):
    """Files that pages load."""

    def get(self) -> None:
        path, kind = STATIC[self.request.path]
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        if self.request.path == "/static/bokeh.js":
            self.set_header("Cache-Control", "private, max-age=3600")
        self.write(path.read_bytes())


class _Download(_Guarded):
    """The pictures of the run, and its directory as one file."""

    async def get(self) -> None:
        run, name = self.application.desk.run_path(), self.request.path.rpartition("/")[2]
        if run is None:
            raise HTTPError(404)
        try:
            content = await IOLoop.current().run_in_executor(None, zipped if name == "run.zip" else picture, run, name)
        except OSError:  # no such picture yet, or the run is gone
            raise HTTPError(404) from None
        self.set_header("Content-Type", "application/zip" if name == "run.zip" else "image/png")
        shown = f"{run.name}.zip" if name == "run.zip" else f"{run.name}-{name}"
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(shown)}")
        self.write(content)


ROUTES: dict[str, type[RequestHandler]] = {
    PAGE: _Page,
    SOCKET: _Socket,
    **dict.fromkeys(STATIC, _Static),
    **{f"/download/{name}": _Download for name in (*PICTURES, "run.zip")},
}


class LabApplication(BokehTornado):
    """Bokeh's application with routes of ours alone: none of Bokeh's own is reachable, and each passes the gate.

    Args:
        desk: what the pages share.
        gate: the rules by which requests are let in.
        framed: whether a notebook may show the page in a frame.
    """

    def __init__(self, desk: Desk, gate: Gate, framed: bool = False) -> None:
        self.desk, self.gate, self.framed = desk, gate, framed
        super().__init__(
            Application(FunctionHandler(lambda document: attach(document, desk))),
            extra_websocket_origins=[],
            secret_key=new_token().encode(),
            sign_sessions=True,
            ico_path="none",
            include_headers=[],
            include_cookies=[],
            check_unused_sessions_milliseconds=1000 * SWEEP,
            unused_session_lifetime_milliseconds=1000 * UNUSED,
            websocket_max_message_size_bytes=MOST_MESSAGE,
        )

    @property
    def sessions(self) -> list[ServerSession]:
        """The sessions of the pages that are open or were closed a moment ago."""
        return list(self.applications[PAGE].sessions)

    def is_full(self) -> bool:
        """Whether there are as many pages as may be."""
        return len(self.sessions) >= MOST_PAGES

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Route a request that the gate lets in; another one, of whichever path, is refused."""
        token = _argument(request, "token")
        cookies = {name: morsel.value for name, morsel in request.cookies.items()}
        refusal = self.gate.refusal(request.method or "", request.path, _headers(request), cookies, token)
        if refusal is not None:
            return self.get_handler_delegate(request, _Refused, {"refusal": refusal})
        handler = _Entrance if request.path == PAGE and token else ROUTES[request.path]
        context = {"application_context": self.applications[PAGE], "bokeh_websocket_path": SOCKET}
        return self.get_handler_delegate(request, handler, context if handler in (_Page, _Socket) else {})

    def close_idle(self) -> None:
        """Close the pages from which no command has come for long."""
        for socket in [connection._socket for connection in self._clients]:
            page = self.desk.page_of(socket.connection.session.document)
            if page is not None and time.monotonic() > page.heard + IDLE:
                socket.close(1001, "idle")
