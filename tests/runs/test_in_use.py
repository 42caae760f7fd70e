"""The lock of a run, reopening a run, and truncating its history."""

import re
from pathlib import Path

import pytest

from descenso.errors import CheckpointError, DataError, DiskError, RunInUse
from descenso.runs.directory import RunDirectory, create, open_directory, reopen
from descenso.runs.history import Epoch
from made_runs import ABOUT, CONFIG, another_process, finished, snapshot


def test_a_run_of_another_process_is_in_use(tmp_path):
    path = tmp_path / "run"
    with another_process(path) as process:
        before = snapshot(tmp_path)
        message = f"{path}: another process is writing this run; wait for it, or use another directory"
        with pytest.raises(RunInUse, match=f"^{re.escape(message)}$") as caught:
            create(CONFIG, ABOUT, path)
        assert caught.value.exit_code == 4
        assert open_directory(path).outcome == "running"
        assert snapshot(tmp_path) == before
        process.kill()
        process.wait()
        assert open_directory(path).outcome == "killed"
        assert open_directory(path).status["outcome"] == "running"  # reading writes nothing
        assert snapshot(tmp_path) == before
    reopen(path).close()


def test_a_run_that_is_in_use_is_not_reopened(tmp_path):
    path = tmp_path / "run"
    with another_process(path):
        (path / "checkpoints" / ".half.tmp").touch()  # that process may be writing it now
        before = snapshot(tmp_path)
        with pytest.raises(
            RunInUse, match=f"^{re.escape(str(path))}: another process is writing this run; wait for it"
        ):
            reopen(path)
        assert snapshot(tmp_path) == before


def test_a_reopened_run_can_be_written(tmp_path):
    path = finished(tmp_path / "run", outcome="running")
    (path / "checkpoints" / ".half.tmp").touch()
    run = reopen(path)
    assert run.outcome == "running"
    assert list(run.checkpoints.iterdir()) == []
    run.append(Epoch(1, 0.5, 0.25))
    run.close()
    assert open_directory(path).history.costs == [1.5, 0.5]
    with pytest.raises(DataError, match="there is no run"):
        reopen(tmp_path)


def test_the_history_is_truncated_to_its_length_at_a_checkpoint(tmp_path):
    run = create(CONFIG, ABOUT, tmp_path / "run")
    assert run.history_bytes == 0
    run.append(Epoch(0, 1.5, 0.25))
    known = run.history_bytes
    assert known == len(Epoch(0, 1.5, 0.25).line)
    run.append(Epoch(1, 1.25, 0.25))
    run.sync_history()
    run.close()
    run = reopen(run.path)
    assert run.history_bytes == 2 * known + 1
    run.cut_history(known)
    assert run.history_bytes == known
    run.append(Epoch(1, 1.125, 0.25))
    run.close()
    assert open_directory(run.path).history.costs == [1.5, 1.125]


def test_a_history_shorter_than_at_the_checkpoint(tmp_path):
    run = create(CONFIG, ABOUT, tmp_path / "run")
    run.append(Epoch(0, 1.5, 0.25))
    size = run.history_bytes
    before = snapshot(tmp_path)
    message = f"{run.path / 'history.jsonl'}: {size} bytes, the checkpoint was written after {size + 1}"
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$") as caught:
        run.cut_history(size + 1)
    assert caught.value.exit_code == 7
    run.close()
    assert snapshot(tmp_path) == before


def test_a_killed_run_without_its_lock_file(tmp_path):
    path = finished(tmp_path / "run", outcome="running")
    (path / ".lock").unlink()
    before = snapshot(tmp_path)
    assert open_directory(path).outcome == "killed"
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("target", ["../precious", "config.json", "../nothing"])
def test_a_lock_that_is_a_link_is_not_followed(target, tmp_path):
    """Locking opens the file to write: in a run from someone else, a link could make it create or empty any file."""
    path = finished(tmp_path / "run", outcome="running")
    (tmp_path / "precious").write_text("precious")
    (path / ".lock").unlink()
    (path / ".lock").symlink_to(target)
    before = snapshot(tmp_path)
    for lock in (reopen, lambda path: create(CONFIG, ABOUT, path)):
        with pytest.raises(DiskError, match=rf"^{re.escape(str(path))}: cannot be written \(Too many levels of symb"):
            lock(path)
    assert open_directory(path).outcome in ("running", "killed"), "who knows"
    assert snapshot(tmp_path) == before


def test_a_run_that_ends_while_it_is_read(tmp_path, monkeypatch):
    path = finished(tmp_path / "run", outcome="running")
    real, answers = RunDirectory._json, iter([{"outcome": "running"}, {"outcome": "completed"}])
    monkeypatch.setattr(RunDirectory, "_json", lambda self, name: next(answers))
    assert open_directory(path).outcome == "completed"
    monkeypatch.setattr(RunDirectory, "_json", real)


def test_a_run_of_another_user_can_be_read(tmp_path, as_stranger):
    path = Path("theirs")
    run = create(CONFIG, ABOUT, path)
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    with as_stranger():
        assert open_directory(path).outcome == "running"
    run.close()
