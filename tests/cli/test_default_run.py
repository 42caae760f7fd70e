"""`descenso train` without options: the article's network on all of MNIST, a hundred epochs."""

import json
import os
import subprocess
import sys

import pytest

from shell import running

BYTES = 1 if sys.platform == "darwin" else 1024  # in a unit of ru_maxrss


@pytest.mark.slow
def test_default_run_learns_what_the_article_did_and_no_more(tmp_path):
    """Bounded on both sides: an accuracy that is too high is as wrong as one that is too low."""
    with running("train", "--json", cwd=tmp_path, stdout=subprocess.PIPE) as process:
        answer = json.load(process.stdout)
        _process, status, used = os.wait4(process.pid, 0)
    assert status == 0
    assert used.ru_maxrss * BYTES < 800e6
    assert answer["outcome"] == "completed"
    assert (answer["epochs"], answer["engine"], answer["dtype"], answer["seed"]) == (100, "compiled", "float32", 0)
    assert len(answer["costs"]) == 100
    assert 0.919 <= answer["test_accuracy"] <= 0.924
    assert 0.2795 <= answer["costs"][-1] <= 0.2806
    assert all(later < earlier for earlier, later in zip(answer["costs"], answer["costs"][1:], strict=False))
