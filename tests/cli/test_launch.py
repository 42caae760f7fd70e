"""`descenso launch`: what it starts, what it refuses, and the options of `train` that name a cluster."""

import sys
from types import SimpleNamespace

import pytest

from command import run
from descenso.cli import train
from descenso.data import named
from descenso.engines import isolation
from descenso.errors import ConfigError
from descenso.training import launching
from shell import descenso


@pytest.fixture
def launched(monkeypatch, tmp_path):
    """Launch nothing; note what would be started, once before and once after there is a run."""
    noted = SimpleNamespace(exit_code=0, first=None)
    monkeypatch.chdir(tmp_path)

    def note(command, workers, restarts, tell):
        noted.workers, noted.restarts, noted.first = workers, restarts, command()
        if "--out" in noted.first:
            path = tmp_path / noted.first[noted.first.index("--out") + 1]
            path.mkdir(parents=True, exist_ok=True)
            (path / "status.json").write_text("{}")
        noted.then = command()
        return noted.exit_code

    monkeypatch.setattr(launching, "launch", note)
    monkeypatch.setattr(isolation, "isolate", lambda: True)  # it would move the process of the tests
    monkeypatch.setattr(named, "present", lambda *_: tmp_path)
    return noted


def words(command):
    assert command[:3] == [sys.executable, "-m", "descenso"]
    return " ".join(command[3:])


def test_the_command_is_started_with_the_engine(launched):
    ended = run("launch", "--workers", 3, "--", "train", "digits", "-e", "3")
    assert (ended.exit_code, launched.workers, launched.restarts) == (0, 3, 0)
    assert words(launched.first) == words(launched.then) == "train digits -e 3 --engine workers"


def test_the_exit_code_is_that_of_the_processes(launched):
    launched.exit_code = 137
    assert run("launch", "--workers", 2, "--", "train").exit_code == 137


def test_a_restart_resumes_the_run(launched):
    launched.exit_code = 1
    run("launch", "--workers", 2, "--restarts", 4, "--", "train", "data/digits.csv", "--json", "--epochs", "3")
    assert launched.restarts == 4
    run_directory = "runs/digits-workers-001"
    assert words(launched.first) == f"train data/digits.csv --json --epochs 3 --engine workers --out {run_directory}"
    assert words(launched.then) == f"resume {run_directory} --json"


def test_a_restart_needs_what_is_not_in_the_run(launched, tmp_path):
    (tmp_path / "own.py").write_text("")
    (tmp_path / "settings.toml").write_text('data = "kmnist"\n')
    options = "--rule own.py:rule --schedule cosine --tensorboard logs --limit rows=9 --limit columns=8 --data-dir d"
    run("launch", "--workers", 2, "--", "train", "--config", "settings.toml", "--out", "here", *options.split())
    assert words(launched.then) == (
        "resume here --limit rows=9 --limit columns=8 --tensorboard logs --data-dir d --rule own.py:rule"
    )
    run("launch", "--workers", 2, "--restarts", 1, "--", "train", "--config", "settings.toml")
    assert words(launched.then) == "resume runs/kmnist-workers-001"


def test_resume_is_restarted_as_it_is(launched, tmp_path):
    (tmp_path / "old").mkdir()
    run("launch", "--workers", 2, "--restarts", 1, "--", "resume", "old", "--epochs", "9")
    assert words(launched.first) == words(launched.then) == "resume old --epochs 9 --engine workers"


def test_a_run_directory_that_was_not_needed_is_removed(launched, monkeypatch, tmp_path):
    monkeypatch.setattr(launching, "launch", lambda *_: 2)
    assert run("launch", "--workers", 2, "--restarts", 1, "--", "train").exit_code == 2
    assert list((tmp_path / "runs").iterdir()) == []


