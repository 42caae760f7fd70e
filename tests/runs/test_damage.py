"""Damaged run directories: status, settings and weights that cannot be read."""

import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from descenso.errors import ConfigError, DataError
from descenso.runs.directory import OUTCOMES, create, open_directory
from made_runs import ABOUT, CONFIG, WEIGHTS, finished


@pytest.mark.parametrize("path", ["nowhere", "empty", "file", "file/below"])
def test_no_run(path, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    message = f"{tmp_path / path}: there is no run; `descenso runs` lists those there are"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        open_directory(tmp_path / path)


def test_an_unreadable_run_is_not_taken_for_absent(tmp_path, as_stranger):
    with pytest.raises(DataError, match=r"a: cannot be read \(File name too long\)$"):
        open_directory(tmp_path / ("a" * 300))
    finished(Path("shut"))
    Path("shut").chmod(0)
    with as_stranger(), pytest.raises(DataError, match=r"^shut: cannot be read \(Permission denied\)$"):
        open_directory(Path("shut"))


STATUS = {
    "": "Expecting value",
    "{": "Expecting property name",
    "[]": "no JSON object",
    "5": "no JSON object",
    "{}": "outcome: None",
    '{"outcome": ["running"]}': r"outcome: \['running'\]",
    '{"outcome": "fine"}': "outcome: 'fine'",
    '{"outcome": "completed", "test_accuracy": "good"}': "test_accuracy: 'good'",
    '{"outcome": "completed", "test_accuracy": 1.01}': r"test_accuracy: 1\.01",
    '{"outcome": "completed", "test_accuracy": -1}': "test_accuracy: -1",
    '{"outcome": "completed", "test_accuracy": NaN}': "NaN is not finite",
    '{"outcome": "completed", "seconds": 1e999}': "1e999 is not finite",
    '{"outcome": "completed"}' + " " * 2**20: "more than 1048576 bytes",
    "[" * 100_000: "recursion",
    "\xff": "utf-8",
}


@pytest.mark.parametrize(("content", "reason"), STATUS.items(), ids=STATUS.values())
def test_a_damaged_status(content, reason, tmp_path):
    path = finished(tmp_path / "run") / "status.json"
    path.write_bytes(content.encode("latin-1"))
    for look in (lambda run: run.outcome, lambda run: run.status):
        with pytest.raises(DataError, match=f"^{re.escape(str(path))}: cannot be read \\(.*{reason}.*\\)$"):
            look(open_directory(path.parent))


def test_a_damaged_environment_and_config(tmp_path):
    run = open_directory(finished(tmp_path / "run"))
    (run.path / "environment.json").unlink()
    with pytest.raises(DataError, match=r"environment\.json: cannot be read \(.*No such file"):
        _ = run.environment
    (run.path / "config.json").write_text('{"epochs": 0}')
    with pytest.raises(ConfigError, match=r"config\.json: epochs must be .*, got 0; try --epochs 100"):
        _ = run.config


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_status_of_every_outcome_is_read(outcome, tmp_path):
    run = open_directory(finished(tmp_path / "run", outcome))
    assert run.outcome == ("killed" if outcome == "running" else outcome)


def test_no_weights(tmp_path):
    path = tmp_path / "run"
    run = create(CONFIG, ABOUT, path)
    run.write("status.json", {"outcome": "diverged"})
    run.close()
    again = f"descenso train --config {path}/config.json --learning-rate 0.01"
    message = f"{path}: no weights were kept (outcome: diverged); again: {again}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        open_directory(path).weights()


def tensors(dtype, size, shape=(1,), data=None):
    """Return a safetensors file of one array, assembled by hand."""
    header = json.dumps({"W": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size if data is None else data)


DAMAGED = {
    "empty": b"",
    "short": save(WEIGHTS)[:-1],
    "padded": save(WEIGHTS) + b"\0",
    "no header": bytes(8),
    "a header without end": struct.pack("<Q", 2**64 - 1) + b"{}",
    "another size": tensors("F32", 4, (2,)),
    "an absurd size": tensors("F32", 4, (2**62, 2**62)),
    "a type that NumPy has not": tensors("F8_E4M3", 1),
    "a type that nobody has": tensors("F128", 16),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_weights(content, tmp_path):
    path = finished(tmp_path / "run") / "model" / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: damaged weights \\(.+\\)$"):
        open_directory(path.parent.parent).weights()


def test_bfloat16_weights_are_refused(tmp_path):
    path = finished(tmp_path / "run") / "model" / "weights.safetensors"
    path.write_bytes(tensors("BF16", 2))
    look = "import sys, pathlib, descenso.runs.directory as d; d.open_directory(pathlib.Path(sys.argv[1])).weights()"
    ended = subprocess.run([sys.executable, "-c", look, path.parents[1]], capture_output=True, text=True, check=False)
    assert f"DataError: {path}: damaged weights (" in ended.stderr


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("runs") / "run")


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_weights_are_refused_or_read(scratch, changes):
    content = bytearray(save(WEIGHTS, {"model": "softmax"}))
    for where, value in changes:
        content[where % len(content)] = value
    (scratch / "model" / "weights.safetensors").write_bytes(content)
    try:
        arrays, _ = open_directory(scratch).weights()
    except DataError as error:
        assert "weights.safetensors: damaged weights (" in str(error)
    else:
        assert all(isinstance(array, np.ndarray) for array in arrays.values())
