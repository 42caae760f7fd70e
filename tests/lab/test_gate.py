"""Which requests the server of the lab answers: hosts and origins on all routes, tokens, and websockets."""

import os
import re
import socket
import subprocess
import sys

import pytest

from descenso.errors import ConfigError
from descenso.lab.gate import Gate, bound, hosts_of, is_loopback
from descenso.lab.handlers import ROUTES

OPEN = [*ROUTES, "/?lang=es"]
CLOSED = [
    "/autoload.js", "/autoload.js?bokeh-autoload-element=1", "/metadata", "/static/js/bokeh.min.js", "/favicon.ico",
    "/static/extensions/x", "/static/../server.py", "/static/%2e%2e/gate.py", "//", "/ws/", "/index.html", "/download/",
    "/download/config.json", "/download/..%2fconfig.json", "/static/lab.js/", "/%77s", "/?/ws/x/../autoload.js/y",
]  # fmt: skip
HOSTS = [  # {port} is the server's; each is a way to imitate the server's host
    "", "evil.example", "evil.example:{port}", "127.0.0.1", "localhost", "[::1]", "127.0.0.1:80", "127.0.0.1:{other}",
    "localhost:{other}", "127.0.0.1:0{port}", "localhost.:{port}", "127.0.0.1.:{port}", "LOCALHOST:{port}",
    "LocalHost:{port}", "127.0.0.1.nip.io:{port}", "localhost.evil.example:{port}", "localtest.me:{port}",
    "127.0.0.2:{port}", "127.1:{port}", "0.0.0.0:{port}", "[::]:{port}", "::1:{port}", "[0:0:0:0:0:0:0:1]:{port}",
    "[::ffff:127.0.0.1]:{port}", "[::1%25lo]:{port}", "2130706433:{port}", "0x7f000001:{port}", "0177.0.0.1:{port}",
    "user@127.0.0.1:{port}", "user:word@localhost:{port}", "127.0.0.1:{port}@evil.example", "127.0.0.1:{port}.",
    "127.0.0.1:{port}:{port}", "127.0.0.1:{port},evil.example", "http://127.0.0.1:{port}", "127.0.0.1:{port}/",
    "127.0.0.1:+{port}", "xn--localhost-abc:{port}", "null", "*",
]  # fmt: skip
ORIGINS = [
    "null", "http://evil.example", "http://evil.example:{port}", "https://127.0.0.1:{port}", "http://127.0.0.1",
    "http://127.0.0.1:{other}", "http://localhost:{port}", "http://[::1]:{port}", "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}0", "http://user@127.0.0.1:{port}", "http://127.0.0.1:{port}/", "HTTP://127.0.0.1:{port}",
    "ws://127.0.0.1:{port}", "127.0.0.1:{port}", "http://127.0.0.1:{port} http://evil.example", "file://", "",
    "http://0.0.0.0:{port}", "http://2130706433:{port}",
]  # fmt: skip
REFUSED = {400, 403}  # Tornado answers 400 to invalid hosts


def is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def ask(server, path="/", host="127.0.0.1:{port}", origin=None, method="GET", cookie=True, version="1.1", more=()):
    """Send a request without normalising it, and return the status and the whole answer."""
    filled = {"port": server.port, "other": server.port + 1}
    lines = [f"{method} {path} HTTP/{version}", "Connection: close"]
    lines += [f"Host: {host.format(**filled)}"] if host is not None else []
    lines += [f"Origin: {origin.format(**filled)}"] if origin is not None else []
    given = f"descenso-{server.port}={server.token}" if cookie is True else cookie
    lines += [f"Cookie: {given}"] if given else []
    if path.startswith("/ws") or "Upgrade" in str(more):
        lines[1] = "Connection: Upgrade"
        lines += ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==",
                  "Sec-WebSocket-Protocol: bokeh, token"]  # fmt: skip
    lines += [line.format(**filled) for line in more]
    with socket.create_connection(("127.0.0.1", server.port), 10) as link:
        link.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while not is_whole(answer) and (chunk := link.recv(65536)):
            answer += chunk
    return int(answer.split(b" ", 2)[1]), answer.decode("utf-8", "replace")


def test_the_table_is_long():
    assert len(HOSTS) * len(OPEN) + len(ORIGINS) * 2 >= 120


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused_on_every_route(server, host):
    for path in [*OPEN, *CLOSED]:
        status, answer = ask(server, path, host, f"http://{host}" if path == "/ws" else None)
        assert status in REFUSED, path
        assert "Set-Cookie" not in answer
        assert "Access-Control" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"])
