"""The pages of docs: their commands run, in their order, and say what the pages say they do."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
CLOSE = 0.01  # of a cost or an accuracy, from one machine to another


class Block(NamedTuple):
    language: str
    text: str


def blocks(page):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


def run(block, folder, code=0):
    """What the block prints, run as a reader would, and ended with this exit code."""
    command = ["bash", "-euc", block.text] if block.language == "sh" else [sys.executable, "-c", block.text]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "LANG": "C.UTF-8"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [".", os.environ.get("PYTHONPATH")]))
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert process.returncode == code, f"{block.text}\n{process.stdout}\n{process.stderr}"
    return process.stdout


def said(line, printed):
    """Whether a line like `line` was printed, its numbers close."""
    number = r"\d+\.\d+"
    wanted = [float(each) for each in re.findall(number, line)]
    return any(
        re.sub(number, "#", each) == re.sub(number, "#", line)
        and all(abs(float(a) - b) < CLOSE for a, b in zip(re.findall(number, each), wanted, strict=True))
        for each in printed.splitlines()
    )


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(tmp_path):
    ran, checked = 0, 0
    printed = ""
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        if block.language in ("sh", "python"):
            printed = run(block, tmp_path)
            ran += 1
        elif not block.text.startswith("photos/"):
            for line in block.text.splitlines():
                assert said(line, printed), f"not said: {line}\n{printed}"
                checked += 1
    assert (ran, checked) == (14, 14)


def test_what_counts_as_said():
    printed = "Test accuracy: 0.9221\nRun: runs/a-001\n"
    assert said("Test accuracy: 0.9229", printed)
    assert said("Run: runs/a-001", printed)
    assert not said("Test accuracy: 0.9421", printed)
    assert not said("Run: runs/a-002", printed)
    assert not said("accuracy: 0.9221", printed)


@pytest.mark.slow
def test_the_page_of_own_rules_does_what_it_says(tmp_path):
    ran = 0
    for block in blocks(ROOT / "docs" / "own-rules.md"):
        if block.text.startswith("# my_rules.py"):
            (tmp_path / "my_rules.py").write_text(block.text, encoding="utf-8")
        printed = run(block, tmp_path)
        ran += 1
    assert ran == 3
    assert "Nothing found." in printed
    accuracies = [float(each) for each in re.findall(r"Test accuracy: (0[.]\d+)", printed)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.7
