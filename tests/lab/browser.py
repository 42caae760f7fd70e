"""Headless Chromium for tests of the page."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROJECTOR, LAPTOP = {"width": 1280, "height": 720}, {"width": 1366, "height": 768}
SLOW = 30_000  # milliseconds that a busy machine may take


def need_chromium():
    """Skip without a browser, except in continuous integration, which installs one and must not skip."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CHROMIUM} is not there, and CI is set: install Debian's package chromium")
        pytest.skip(f"{CHROMIUM} is not there: install Debian's package chromium")
    pytest.importorskip("playwright.sync_api")


@contextmanager
def browser(folder):
    """Start a browser with an empty profile in `folder`, and yield its context."""
    need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            str(folder), executable_path=str(CHROMIUM), args=FLAGS, viewport=PROJECTOR, accept_downloads=True
        )
        context.set_default_timeout(SLOW)
        try:
            yield context
        finally:
            context.close()


class Watched:
    """A page, the errors and warnings in its console, and all addresses that it requested."""

    def __init__(self, context):
        self.page = context.new_page()
        self.errors, self.requests = [], []
        self.page.on(
            "console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))

    def open(self, address):
        self.page.goto(address)
        self.page.wait_for_selector("body[data-ready]", timeout=SLOW)
        return self.page


def draw(page, strokes, size=1.0, left=0.0, top=0.0, steps=12):
    """Draw strokes, lists of points in the unit square, on the canvas, scaled by `size`, moved by `left` and `top`."""
    box = page.locator("#canvas").bounding_box()
    at = lambda x, y: (box["x"] + box["width"] * (left + size * x), box["y"] + box["height"] * (top + size * y))  # noqa: E731
    for first, *rest in strokes:
        page.mouse.move(*at(*first))
        page.mouse.down()
        for point in rest:
            page.mouse.move(*at(*point), steps=steps)
        page.mouse.up()
