"""`descenso train` without options: the article's network on all of MNIST, a hundred epochs."""

import json
import subprocess
import sys

import pytest

from shell import COMMAND, environment

BYTES = 1 if sys.platform == "darwin" else 1024  # in a unit of ru_maxrss
# The peak of a process includes that of the one that starts it, so a small one starts it and prints its peak.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.slow
def test_default_run_learns_what_the_article_did_and_no_more(tmp_path):
    """Bounded on both sides: an accuracy that is too high is as wrong as one that is too low."""
    process = subprocess.run(
        [sys.executable, "-c", MEASURED, *COMMAND, "train", "--json"],
        cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    answer = json.loads(process.stdout)
    assert int(process.stderr.split()[-1]) * BYTES < 800e6
    assert answer["outcome"] == "completed"
    assert (answer["epochs"], answer["engine"], answer["dtype"], answer["seed"]) == (100, "compiled", "float32", 0)
    assert len(answer["costs"]) == 100
    assert 0.919 <= answer["test_accuracy"] <= 0.924
    assert 0.2795 <= answer["costs"][-1] <= 0.2806
    assert all(later < earlier for earlier, later in zip(answer["costs"], answer["costs"][1:], strict=False))
