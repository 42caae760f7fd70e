"""The request handlers of the lab: page, websocket, files, downloads. Each request has passed the gate."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from bokeh.embed.util import RenderItem
from bokeh.server.views.session_handler import SessionHandler
from bokeh.server.views.ws import WSHandler
from bokeh.util.paths import bokehjs_path
from bokeh.util.token import get_session_id
from tornado.ioloop import IOLoop
from tornado.web import HTTPError, RequestHandler

from descenso.lab.desk import speaking
from descenso.lab.downloads import PICTURES, picture, zipped
from descenso.lab.gate import PAGE, SOCKET, Refusal
from descenso.lab.layout import page_html
from descenso.text import LANGUAGES, _

MOST_PAGES = 20  # open at once
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
NOTEBOOKS = "http://localhost:* http://127.0.0.1:*"  # pages that may show the lab in a frame, if this was asked for


class Guarded(RequestHandler):
    """Base of all handlers: sets safe headers, and writes errors without details."""

    application: Any  # `LabApplication`, which is above this module

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in SAFETY.items():
            self.set_header(name, value)
        host = self.request.headers.get("Host", "")
        safe = host if host in self.application.gate.hosts else "'none'"
        framed = self.application.framed
        self.set_header(
            "Content-Security-Policy", CONTENT.format(host=safe, ancestors=NOTEBOOKS if framed else "'none'")
        )
        if framed:
            self.clear_header("X-Frame-Options")

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")


class Refused(Guarded):
    """Answers a request that the gate refuses; opens no websocket."""

    def initialize(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def prepare(self) -> None:
        self.set_status(self._refusal.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"descenso lab: {self._refusal.reason}\n")


class Entrance(Guarded):
    """Turns the token of the first address into a cookie, which scripts cannot read."""

    def get(self) -> None:
        """Set the cookie, and forward to the page by HTML: after a redirect, a browser would not send a strict cookie
        if the link was followed from another site.
        """
        gate, language = self.application.gate, self.get_query_argument("lang", "")
        there = PAGE + (f"?{urlencode({'lang': language})}" if language in LANGUAGES else "")
        self.set_cookie(gate.cookie, self.get_query_argument("token"), httponly=True, samesite="Strict", path="/")
        self.write('<!doctype html><link rel="icon" href="data:,">')
        self.write(f'<meta http-equiv="refresh" content="0; url={there}"><a href="{there}">descenso lab</a>')


class Page(Guarded, SessionHandler):
    """The page: HTML from a template, with the plots and numbers of a new Bokeh document."""

    async def get(self) -> None:
        if self.application.is_full():
            return self._say_full()
        session: Any = await self.get_session()  # type: ignore[misc] # Tornado's decorator loses its type
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


class Socket(WSHandler):
    """The websocket of a page."""

    application: Any  # `LabApplication`, which is above this module

    def check_origin(self, origin: str) -> bool:
        return True  # the gate has compared it with the host; Bokeh would read an environment variable

    async def prepare(self) -> None:
        """Refuse a page whose session has ended, while `MOST_PAGES` are open."""
        token = self.request.headers.get("Sec-WebSocket-Protocol", "").rpartition(",")[2].strip()
        try:
            known = get_session_id(token) in {session.id for session in self.application.sessions}
        except Exception:  # Bokeh does not document what a malformed token raises
            raise HTTPError(403) from None
        if not known and self.application.is_full():
            raise HTTPError(503)

    def open(self) -> None:
        self.heard = time.monotonic()
        self.application.sockets.add(self)
        super().open()

    async def on_message(self, fragment: str | bytes) -> None:
        self.heard = time.monotonic()
        await super().on_message(fragment)

    def on_close(self) -> None:
        self.application.sockets.discard(self)
        super().on_close()


class Static(Guarded):
    """Files that pages load."""

    def get(self) -> None:
        path, kind = STATIC[self.request.path]
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        if self.request.path == "/static/bokeh.js":
            self.set_header("Cache-Control", "private, max-age=3600")
        self.write(path.read_bytes())


class Download(Guarded):
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
    PAGE: Page,
    SOCKET: Socket,
    **dict.fromkeys(STATIC, Static),
    **{f"/download/{name}": Download for name in (*PICTURES, "run.zip")},
}
