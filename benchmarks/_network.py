"""A network of limited bandwidth and with a delay, in network namespaces of Linux; it needs root, and no kernel module.

Each host is a network namespace with a TUN device. This process is the switch between them: it reads the IP packets
that a host sends, holds them back as a cable of that bandwidth and delay would, and writes them to the device of the
host that they are for. So TCP and all above it are the system's own; only the cable is emulated. The namespaces have no
name, and vanish with the processes in them.

Run by `Network`: python benchmarks/_network.py HOSTS BITS_A_SECOND SECONDS_OF_DELAY
"""

import ctypes
import fcntl
import heapq
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from statistics import median
from typing import IO, NamedTuple, cast

__all__ = ["Network", "NetworkError", "Shape"]

NEW_NET = 0x40000000  # CLONE_NEWNET of <linux/sched.h>
SET_TUN, TUN, NO_HEADER = 0x400454CA, 0x1, 0x1000  # TUNSETIFF, IFF_TUN and IFF_NO_PI of <linux/if_tun.h>
SET_DEATH_SIGNAL, SET_SLACK = 1, 29  # PR_SET_PDEATHSIG and PR_SET_TIMERSLACK of <linux/prctl.h>
MTU = 65535  # few large packets, as network cards make of a stream; 1,500 would be too many for Python
PINGS, BULK = 50, 2**24  # round trips of a byte, and bytes of a transfer, by which the network is measured
START_SECONDS = 30.0
UNITS = {"kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


class NetworkError(Exception):
    """The network cannot be made; the message says why."""


class Shape(NamedTuple):
    """What a cable does. Attributes: bits a second of each host's sending; seconds of delay, one way."""

    bits: float
    delay: float

    @classmethod
    def of(cls, text: str) -> "Shape":
        """Read such as "1gbit,1ms".

        Raises:
            ValueError: if it is not.
        """
        found = re.fullmatch(r"([\d.]+)([kmg]bit),([\d.]+)(us|ms|s)", text)
        if not found:
            raise ValueError(f"expected a network such as 1gbit,1ms (bandwidth, and delay one way), got {text!r}")
        return cls(float(found[1]) * UNITS[found[2]], float(found[3]) * UNITS[found[4]])

    def __str__(self) -> str:
        return f"{self.bits / 1e9:g} Gbit/s, {self.delay * 1e3:g} ms"


class Network:
    """Hosts 10.77.0.1, 10.77.0.2 and so on, until it is closed.

    Attributes:
        addresses: of the hosts.
        round_trip: seconds that a byte and its answer took, median.
        bits: a second, of a long transfer.

    Raises:
        NetworkError: if it cannot be made, as without root.
    """

    def __init__(self, hosts: int, shape: Shape) -> None:
        command = [sys.executable, __file__, str(hosts), repr(shape.bits), repr(shape.delay)]
        self._switch = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        answers = cast("IO[bytes]", self._switch.stdout)
        line = answers.readline() if select.select([answers], [], [], START_SECONDS)[0] else b""
        if not line:
            self._switch.kill()
            reason = self._switch.communicate()[1].decode(errors="replace").strip() or "it took too long"
            raise NetworkError(f"no network of namespaces: {reason.splitlines()[-1]}")
        told = json.loads(line)
        self.addresses, self._spaces = told["addresses"], told["spaces"]
        self.round_trip, self.bits = told["round_trip"], told["bits"]

    def inside(self, host: int) -> list[str]:
        """Return the beginning of a command that is to run on a host."""
        return ["nsenter", f"--net={self._spaces[host]}"]

    def close(self) -> None:
        self._switch.kill()
        self._switch.communicate()


def main(hosts: int, shape: Shape) -> None:
    """Make the hosts, measure the network, tell of it in a line of JSON, and carry packets until the parent ends."""
    prctl = ctypes.CDLL(None).prctl
    prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    prctl(SET_SLACK, 1)  # a nanosecond; by default a wait is 50 µs longer
    made = [_host(number) for number in range(hosts)]
    threading.Thread(target=_carry, args=([device for device, _space in made], shape), daemon=True).start()
    spaces = [f"/proc/{os.getpid()}/fd/{space}" for _device, space in made]
    told = {"addresses": [_address(number) for number in range(hosts)], "spaces": spaces, **_probe(spaces)}
    print(json.dumps(told), flush=True)
    sys.stdin.read()


def _address(host: int) -> str:
    return f"10.77.0.{host + 1}"


def _host(number: int) -> tuple[int, int]:
    """Move into a new namespace, and make its device; return the file descriptors of the device and the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NET) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}; root is needed")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, SET_TUN, struct.pack("16sH22x", b"cable", TUN | NO_HEADER))
    address = f"address add {_address(number)}/24 dev cable"
    for line in ("link set lo up", address, f"link set cable mtu {MTU} txqueuelen 10000 up"):
        subprocess.run(["ip", *line.split()], check=True)  # noqa: S607 # of iproute2
    return device, os.open("/proc/self/ns/net", os.O_RDONLY)


def _carry(devices: list[int], shape: Shape) -> None:
    """Carry packets from device to device: each sender at `shape.bits` a second, each packet `shape.delay` later."""
    waiting = list[tuple[float, int, int, bytes]]()  # when it is due, its number, for whom, the packet
    free, count = [0.0] * len(devices), 0
    while True:
        left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for device in select.select(devices, [], [], left)[0]:
            sender = devices.index(device)
            with suppress(BlockingIOError):
                while True:
                    packet = os.read(device, MTU + 1)
                    host = packet[19] - 1 if packet[0] >> 4 == 4 else -1  # the end of an IPv4 address
                    if 0 <= host < len(devices):
                        free[sender] = max(time.monotonic(), free[sender]) + 8 * len(packet) / shape.bits
                        count += 1
                        heapq.heappush(waiting, (free[sender] + shape.delay, count, host, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _due, _number, host, packet = heapq.heappop(waiting)
            with suppress(BlockingIOError):  # a full queue loses a packet, as elsewhere
                os.write(devices[host], packet)


def _probe(spaces: list[str]) -> dict[str, float]:
    """Measure round trips and a transfer from the first host to the second."""
    asking, serving = (
        ["nsenter", f"--net={space}", sys.executable, __file__, mode]
        for space, mode in zip(spaces, ("ask", "serve"), strict=False)
    )
    server = subprocess.Popen(serving, stdout=subprocess.PIPE)
    cast("IO[bytes]", server.stdout).readline()
    asked = subprocess.run(asking, capture_output=True, check=True)
    server.communicate()
    found: dict[str, float] = json.loads(asked.stdout)
    return found


def _serve() -> None:
    """Answer each byte with one; then take a transfer, and answer it with a byte."""
    with socket.create_server((_address(1), 7000)) as server:
        print("ready", flush=True)
        connection = server.accept()[0]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ping in range(PINGS):
            connection.sendall(connection.recv(1))
        for _transfer in range(2):
            left = BULK
            while left:
                left -= len(connection.recv(min(left, 2**20)))
            connection.sendall(b".")


def _ask() -> None:
    """Measure the round trip of a byte, and a transfer; the first one lets TCP's window grow."""
    connection = socket.create_connection((_address(1), 7000))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    trips, transfers = list[float](), list[float]()
    for _ping in range(PINGS):
        then = time.perf_counter()
        connection.sendall(b".")
        connection.recv(1)
        trips.append(time.perf_counter() - then)
    for _transfer in range(2):
        then = time.perf_counter()
        connection.sendall(bytes(BULK))
        connection.recv(1)
        transfers.append(time.perf_counter() - then)
    print(json.dumps({"round_trip": median(trips), "bits": 8 * BULK / (transfers[1] - median(trips))}))


if __name__ == "__main__":
    modes = {"serve": _serve, "ask": _ask}
    if sys.argv[1] in modes:
        modes[sys.argv[1]]()
    else:
        main(int(sys.argv[1]), Shape(float(sys.argv[2]), float(sys.argv[3])))
