"""Wrong calls: one clear line on standard error, the right exit code, no file written or lost."""

import gzip
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

from samples import idx_bytes
from shell import COMMAND, SECONDS, descenso, environment, files_below

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"


def refused(process, code, *said):
    """Check the exit code of `process`, and that it printed one line, on standard error, with the texts `said`."""
    assert process.returncode == code, process.stderr
    assert process.stdout == ""
    assert process.stderr.startswith("descenso: ")
    assert process.stderr.count("\n") == 1, process.stderr
    for words in said:
        assert words in process.stderr


SETTINGS = [
    (["mnsit"], "there is no dataset 'mnsit' (did you mean 'mnist'?)"),
    (["--rule", "sdg"], "rule: there is no 'sdg' (did you mean 'sgd'?); try --rule sgd"),
    (["--engine", "compield"], "got 'compield' (did you mean 'compiled'?); try --engine compiled"),
    (["--model", "softmx"], "got 'softmx' (did you mean 'softmax'?)"),
    (["--dtype", "float16"], "dtype must be one of float32, float64, mixed_bfloat16, got 'float16'"),
    (["--learning-rate", "0"], "learning_rate must be a number in (0, inf), got 0; try --learning-rate 0.1"),
    (["-r", "-0.1"], "learning_rate must be a number in (0, inf), got -0.1; try --learning-rate 0.1"),
    (["-r", "nan"], "learning_rate must be a number in (0, inf), got nan; try --learning-rate 0.1"),
    (["-e", "0"], "epochs must be a whole number in [1, inf), got 0; try --epochs 100"),
    (["-e", "dos"], "epochs must be a whole number in [1, inf), got 'dos'; try --epochs 100"),
    (["--test-fraction", "0,2"], "test_fraction must be a number in [0, 1), got '0,2'; try --test-fraction 0.2"),
    (["--patience", "3"], "patience needs validation rows, and there are none; try --validation-size 0.1"),
    (["-b", "0"], "batch_size must be full, or a whole number in [1, training rows], got 0; try --batch-size 100"),
    (["digits", "-b", "204"], "batch_size must be at most the 203 training rows, got 204; try --batch-size 203"),
    (["digits", "--validation-size", "203"], "validation_size must leave training rows, got 203 of 203"),
    (["--order", "shuffled"], "order must be permutation, sequential, buffer:N"),
    (["--config", "absent.toml"], "the settings absent.toml cannot be read"),
    (["--lang", "fr"], "the language must be one of en, es, got 'fr'; try --lang es"),
]


@pytest.mark.parametrize(
    ("words", "said"), SETTINGS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_wrong_setting(here, words, said):
    before = files_below(here)
    refused(descenso("train", *words, cwd=here), 2, said)
    assert files_below(here) == before


def changed(name, change):
    def damage(folder):
        path = folder / name
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes())), mtime=0))

    return damage


def bit_flipped(folder):
    content = bytearray((folder / IMAGES).read_bytes())
    content[len(content) // 2] ^= 0x10
    (folder / IMAGES).write_bytes(content)


def label_outside_the_classes(content):
    return content[:8] + b"\x09" + content[9:]


def other_size(content):
    return idx_bytes(np.zeros((61, 7, 7), np.uint8))


DATA = {
    "truncated": (changed(IMAGES, lambda content: content[:-1]), IMAGES, "byte 13007: the data ends 1 bytes early"),
    "truncated header": (changed(IMAGES, lambda content: content[:9]), IMAGES, "the header ends early"),
    "truncated gzip": (lambda folder: os.truncate(folder / IMAGES, 900), IMAGES, "damaged gzip data"),
    "padded": (changed(LABELS, lambda content: content + b"\0"), LABELS, "more bytes follow"),
    "bit flipped in gzip": (bit_flipped, IMAGES, "damaged gzip data"),
    "bit flipped in header": (changed(IMAGES, lambda content: b"\0\0\x88" + content[3:]), IMAGES, "not an IDX file"),
    "absurdly large": (
        changed(IMAGES, lambda content: struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3) + content[16:]), IMAGES,
        "79228162458924105385300197375",
    ),
    "not IDX": (lambda folder: (folder / IMAGES).write_text("<html>"), IMAGES, "not an IDX file"),
    "one missing": (lambda folder: (folder / TEST_IMAGES).unlink(), "digits", "there is no t10k-images-idx3-ubyte"),
    "label outside the classes": (
        changed("t10k-labels-idx1-ubyte.gz", label_outside_the_classes), "digits",
        "row 0 of y_test has label 9, which no training row has",
    ),
    "images of another size": (
        changed(TEST_IMAGES, other_size), "digits, test rows",
        "inputs of shape 7×7, expected 8×8; the model reads one size only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_wrong_data(here, name):
    damage, *said = DATA[name]
    damage(here / "digits")
    before = files_below(here)
    refused(descenso("train", "digits", "-m", "softmax", cwd=here), 3, *said)
    assert files_below(here) == before


def test_a_path_that_is_no_folder(here):
    refused(descenso("train", "digits/README", cwd=here), 3, "digits/README: there is no such file or folder")


def test_out_that_is_not_empty(here):
    (here / "kept").mkdir()
    (here / "kept" / "thesis.txt").write_text("years")
    before = files_below(here)
    process = descenso("train", "digits", "-m", "softmax", "--out", "kept", cwd=here)
    refused(process, 2, "kept is not empty, and no run is ever overwritten; try --out with a new name")
    after = files_below(here)
    assert {name: after[name] for name in after if not name.startswith("kept/.lock")} == before  # only a lock


WITHOUT_ROOTS_POWERS = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
for power in CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH:
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, power, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("out", [["--out", "locked/run"], []], ids=["out in it", "no out"])
def test_a_read_only_directory(here, out):
    """Root ignores file modes, so when the tests run as root, the process drops that capability first."""
    locked = here / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    folder = here if out else locked
    launcher = [sys.executable, "-c", WITHOUT_ROOTS_POWERS] if os.geteuid() == 0 else []
    words = [*launcher, *COMMAND, "train", here / "digits", *out]
    process = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", timeout=SECONDS, check=False
    )
    where = "locked/run" if out else "runs"
    refused(process, 5, f"{where}: cannot be written (Permission denied); use a directory of yours")
    assert list(locked.iterdir()) == []


def test_out_below_a_file(here):
    process = descenso("train", "digits", "-m", "softmax", "--out", f"digits/{LABELS}/run", cwd=here)
    refused(process, 5, "cannot be written (Not a directory)")


@pytest.mark.parametrize("command", ["evaluate", "plot", "resume"])
def test_no_run_there(here, command):
    before = files_below(here)
    refused(descenso(command, "digits", cwd=here), 3, "digits: there is no run; `descenso runs` lists those there are")
    assert files_below(here) == before


def test_a_wrong_call_is_said_in_spanish(here):
    process = descenso("train", "digits", "-m", "softmax", "-b", "204", "--lang", "es", cwd=here)
    refused(process, 2, "batch_size", "203", "204", "--batch-size 203", "como mucho")


@pytest.mark.parametrize("words", [["trian"], ["train", "--epcohs", "3"], ["train", "-e", "three"], []])
def test_what_cannot_be_parsed(tmp_path, words):
    process = descenso(*words, cwd=tmp_path)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []
    if words:
        refused(process, 2)
