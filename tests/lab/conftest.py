"""Run a server of the lab in a thread, with a stand-in for the training process."""

import asyncio
import threading
from contextlib import contextmanager

import pytest

from descenso.lab.desk import Desk, datasets_of
from descenso.lab.server import Serving, serve
from fake import FakeLab


class Served:
    """A running server: its first address, with the token, its port and token, and its desk and lab."""

    def __init__(self, desk, address):
        self.desk, self.lab, self.address = desk, desk.lab, address
        self.port, self.token = int(address.split(":")[2].split("/")[0]), address.partition("token=")[2]


@contextmanager
def served(lab, language="en", lesson=False, serving=None, data="mnist"):
    desk, begun, told, loops = Desk(lab, datasets_of(data, data), language, lesson), threading.Event(), [], []
    serving = serving or Serving(port=0)

    async def main():
        stopped = asyncio.Event()
        loops[:] = [asyncio.get_running_loop(), stopped]
        await serve(desk, serving, lambda address: (told.append(address), begun.set()), stopped)

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert begun.wait(20), "the server did not begin"
    try:
        yield Served(desk, told[0])
    finally:
        loops[0].call_soon_threadsafe(loops[1].set)
        thread.join(60)
        lab.close()
        assert not thread.is_alive(), "the server did not end"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(FakeLab(tmp_path_factory.mktemp("runs") / "fake-001")) as made:
        yield made