def test_its_own_hosts_are_answered(server, host):
    for path in ROUTES:
        status, _ = ask(server, path, host, f"http://{host}" if path == "/ws" else None)
        without = {"/ws": 403}.get(path, 404 if path.startswith("/download") else 200)  # there is no session and no run
        assert status == without, path
    assert ask(server, "/", host, f"http://{host}")[0] == 200


@pytest.mark.parametrize("origin", [*ORIGINS, None])
def test_another_origin_is_refused(server, origin):
    assert ask(server, "/ws", origin=origin)[0] in REFUSED
    if origin is not None:
        for path in OPEN:
            assert ask(server, path, origin=origin)[0] in REFUSED, path


@pytest.mark.parametrize("path", CLOSED)
def test_what_nothing_needs_is_closed(server, path):
    status, answer = ask(server, path)
    if path.startswith("/?"):
        assert status == 200  # the page, with an unknown query
    else:
        assert status in {404, 400}
        assert "token" not in answer


@pytest.mark.parametrize("path", ["/", "/ws", "/static/lab.js"])
def test_http_without_a_host_is_refused(server, path):
    assert ask(server, path, host=None, version="1.0", origin="http://127.0.0.1:{port}")[0] in REFUSED
    assert ask(server, path, host=None, version="1.1")[0] in REFUSED


