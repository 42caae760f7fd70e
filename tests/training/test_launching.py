"""The launcher of local processes, on small programs in place of training."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from descenso.training import launching, processes

pytestmark = [
    pytest.mark.workers,
    pytest.mark.skipif(sys.platform == "win32", reason="the launcher needs process groups"),
]
LAUNCH = """
import sys
from descenso.training import launching, processes
processes.GRACE_SECONDS, processes.TERM_SECONDS, processes.LOOK_SECONDS, launching.BACK_OFF = {grace}, 0.3, 0.02, 0.02
tell = lambda text: print("told:", text, file=sys.stderr, flush=True)
sys.exit(launching.launch(lambda: [sys.executable, "-S", "-c", sys.argv[1]], {workers}, {restarts}, tell))
"""
BEGIN = """
import json, os, signal, sys, time
task = json.loads(os.environ["TF_CONFIG"])
me, addresses = task["task"]["index"], task["cluster"]["worker"]
def say(*words): print(*words, flush=True)
"""
SECONDS = 30  # after which a launcher is taken to hang


def started(program, workers=2, restarts=0, grace=20, **variables):
    command = [sys.executable, "-c", LAUNCH.format(workers=workers, restarts=restarts, grace=grace), BEGIN + program]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen(command, env={**os.environ, **variables}, **pipes)


def launched(program, **given):
    """Launch processes that run `program`; return exit code, standard output and the lines of standard error."""
    with started(program, **given) as process:
        try:
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    return process.returncode, out, err.splitlines()


def alive(pids):
    """Return which of some processes run; one that has ended and waits for its parent does not."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-p", ",".join(pids)], capture_output=True, text=True, check=False
    )
    return [line.split()[0] for line in listed.stdout.splitlines() if "Z" not in line.split()[1]]


def test_one_log():
    code, out, err = launched(
        "say('out', me); print('err', me, 'é', os.environ['TF_NUM_INTRAOP_THREADS'], file=sys.stderr)\n"
        "sys.stdout.write('unfinished')",
        workers=3, TF_NUM_INTRAOP_THREADS="5",
    )  # fmt: skip
    assert (code, out) == (0, "out 0\nunfinished")
    assert sorted(err) == [
        "[1] err 1 é 5", "[1] out 1", "[1] unfinished", "[2] err 2 é 5", "[2] out 2", "[2] unfinished", "err 0 é 5",
    ]  # fmt: skip


@pytest.mark.slow
def test_each_process_gets_its_place_and_its_share_of_the_cores():
    program = "say(me, *addresses, os.environ['TF_NUM_INTRAOP_THREADS'], os.getsid(0) == os.getpid())"
    code, out, err = launched(program, workers=2)
    share = str(max(1, processes._cores() // 2))
    (zero, *addresses, threads, own), (one, *same, _, _) = out.split(), err[0].removeprefix("[1] ").split()
    assert (code, zero, one, threads, own, same) == (0, "0", "1", share, "True", addresses)
    assert len(set(addresses)) == 2
    assert all(address.startswith("127.0.0.1:") for address in addresses)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "code", "told"),
    [
        ("time.sleep(0.1); sys.exit(3 if me else 0)", 3, []),
        ("time.sleep(0.3 * me); sys.exit(3 + me)", 3, []),
        ("if me: os.kill(os.getpid(), 9)\ntime.sleep(60)", 137,
         ["was killed by SIGKILL", "still running, and stopped now: worker 0 "]),
        ("signal.signal(15, signal.SIG_IGN)\nif me == 0: sys.exit(1)\ntime.sleep(60)", 1, ["stopped now: worker 1 "]),
        ("if me: time.sleep(60)", 0, ["stopped now: worker 1 "]),
        ("if me == 0: os.kill(os.getpid(), signal.SIGSTOP)\nsys.exit(6)", 6, ["stopped now: worker 0 "]),
    ],
    ids=["a worker fails", "both fail", "killed", "ignores SIGTERM", "the chief is done", "stopped"],
)  # fmt: skip
def test_all_end_together(program, code, told):
    ended, _, err = launched(program, grace=0.3 if told else 20)
    assert ended == code
    lines = [line for line in err if line.startswith("told:")]
    assert len(lines) == len(told), err
    assert all(part in line for part, line in zip(told, lines, strict=True)), err


