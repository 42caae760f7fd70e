"""Decide which requests the server of the lab answers: by host, origin, path, method and cookie."""

import errno
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Collection, Mapping
from typing import NamedTuple

from descenso.errors import ConfigError
from descenso.text import _

LOOPBACK = "127.0.0.1"
SOCKET, PAGE = "/ws", "/"


class Refusal(NamedTuple):
    """Why a request is refused: HTTP status, and a sentence."""

    status: int
    reason: str


class Gate:
    """The rules by which requests are let in. Each holds on every path, the websocket included.

    Args:
        hosts: all values of the header Host that are answered, each with its port.
        paths: all paths that exist, each exactly as a browser requests it.
        token: that the first address carries, and afterwards the cookie.
        cookie: name of the cookie.
    """

    def __init__(self, hosts: Collection[str], paths: Collection[str], token: str, cookie: str) -> None:
        self.hosts, self.paths, self.cookie = frozenset(hosts), frozenset(paths), cookie
        self._token = token

    def refusal(
        self, method: str, path: str, headers: Mapping[str, str], cookies: Mapping[str, str], token: str = ""
    ) -> Refusal | None:
        """Return why a request is refused, or None for one that is answered.

        DNS rebinding, in which the name of another host resolves to this address, fails: the header Host must equal one
        of `hosts`. Browsers send the cookie from pages of this site only (SameSite=Strict), so that no other page acts
        in a user's name.

        Args:
            method: of the request.
            path: of the request, without the query, not decoded.
            headers: by name, whose case does not matter; a repeated one with commas between its values.
            cookies: by name.
            token: of the query, which the page alone takes.
        """
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if host not in self.hosts:  # first: answers to another host must not tell which paths exist
            return Refusal(403, _("this server answers to its own address only"))
        if path not in self.paths:
            return Refusal(404, _("there is no such page"))
        if method != "GET":
            return Refusal(405, _("this server takes no other requests than GET"))
        if origin != f"http://{host}" and (origin is not None or path == SOCKET):
            return Refusal(403, _("this server answers to its own page only"))
        if not (self.is_token(cookies.get(self.cookie, "")) or (path == PAGE and self.is_token(token))):
            return Refusal(403, _("open the address that descenso lab printed: it carries the token of this session"))
        return None

    def is_token(self, given: str) -> bool:
        """Whether `given` is the token, compared in a time that does not tell how much of it is right."""
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token.encode())


def new_token() -> str:
    """Make a token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def is_loopback(address: str) -> bool:
    """Whether programs of this machine alone reach `address`.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def hosts_of(address: str, port: int) -> list[str]:
    """Return the values of the header Host by which a server at `address` and `port` is reached; the first is printed.

    >>> hosts_of("127.0.0.1", 5006)
    ['127.0.0.1:5006', 'localhost:5006', '[::1]:5006']
    >>> hosts_of("192.168.1.7", 5006)
    ['192.168.1.7:5006']
    """
    names = [LOOPBACK, "localhost", "[::1]"] if is_loopback(address) else [_bracketed(address)]
    if address in ("0.0.0.0", "::"):  # noqa: S104 - asked for by --address: every address of this machine
        names = [*_own_addresses(), LOOPBACK, "localhost", "[::1]"]
    ports = [f":{port}", ""] if port == 80 else [f":{port}"]  # browsers leave the usual port out
    return [name + end for name in dict.fromkeys(names) for end in ports]


def _own_addresses() -> list[str]:
    name = socket.gethostname().lower()
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except OSError:
        found = []
    return [*(_bracketed(each) for each in found if not is_loopback(each) and "%" not in each), name]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address.lower()


def bound(address: str, port: int) -> list[socket.socket]:
    """Listen at `address` and `port`, 0 for a free one; for loopback in both versions of the Internet protocol.

    Raises:
        ConfigError: if the port is taken, or `address` is none of this machine.
    """
    try:
        sockets = [_listening(LOOPBACK if is_loopback(address) else address, port)]
    except (OSError, UnicodeError) as error:
        raise ConfigError(_refused(address, port, error)) from None
    if is_loopback(address):
        taken = sockets[0].getsockname()[1]
        try:
            sockets.append(_listening("::1", taken))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:  # a browser may resolve `localhost` to ::1, and send the token there
                sockets[0].close()
                raise ConfigError(_refused("::1", taken, error)) from None
    return sockets


def _listening(address: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
    listening = socket.create_server((address, port), family=family)
    listening.setblocking(False)
    return listening


def _refused(address: str, port: int, error: Exception) -> str:
    code = getattr(error, "errno", None)
    message = _("port {port} is taken by another program; for a free one: try descenso lab --port 0")
    if code == errno.EADDRINUSE:
        return message.format(port=port)
    message = _("port {port} may not be used by this user; for another one: try descenso lab --port 0")
    if code == errno.EACCES:
        return message.format(port=port)
    message = _("address must be one of this machine, got {address!r}; try descenso lab --address 127.0.0.1")
    return message.format(address=address)
