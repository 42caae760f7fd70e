"""A network of their own for workers on one machine; in other processes, since it is for good."""

import subprocess
import sys

import pytest

from descenso.engines import isolation

MOVES = """
import errno
import socket
from descenso.engines import isolation
before = {name for _, name in socket.if_nameindex() if isolation._flags(name) & isolation.UP}
assert isolation.isolated() == (before <= {"lo"})
if isolation.isolate():
    assert isolation.isolated()
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 5).close()
    try:
        socket.create_connection(("192.0.2.1", 9), 5)
    except OSError as error:
        print("unreachable", error.errno == errno.ENETUNREACH)
else:
    assert isolation.isolated() == (before <= {"lo"})
    print("forbidden")
"""


@pytest.mark.workers
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces are of Linux")
def test_a_process_is_moved_into_a_network_without_other_machines():
    ended = subprocess.run([sys.executable, "-c", MOVES], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    if ended.stdout == "forbidden\n":
        pytest.skip("this system forbids it")
    assert ended.stdout == "unreachable True\n"


def test_nothing_changes_where_it_is_forbidden(monkeypatch):
    def forbidden():
        raise PermissionError

    monkeypatch.setattr(isolation, "_move", forbidden)
    assert not isolation.isolate()


def test_other_systems(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not isolation.isolate()
    assert not isolation.isolated()
