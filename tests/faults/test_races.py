"""Several processes lock one run at once: one succeeds, the others raise and change nothing."""

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
    """A process that tries what it is told."""

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
    """So many processes as may race."""
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
    """Every name below `folder`, and what is in the files, but for the lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


def stamps(folder):
    """When anything below `folder` was last changed, be it by a byte, a name or a permission; the lock's file too."""
    paths = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in paths}


def attempts(racers, what, path, draw):
    """Let all `racers` try at nearly one moment: their answers."""
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
    """One of `racers` gets the run, which is then as if it had been `alone`; the others lose, also once more."""
    answers = attempts(racers, what, path, draw)
    winners = [one for one, answer in zip(racers, answers, strict=True) if answer["won"]]
    assert len(winners) == 1, answers
    losers = [one for one in racers if one not in winners]
    for answer in answers:
        if not answer["won"]:
            assert_lost(answer, path)
    assert contents(path) == alone
    before = stamps(path)
    for answer in attempts(losers, what, path, draw):  # while the winner holds it, and does nothing
        assert_lost(answer, path)
    assert stamps(path) == before
    assert open_directory(path).outcome == "running"
    winners[0].order("let go", path)
    assert winners[0].answer() == "let go"
    assert open_directory(path).outcome == "killed"


def assert_races(racers, seed, count, folder):
    """So many races of two to four, half of them for a new run, half for one to go on with."""
    draw = random.Random(seed)  # noqa: S311 - drawn to be repeated, not to be secret
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


def test_who_comes_too_late_is_told_otherwise(racers, tmp_path):
    """Once the winner has ended, the run is simply there: no other one is made in its place."""
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
