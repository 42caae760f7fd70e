"""Groups of processes that compute together, and stay alive between turns; `_member.py` is what each of them runs."""

import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from _network import Network
from _race import FallenError
from descenso.engines.cluster import LOCAL, Cluster
from descenso.training.launching import free_ports

__all__ = ["Group"]

PORTS = itertools.count(2222)  # in the namespace of a host, where there are no other programs than members of groups
MOST_SECONDS = 180.0  # for an answer; after that a process counts as stuck


class Group:
    """Processes of a cluster, or without one.

    Args:
        name: for messages.
        size: number of processes.
        cores: of each.
        joined: whether they are a cluster, whose addresses are in TF_CONFIG; otherwise each is alone.
        network: that is between them; by default they are on the loopback device.
    """

    def __init__(self, name: str, size: int, cores: int, joined: bool, network: Network | None = None) -> None:
        self.name = name
        if network:
            port = next(PORTS)
            addresses = tuple(f"{each}:{port}" for each in network.addresses[:size])
        else:
            addresses = tuple(f"{LOCAL}:{port}" for port in free_ports(size))
        self._members = list[_Member]()
        for index in range(size):
            cluster = {"TF_CONFIG": Cluster(addresses, index).tf_config} if joined else {}
            environment = {"TF_NUM_INTRAOP_THREADS": str(cores), "TF_CPP_MIN_LOG_LEVEL": "3", **cluster}
            inside = network.inside(index) if network else []
            self._members.append(_Member(f"{name}, process {index}", inside, environment))

    def call(self, **asked: Any) -> Any:
        """Ask all to compute the same; return the answer of the slowest, as they do it at the same time.

        Raises:
            FallenError: if one of them has ended, or is stuck.
        """
        for member in self._members:
            member.ask(asked)
        answers = [member.answer() for member in self._members]
        return max(answers, key=lambda answer: answer["seconds"])

    def close(self) -> None:
        for member in self._members:
            member.close()


class _Member:
    def __init__(self, name: str, inside: Sequence[str], environment: dict[str, str]) -> None:
        self._name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 # `close` closes it
        usual = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
        self._process = subprocess.Popen(
            [*inside, sys.executable, str(Path(__file__).with_name("_member.py"))], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env={**usual, **environment},
        )  # fmt: skip
        self._lines = queue.Queue[str]()  # an empty line is the end
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in cast("IO[str]", self._process.stdout):
            self._lines.put(line)
        self._lines.put("")

    def ask(self, asked: dict[str, Any]) -> None:
        stream = cast("IO[str]", self._process.stdin)
        try:
            stream.write(json.dumps(asked) + "\n")
            stream.flush()
        except BrokenPipeError:
            raise self._fallen() from None

    def answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=MOST_SECONDS)
        except queue.Empty:
            raise FallenError(f"{self._name} has not answered within {MOST_SECONDS:.0f} s") from None
        if not line:
            raise self._fallen()
        found: dict[str, Any] = json.loads(line)
        return found

    def _fallen(self) -> FallenError:
        code = self._process.wait()
        self._errors.seek(0)
        told = self._errors.read().decode(errors="replace").strip()
        return FallenError(f"{self._name} ended with {code}:\n{told[-2000:]}")

    def close(self) -> None:
        """End the process: what it computes is of no use any more."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(OSError):  # of what was never flushed
                cast("IO[Any]", stream).close()
