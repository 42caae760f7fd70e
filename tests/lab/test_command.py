"""The command `descenso lab`, and `descenso.lab` in a notebook: errors, address, and how they end."""

import builtins
import os
import re
import signal
import socket
import subprocess
import sys
from urllib.request import urlopen

import pytest

import descenso as ds
from command import run as invoke
from descenso.errors import ConfigError
from descenso.lab import notebook


def test_without_bokeh_the_command_that_installs_it_is_named(monkeypatch):
    real = builtins.__import__

    def importing(name, *more):
        if name.partition(".")[0] == "bokeh":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(
        ConfigError, match=r"lab needs Bokeh, which is not installed; try pip install 'descenso\[lab\]'"
    ):
        invoke("lab")


def test_help_says_what_an_address_exposes():
    shown = re.sub(r"[\s│]+", " ", invoke("lab", "--help").output)
    assert "other machines that have the token can reach the lab" in shown


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [("KAGGLE_KERNEL_RUN_TYPE", "Interactive", "Kaggle"), ("JUPYTERHUB_SERVICE_PREFIX", "/user/a/", "JupyterHub")],
)
def test_where_no_server_is_reached_watch_is_named(monkeypatch, name, value, place):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=rf"lab: on {place}, the browser reaches no server .*; run\.watch\(\) shows"):
        ds.lab("mnist")


def test_on_colab_watch_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    with pytest.raises(ConfigError, match="lab: on Colab"):
        ds.lab()


def test_the_frame_holds_the_page_and_a_link():
    class Ended:
        stdout = stderr = None

        def poll(self):
            return 0

    shown = notebook.Shown(Ended(), 'http://127.0.0.1:1/?token="<', 300)
    frame = shown._repr_html_()
    assert frame.count("http://127.0.0.1:1/?token=&quot;&lt;") == 2
    assert 'height="300"' in frame
    assert "Open the lab in a tab of its own" in frame
    shown.close()


def begun(folder, *words, **environment):
    command = [sys.executable, "-m", "descenso", "lab", *words]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_the_address_stands_alone_and_ctrl_c_ends_all(tmp_path):
    process = begun(tmp_path, "--no-browser", "--port", "0", BOKEH_ALLOW_WS_ORIGIN="*")
    address = process.stdout.readline()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}\n", address)
    with urlopen(address.strip()) as answer:  # noqa: S310 - http, as matched
        assert answer.status == 200
    children = subprocess.run(
        ["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    assert len(children) >= 2, "server and training process"
    os.kill(process.pid, signal.SIGINT)
    rest, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert rest == ""
    assert "Traceback" not in said
    assert "The lab has ended" in said
    left = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False).stdout
    assert left == "", "no process is left"


@pytest.mark.slow
def test_what_cannot_be_read_is_refused_before_anything_is_served(tmp_path):
    for name in ("run/status.json", "sweep/sweep.json", "damaged.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{")
    refused = {
        "nosuch": (2, "there is no dataset 'nosuch'"),
        "run": (3, r"run/status\.json: cannot be read"),
        "sweep": (3, "sweep is a sweep of many runs"),
        "damaged.npz": (3, r"damaged\.npz: not an NPZ file, or damaged"),
    }
    commands = [(begun(tmp_path, what, "--no-browser", "--port", "0"), *said) for what, said in refused.items()]
    for process, code, expected in commands:
        with process:
            address, said = process.communicate(timeout=90)
        assert address == ""
        assert re.fullmatch(rf"descenso: {expected}.*\n", said)
        assert process.returncode == code


@pytest.mark.slow
def test_a_taken_port_ends_the_command_with_a_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = begun(tmp_path, "--no-browser", "--port", str(taken.getsockname()[1]))
        rest, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert rest == ""
    assert re.search(
        r"descenso: port \d+ is taken by another program; for a free one: try descenso lab --port 0\n$", said
    )


@pytest.mark.slow
def test_another_address_says_what_it_exposes(tmp_path):
    process = begun(tmp_path, "--no-browser", "--port", "0", "--address", "203.0.113.7")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "all machines of its networks reach the lab" in said
    assert "address must be one of this machine, got '203.0.113.7'; try descenso lab --address 127.0.0.1" in said


@pytest.mark.slow
def test_in_a_notebook_a_server_starts_and_ends(tmp_path):
    shown = ds.lab("mnist", lang="es", out=tmp_path / "runs", seed=3)
    try:
        with urlopen(shown.address) as answer:  # noqa: S310
            policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors http://localhost:* http://127.0.0.1:*" in policy
        assert "X-Frame-Options" not in answer.headers
    finally:
        shown.close()
    with pytest.raises(OSError, match="refused"):
        urlopen(shown.address)  # noqa: S310


@pytest.mark.slow
def test_what_the_server_says_is_the_error_of_the_notebook(tmp_path):
    with pytest.raises(ConfigError, match="header must be"):
        ds.lab("mnist", header="maybe", out=tmp_path)
