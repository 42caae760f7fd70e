"""Runs in processes of their own that SIGINT and SIGTERM interrupt."""

import re
import signal
import time

import pytest

import descenso as ds
from processes import Descenso, saving, stands_at
from stopping import position

pytestmark = pytest.mark.workers
SLOW = ["--engine", "eager", "--dtype", "float64", "--batch-size", 10, "--epochs", 1000]  # 6,000 steps an epoch
LONG_CHUNKS = "from descenso.training import loop; loop.FIRST_STEPS = 10**6"  # the first chunk is a whole epoch
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.slow  # the plain tests interrupt processes by both signals in tests/cli/test_train_command.py
@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_chunk_saves_and_says_how_to_resume(which, tmp_path):
    run = tmp_path / "run"
    with Descenso(tmp_path, "train", "mnist", "--out", run, *SLOW) as descenso:
        descenso.until(lambda: stands_at(run) == (0, 0))
        descenso.send(which)
        sent = time.monotonic()
        code = descenso.end(10)
    assert code == CODES[which]
    assert time.monotonic() - sent < 10
    told = f"descenso: interrupted after 0 of 1000 epochs; to go on: descenso resume {run}\n"
    assert descenso.err == told
    found = ds.open_run(run)
    assert (found.outcome, found.status["signal"], found.status["exact"]) == ("interrupted", which, True)
    assert position(run) > (0, 0), "what was walked is kept"
    assert found.weights.keys() == {"W", "b"}


@pytest.mark.slow
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(which, tmp_path):
    """The chunk is not completed; a shell reports 143 for a process that SIGTERM has ended."""
    run = tmp_path / "run"
    with Descenso(tmp_path, "train", "mnist", "--out", run, *SLOW, before=LONG_CHUNKS) as descenso:
        descenso.until(lambda: stands_at(run) == (0, 0) and not saving(run))
        descenso.send(which)
        assert not descenso.ended_within(0.5)
        descenso.send(which)
        code = descenso.end()
    assert code == (130 if which == signal.SIGINT else -signal.SIGTERM)
    assert "Traceback" not in descenso.err
    told = f"interrupted after 0 of 1000 epochs; to go on: descenso resume {run}\n"
    assert descenso.err.endswith(told) == (which == signal.SIGINT)
    assert ds.open_run(run).outcome in ("interrupted", "killed")
    assert position(run) == (0, 0)
    assert re.search("[0-9]", descenso.out) is None, "no epoch was over"