def test_compare_is_started_as_it_is(launched):
    run("launch", "--workers", 2, "--", "compare", "digits", "--engines", "compiled,workers")
    assert words(launched.first) == "compare digits --engines compiled,workers"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "launch takes train, resume, compare after --, got --; such as descenso launch --workers 2 -- train"),
        ("lab --port 0", "got lab --port 0; such as descenso launch --workers 2 -- train"),
        ("train --engine eager", "launch trains with the engine workers, got eager; leave --engine out"),
        (
            "train --workers 2",
            "launch gives each process its place among the workers; leave --workers out of the command",
        ),
        ("train --index 1", "leave --index out of the command"),
        ("compare", "launch starts processes for the engine workers; try --engines compiled,workers"),
        ("train --epochs many", "epochs must be a whole number in .* got 'many'"),
        ("train --config absent.toml", "the settings absent.toml cannot be read"),
        ("train --epoch 3", "--epoch: descenso calls it epochs; try --epochs 3; see descenso train --help"),
        ("train --nowhere", "train has no option --nowhere; see descenso train --help"),
        ("resume", "resume needs RUN, and there is none in runs/ yet; make one: descenso launch --workers 2 -- train"),
    ],
)
def test_mistakes_are_told_once_before_anything_starts(line, message, launched):
    with pytest.raises(ConfigError, match=message):
        run("launch", "--workers", 2, "--", *line.split())
    assert launched.first is None


def test_an_index_of_zero_is_refused_too(launched):
    with pytest.raises(ConfigError, match="leave --index out of the command"):
        run("launch", "--workers", 2, "--", "train", "--index", 0)


def test_windows(launched, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ConfigError, match="by hand: descenso train --engine workers .* --workers 3 --index 0, 1"):
        run("launch", "--workers", 3, "--", "train")


def test_restarts_are_for_runs(launched):
    with pytest.raises(ConfigError, match="--restarts is for train and resume"):
        run("launch", "--workers", 2, "--restarts", 1, "--", "compare", "--engines", "compiled,workers")


def test_resume_names_the_newest_run(launched, tmp_path):
    (tmp_path / "runs" / "a-001").mkdir(parents=True)
    (tmp_path / "runs" / "a-001" / "status.json").write_text("{}")
    with pytest.raises(
        ConfigError, match="with the newest one: descenso launch --workers 2 -- resume runs/a-001 --epochs 9"
    ):
        run("launch", "--workers", 2, "--", "resume", "--epochs", 9)


def test_the_help_of_the_command_is_shown(launched):
    assert "Usage: descenso train " in run("launch", "--workers", 2, "--", "train", "--help").output
    assert launched.first is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("--workers 3 train -e 3", "descenso launch --workers 3 -- train -e 3"),
        ("train -e 3 --workers=3 --restarts 2", "descenso launch --workers 3 --restarts 2 -- train -e 3"),
        ("resume runs/a-001", "descenso launch --workers 2 -- resume runs/a-001"),
    ],
)
def test_a_line_without_dashes(line, mended, tmp_path):
    ended = descenso("launch", *line.split(), cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        f"descenso: the command to launch and its options stand after --; try {mended}; see descenso launch --help"
    )


def test_other_engines_have_no_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("TF_CONFIG", "{")  # of another program
    assert train._cluster("compiled", "", 0, None) == {}
    for given in (("a:1", 0, None), ("", 2, None), ("", 0, 0)):
        with pytest.raises(ConfigError, match="are for the engine workers, got compiled; try --engine workers"):
            train._cluster("compiled", *given)


def test_a_dataset_is_downloaded_before_the_processes_lose_their_network(launched, monkeypatch):
    order = []
    monkeypatch.setattr(named, "present", lambda name, folder: None)
    monkeypatch.setattr(named, "load_named", lambda name, sources: order.append((name, sources.limits.rows)))
    monkeypatch.setattr(isolation, "isolate", lambda: order.append("isolated"))
    run("launch", "--workers", 2, "--", "train", "kmnist", "--limit", "rows=9")
    assert order == [("kmnist", 9), "isolated"]
    run("launch", "--workers", 2, "--", "train", "digits.csv")
    assert order[2:] == ["isolated"]