@pytest.mark.slow
def test_others_may_end_by_themselves():
    code, out, err = launched("if me: sys.exit(6)\ntime.sleep(0.3); say('saved'); sys.exit(6)")
    assert (code, out, err) == (6, "saved\n", [])


SAVES = """
def stop(number, frame):
    say("saved", number); sys.exit(128 + number)
signal.signal(signal.SIGINT, stop); signal.signal(signal.SIGTERM, stop)
say("ready", os.getpid())
time.sleep(60 if me == 0 else 0.8)
"""
STUCK = """
for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, signal.SIG_IGN)
say("ready", os.getpid())
time.sleep(60)
"""


def ready(process):
    """Wait until both processes are ready; return their pids."""
    return [process.stdout.readline().split()[-1], process.stderr.readline().split()[-1]]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "received"), [(signal.SIGINT, 2), (signal.SIGTERM, 15), (signal.SIGHUP, 15)])
def test_the_first_signal_stops_the_chief_which_saves_once(number, received):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("the tests run below nohup, which processes inherit")
    with started(SAVES, restarts=2) as process:
        ready(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err) == (128 + received, f"saved {received}\n", "")


@pytest.mark.slow
def test_a_second_signal_kills_all():
    with started(STUCK) as process:
        pids = ready(process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert alive(pids) == pids
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert alive(pids) == []


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel of Linux ends the processes")
def test_no_process_outlives_a_launcher_that_is_killed():
    with started(STUCK) as process:
        pids = ready(process)
        process.kill()
    end = time.monotonic() + SECONDS
    while alive(pids):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_processes_that_a_worker_has_started_end_with_it():
    program = "if me:\n child = os.fork()\n if child: say(child); sys.exit(0)\n time.sleep(60)"
    code, _, err = launched(program)
    assert code == 0
    assert alive([err[0].removeprefix("[1] ")]) == []


COUNTS = """
path = os.environ["STARTS"]
with open(path, "a") as file: file.write(str(me))
starts = open(path).read().count("1") if me else 0
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fails", "restarts", "code", "starts"),
    [("starts < 3", 5, 0, 3), ("True", 2, 1, 3), ("True", 0, 1, 1)], ids=["mended", "given up", "none"],
)  # fmt: skip
def test_restarts(fails, restarts, code, starts, tmp_path):
    program = COUNTS + f"if me == 0: time.sleep(0.2)\nif me and {fails}: sys.exit(1)"
    ended, _, err = launched(program, restarts=restarts, STARTS=str(tmp_path / "starts"))
    told = [line for line in err if "restart" in line]
    assert (ended, (tmp_path / "starts").read_text().count("1")) == (code, starts)
    assert [line.partition(" in ")[0] for line in told] == [
        f"told: restart {n} of {restarts}" for n in range(1, starts)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("exit_code", [2, 8, 143])
def test_no_restart_after_what_a_restart_cannot_mend(exit_code, tmp_path):
    code, _, err = launched(COUNTS + f"sys.exit({exit_code})", restarts=3, STARTS=str(tmp_path / "starts"))
    assert (code, err, len((tmp_path / "starts").read_text())) == (exit_code, [], 2)


@pytest.mark.slow
def test_a_start_whose_port_was_taken_is_repeated_with_other_ports(monkeypatch, tmp_path):
    told, ports = [], []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        free = launching.free_ports
        monkeypatch.setattr(launching, "free_ports", lambda count: ports.pop() if ports else free(count))
        ports.append([*free(1), other.getsockname()[1]])
        program = BEGIN + "import socket\nsocket.socket().bind(('127.0.0.1', int(addresses[me].split(':')[1])))"
        code = launching.launch(lambda: [sys.executable, "-c", program], 2, tell=told.append)
    assert code == 0
    assert len(told) == 1
    assert told[0].startswith("another program has taken one of the ports ")


def test_ports():
    ports = launching.free_ports(3)
    assert len(set(ports)) == 3
    assert not launching.taken(ports)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[1]))
        other.listen()
        assert launching.taken(ports)


def test_signals_that_the_launcher_ignores_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with launching._signals() as caught:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert caught == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
