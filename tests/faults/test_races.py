"""Several processes lock one run at once: one succeeds, the others raise an error and change nothing."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import pytest

import racer
from descenso.runs.directory import open_directory
from lives import first_sitting
from material import leftovers

pytestmark = pytest.mark.workers
COMMAND = [sys.executable, str(Path(racer.__file__))]
MOST = 4


class Racer:
    """A process that carries out orders."""

    def __init__(self, process):
        self._process = process
        assert self.answer() == "ready"

    def order(self, what, path, at=0.0):
        self._process.stdin.write(json.dumps({"what": what, "path": str(path), "at": at}) + "\n")
        self._process.stdin.flush()

    def answer(self):
        return json.loads(self._process.stdout.readline())


@contextmanager
def started(*words):
    """Start as many processes as race at once."""
    with ExitStack() as stack:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes = [stack.enter_context(subprocess.Popen([*COMMAND, *words], **pipes)) for _ in range(MOST)]
        for process in processes:
            stack.callback(process.kill)
        yield [Racer(process) for process in processes]


@pytest.fixture(scope="module")
def racers():
    with started() as processes:
        yield processes


def contents(folder):
    """Return the names of all entries below `folder` and hashes of the files, except for the lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


def stamps(folder):
    """Return when everything below `folder`, including the lock, was last changed in content or metadata."""
    paths = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in paths}


def attempts(racers, what, path, draw):
    """Let all `racers` try at nearly the same time, and return their answers."""
    start = monotonic() + 0.005
    for one in racers:
        one.order(what, path, start + draw.choice([0, 0, draw.uniform(0, 0.003)]))
    return [one.answer() for one in racers]


def assert_lost(answer, path):
    assert not answer["won"]
    assert answer["code"] == 4
    assert answer["told"] == f"{path}: another process is writing this run; wait for it, or use another directory"
    assert answer["seconds"] < 1


def assert_one_wins(racers, what, path, alone, draw):
    """Check that one of `racers` gets the run and leaves it as it is `alone`, and that the others fail, twice."""
    answers = attempts(racers, what, path, draw)
    winners = [one for one, answer in zip(racers, answers, strict=True) if answer["won"]]
    assert len(winners) == 1, answers
    losers = [one for one in racers if one not in winners]
    for answer in answers:
        if not answer["won"]:
            assert_lost(answer, path)
    assert contents(path) == alone
    before = stamps(path)
    for answer in attempts(losers, what, path, draw):  # while the winner holds it
        assert_lost(answer, path)
    assert stamps(path) == before
    assert open_directory(path).outcome == "running"
    winners[0].order("let go", path)
    assert winners[0].answer() == "let go"
    assert open_directory(path).outcome == "killed"


def assert_races(racers, seed, count, folder):
    """Run `count` races of two to four processes, half of them for a new run, half for an existing one."""
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    racer.attempt("create", folder / "new").close()
    first_sitting(folder / "old")
    alone = {"create": contents(folder / "new"), "reopen": contents(folder / "old")}
    for number in range(count):
        what, path = ("create", "reopen")[number % 2], folder / str(number)
        if what == "reopen":
            shutil.copytree(folder / "old", path)
        try:
            assert_one_wins(draw.sample(racers, draw.randint(2, MOST)), what, path, alone[what], draw)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, race {number} ({what}): {error}") from error
        assert leftovers(path) == []


def test_races(racers, tmp_path):
    assert_races(racers, 1, 6, tmp_path)


@pytest.mark.slow
def test_50_races(racers, tmp_path):
    assert_races(racers, 2, 50, tmp_path)


def test_a_race_without_a_lock_is_noticed(tmp_path):
    with started("unlocked") as unlocked, pytest.raises(AssertionError, match=r"^seed 3, race 0 \(create\)"):
        assert_races(unlocked, 3, 6, tmp_path)


def test_a_process_that_comes_later_reopens_the_run(racers, tmp_path):
    """After the winner has ended, the run is simply reopened: no other one is created in its place."""
    path = tmp_path / "run"
    racers[0].order("create", path)
    assert racers[0].answer()["won"]
    racers[0].order("let go", path)
    assert racers[0].answer() == "let go"
    before = contents(path)
    racers[1].order("reopen", path)
    assert racers[1].answer()["won"]
    racers[1].order("let go", path)
    assert racers[1].answer() == "let go"
    assert contents(path) == before
