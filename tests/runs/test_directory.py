"""Run directories: creating, writing, reading and listing them."""

import errno
import os
import re
import stat
from pathlib import Path

import numpy as np
import pytest

from descenso.config import TrainConfig
from descenso.errors import ConfigError, DataError, DiskError
from descenso.runs.directory import RunDirectory, create, find_runs, open_directory, reopen
from descenso.runs.files import is_held
from descenso.runs.history import Epoch
from descenso.runs.trained import read_weights, weights_bytes
from made_runs import ABOUT, CONFIG, WEIGHTS, finished, snapshot


def test_a_new_run_can_be_opened_at_once(tmp_path):
    run = create(CONFIG, ABOUT, tmp_path / "deep" / "run")
    assert {file.name for file in run.path.iterdir()} == {
        ".lock", "checkpoints", "config.json", "environment.json", "status.json"
    }  # fmt: skip
    assert run.config == CONFIG
    assert run.environment == ABOUT
    assert run.status == {"outcome": "running", "epochs_done": 0}
    assert run.outcome == "running"
    assert run.history.epochs == ()
    run.close()
    run.close()


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"], ids=["zero byte", "half of a character"])
def test_out_that_is_not_a_path(name, tmp_path):
    told = f"out must be a path, got {str(tmp_path / name)!r} ("
    with pytest.raises(ConfigError, match=rf"^{re.escape(told)}.*\); try --out runs/mine$"):
        create(CONFIG, ABOUT, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_run_appears_only_when_it_is_complete(tmp_path, monkeypatch):
    written, real = [], RunDirectory.write
    monkeypatch.setattr(
        RunDirectory, "write", lambda self, name, content: (written.append(name), real(self, name, content))
    )
    create(CONFIG, ABOUT, tmp_path / "run").close()
    assert written[-1] == "status.json"


def test_what_is_written_is_read_back(tmp_path):
    run = open_directory(finished(tmp_path / "run"))
    assert run.outcome == "completed"
    assert run.history.epochs == (Epoch(0, 1.5, 0.25),)
    arrays, about = run.weights()
    assert about == {"model": "softmax"}
    assert arrays.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_equal_runs_write_equal_bytes(tmp_path):
    about = {name: f'["{name}"]' for name in ("input_shape", "class_names", "stored", "columns", "ñ", 'a quote"')}
    runs = [create(CONFIG, ABOUT, tmp_path / f"run-{number}") for number in range(8)]
    for run in runs:  # safetensors writes metadata in random order
        run.write_weights(WEIGHTS, about)
        run.close()
    assert len({(run.path / "model" / "weights.safetensors").read_bytes() for run in runs}) == 1
    arrays, read = runs[0].weights()
    assert read == about
    np.testing.assert_equal(arrays, WEIGHTS)


@pytest.mark.parametrize(
    ("data", "model", "name"),
    [
        ("mnist", "python:sequential", "mnist-python-sequential-001"),
        ("a/b: c?.csv", "mlp", "b-c--mlp-001"),
        ("nul.csv", "mlp", "nul-mlp-001"),
        ("..", "mlp", "mlp-001"),
        ("ñandú" * 60, "mlp", ("ñandú" * 20) + "-001"),
    ],
)
def test_names_of_runs_are_valid_on_every_file_system(data, model, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = create(CONFIG.model_copy(update={"data": data, "model": model}), ABOUT)
    run.close()
    assert run.path == Path("runs", name)


def test_files_are_readable_text(tmp_path):
    run = create(CONFIG, ABOUT, tmp_path / "run")
    text = (run.path / "config.json").read_text(encoding="utf-8")
    assert '"data": "a ß folder"' in text
    assert text.endswith("}\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.write("status.json", {"outcome": "running", "cost": float("nan")})
    assert run.outcome == "running"
    run.close()


def test_epochs_are_appended_to_the_history_at_once(tmp_path):
    run = create(CONFIG, ABOUT, tmp_path / "run")
    content = b""
    for number in range(3):
        run.append(Epoch(number, 1 / 3, 0.5))
        now = (run.path / "history.jsonl").read_bytes()  # while the file is still open
        assert now.startswith(content)
        assert now.count(b"\n") == number + 1
        content = now
    run.close()
    assert (run.path / "history.jsonl").read_bytes() == content


def test_pictures_have_a_folder(tmp_path):
    run = open_directory(finished(tmp_path / "run"))
    for _ in range(2):
        path = run.plot_path("loss.png")
        assert path == tmp_path / "run" / "plots" / "loss.png"
        assert path.parent.is_dir()


@pytest.mark.parametrize("content", ["status.json", "anything", "folder/"])
def test_nothing_but_a_lock_is_written_into_a_directory_that_is_not_empty(content, tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    if content == "status.json":
        finished(path)
    elif content == "anything":
        (path / content).write_text("mine")
    else:
        (path / content).mkdir()
    before = snapshot(tmp_path)
    message = f"{path} is not empty, and no run is ever overwritten; try --out with a new name"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        create(TrainConfig(), {}, path)
    after = snapshot(tmp_path)
    after.pop("run/.lock")
    before.pop("run/.lock", None)
    assert after == before


def test_an_empty_directory_is_used(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    create(CONFIG, ABOUT, path).close()
    assert open_directory(path).config == CONFIG


def test_runs_get_the_next_free_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TrainConfig.of(data="/some/where/letters/")
    paths = []
    for _ in range(2):
        run = create(config, {})
        paths.append(run.path)
        run.close()
    assert paths == [Path("runs/letters-softmax-001"), Path("runs/letters-softmax-002")]
    paths[0].rename("runs/kept")
    (tmp_path / "runs" / "letters-softmax-001").touch()  # a file takes the number too
    run = create(config, {})
    run.close()
    assert run.path == Path("runs/letters-softmax-003")


@pytest.mark.parametrize("where", ["file", "file/below", "file/below/deep"])
def test_a_run_below_a_regular_file(where, tmp_path):
    (tmp_path / "file").write_text("mine")
    path = tmp_path / where
    told = f"^{re.escape(str(path))}: cannot be written \\(.*\\); use a directory of yours$"
    with pytest.raises(DiskError, match=told) as caught:
        create(CONFIG, ABOUT, path)
    assert caught.value.exit_code == 5
    assert snapshot(tmp_path).keys() == {"file"}


@pytest.mark.parametrize("out", [None, Path("run"), Path("deep/run"), Path()])
def test_a_directory_without_write_permission(out, tmp_path, as_stranger):
    tmp_path.chmod(0o555)
    place = re.escape(str("runs" if out is None else out))
    told = rf"^{place}: cannot be written \(Permission denied\); use a directory of yours$"
    with as_stranger(), pytest.raises(DiskError, match=told):
        create(CONFIG, ABOUT, out)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up(tmp_path):
    run = create(CONFIG, ABOUT, tmp_path / "run")
    run._history = Path("/dev/full").open("ab")  # noqa: SIM115 - every write fails
    message = f"{run.path / 'history.jsonl'}: the disk is full; free some space, or use another disk"
    with pytest.raises(DiskError, match=f"^{re.escape(message)}$"):
        run.append(Epoch(0, 1, 1))
    with pytest.raises(
        DiskError, match=f"^{re.escape(message)}$"
    ) as caught:  # the error is not hidden by what is still unwritten
        run.close()
    assert not is_held(run.path), f"while {caught} keeps alive whatever close() knew"
    run.close()
    reopen(run.path).close()  # the lock was released


def test_a_history_that_is_a_link_is_not_appended_to(tmp_path):
    run = create(CONFIG, ABOUT, tmp_path / "run")
    (tmp_path / "precious").touch()
    (run.path / "history.jsonl").symlink_to("../precious")
    with pytest.raises(DataError, match="a link out of the folder"):
        run.append(Epoch(0, 1, 1))
    run.close()
    assert not (tmp_path / "precious").read_bytes()


def test_a_failed_start_leaves_no_run_and_no_lock(tmp_path, monkeypatch):
    def full(handle):
        if stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "run"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=r"run/environment\.json: the disk is full, \d+ bytes are needed") as caught:
        create(CONFIG, ABOUT, path)
    assert not path.exists(), "what was begun would be in the way of the next run"
    assert not is_held(path), f"while {caught} keeps alive whatever create() knew"


def test_runs_are_found_oldest_first(tmp_path):
    for age, name in enumerate(["zebra", "ant", "bee", "cow"]):
        path = finished(tmp_path / name)
        os.utime(path / "config.json", (age // 2, age // 2))  # two runs per age, ordered by name
    (tmp_path / "no run").mkdir()
    (tmp_path / "file").touch()
    finished(tmp_path / "ant" / "deeper")
    assert [run.path.name for run in find_runs(tmp_path)] == ["ant", "zebra", "bee", "cow"]


def test_a_run_without_its_config_is_found(tmp_path):
    (finished(tmp_path / "run") / "config.json").unlink()
    assert [run.path.name for run in find_runs(tmp_path)] == ["run"]


def test_a_missing_folder_has_no_runs(tmp_path):
    assert find_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[:, ::2], lambda a: a[::-1], np.asfortranarray])
def test_weights_that_are_views_are_written_as_they_are(view, tmp_path):
    array = view(np.arange(12, dtype=np.float32).reshape(3, 4))
    (tmp_path / "w").write_bytes(weights_bytes({"W": array}, {}))
    np.testing.assert_array_equal(read_weights(tmp_path / "w")[0]["W"], array)