@pytest.mark.parametrize(
    "more",
    [
        ["X-Forwarded-Host: 127.0.0.1:{port}"],
        ["X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "X-Scheme: http"],
        ["Forwarded: host=127.0.0.1:{port}"],
        ["X-Original-Host: 127.0.0.1:{port}"],
        ["Host: 127.0.0.1:{port}"],
    ],
    ids=str,
)
def test_no_other_header_stands_for_the_host(server, more):
    for path in ("/", "/ws", "/static/lab.js", "/autoload.js"):
        assert ask(server, path, "evil.example:{port}", "http://127.0.0.1:{port}", more=more)[0] in REFUSED, path


def test_two_hosts_or_two_origins_are_refused(server):
    assert ask(server, "/", more=["Host: evil.example"])[0] in REFUSED
    two = ["Origin: http://evil.example"]
    assert ask(server, "/ws", origin="http://127.0.0.1:{port}", more=two)[0] in REFUSED


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"])
def test_only_get_is_answered(server, method):
    for path in ROUTES:
        status, answer = ask(server, path, method=method, origin="http://127.0.0.1:{port}")
        assert status in {405, 400}, path
        assert "Access-Control" not in answer


@pytest.mark.parametrize("path", list(ROUTES))
@pytest.mark.parametrize("cookie", [False, "descenso-{port}=", "descenso-{port}=x", "o={token}", "descenso-1={token}"])
def test_without_the_cookie_nothing_is_answered(server, path, cookie):
    value = cookie.format(port=server.port, token=server.token) if cookie else cookie
    status, answer = ask(server, path, cookie=value, origin="http://127.0.0.1:{port}")
    assert status == 403
    assert server.token not in answer


def test_the_token_of_the_first_address_becomes_a_cookie(server):
    status, answer = ask(server, f"/?token={server.token}", cookie=False)
    assert status == 200
    cookie = re.search(r"Set-Cookie: (.*)\r\n", answer)[1]
    assert cookie.startswith(f"descenso-{server.port}={server.token};")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert 'content="0; url=/"' in answer
    for path in ("/?token=", "/?token=x", f"/?token={server.token}x", f"/?token={server.token}&token=x", "/?token=%ff"):
        assert ask(server, path, cookie=False)[0] == 403, path
    for path in ("/ws", "/static/lab.js"):  # only the page accepts the token
        assert ask(server, f"{path}?token={server.token}", cookie=False, origin="http://127.0.0.1:{port}")[0] == 403
    assert 'url=/?lang=es"' in ask(server, f"/?token={server.token}&lang=es", cookie=False)[1]
    assert "javascript" not in ask(server, f"/?token={server.token}&lang=javascript:1", cookie=False)[1]


def test_safe_headers_are_on_every_answer(server):
    for path in ["/", "/static/lab.css", "/static/bokeh.js", "/autoload.js", "/download/run.zip", "/?token=x"]:
        _, answer = ask(server, path)
        head = answer.partition("\r\n\r\n")[0]
        assert "X-Frame-Options: DENY" in head
        assert "X-Content-Type-Options: nosniff" in head
        assert "Referrer-Policy: no-referrer" in head
        policy = re.search(r"Content-Security-Policy: (.*)\r\n", head)[1]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert f"connect-src 'self' ws://127.0.0.1:{server.port};" in policy
        assert "frame-ancestors 'none'" in policy
        assert "\r\nServer:" not in head


def test_a_websocket_needs_a_signed_session(server):
    """The cookie alone does not suffice: a page's session token, signed with a key of this launch, is needed, too."""
    status, _ = ask(server, "/ws", origin="http://127.0.0.1:{port}")
    assert status == 403
    page = ask(server, "/")[1]
    token = re.search(r'"token": ?"([^"]+)"', page)[1]
    forged = token[:-3] + ("AAA" if not token.endswith("AAA") else "BBB")
    protocol = ["Sec-WebSocket-Protocol: bokeh, {}"]
    for given, opens in ((token, True), (forged, False)):
        with socket.create_connection(("127.0.0.1", server.port), 10) as link:
            head = [
                "GET /ws HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Connection: Upgrade", "Upgrade: websocket",
                f"Origin: http://127.0.0.1:{server.port}", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==", f"Cookie: descenso-{server.port}={server.token}",
                protocol[0].format(given), "", "",
            ]  # fmt: skip
            link.sendall("\r\n".join(head).encode())
            link.settimeout(5)
            answer = link.recv(65536)
            while b"ACK" not in answer and (chunk := link.recv(65536)):
                answer += chunk
        assert (b"ACK" in answer) is opens


def test_bokeh_variables_open_nothing(tmp_path):
    code = (
        "import os\nfrom descenso.cli.lab import ignore_bokeh_variables\nignore_bokeh_variables()\n"
        "from bokeh.settings import settings\n"
        "print([name for name in os.environ if name.startswith('BOKEH_')], settings.allowed_ws_origin())"
    )
    environment = {**os.environ, "BOKEH_ALLOW_WS_ORIGIN": "*", "BOKEH_SECRET_KEY": "known", "BOKEH_LOG_LEVEL": "trace"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split()[0] == "[]"
    assert "*" not in told.stdout


def test_the_environment_does_not_change_the_gate(server, monkeypatch):
    monkeypatch.setenv("BOKEH_ALLOW_WS_ORIGIN", "evil.example")
    assert ask(server, "/ws", "evil.example", "http://evil.example")[0] in REFUSED
    assert ask(server, "/ws", origin="http://evil.example")[0] in REFUSED


def test_a_taken_port_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"port {port} is taken by another program; for a free one: try descenso lab --port 0"
        ):
            bound("127.0.0.1", port)


@pytest.mark.parametrize("address", ["203.0.113.7", "no such name", "a" * 300])
def test_an_address_of_another_machine_is_an_error(address):
    with pytest.raises(ConfigError, match=r"address must be one of this machine, got .*; try"):
        bound(address, 0)


def test_hosts_of_every_address():
    """No browser requests the host 0.0.0.0; the machine's addresses and its name are accepted."""
    hosts = hosts_of("0.0.0.0", 5006)  # noqa: S104 - nothing is bound
    assert "0.0.0.0:5006" not in hosts
    assert "127.0.0.1:5006" in hosts
    assert f"{socket.gethostname().lower()}:5006" in hosts
    assert hosts_of("fe80::1", 5006) == ["[fe80::1]:5006"]
    assert hosts_of("127.0.0.1", 80)[:2] == ["127.0.0.1:80", "127.0.0.1"]
    assert not is_loopback("localhost.evil.example")


def test_the_gate_compares_whole_words():
    gate = Gate(["127.0.0.1:5006"], ["/", "/ws"], "right", "c")
    asked = {"Host": "127.0.0.1:5006", "Origin": "http://127.0.0.1:5006"}
    assert gate.refusal("GET", "/ws", asked, {"c": "right"}) is None
    for name in asked:
        right = asked[name]
        for wrong in (right + "0", right[:-1], " " + right, right + "\t", right.upper() + " "):
            assert gate.refusal("GET", "/ws", {**asked, name: wrong}, {"c": "right"}), wrong
    for token in ("", "righ", "rightt", "RIGHT", "\udcff"):
        assert gate.refusal("GET", "/", asked, {"c": token}, token), token
