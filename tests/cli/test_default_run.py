"""`descenso train` without options: the article's network on all of MNIST, a hundred epochs."""

import json

import pytest

from shell import descenso


@pytest.mark.slow
def test_default_run_learns_what_the_article_did_and_no_more(tmp_path):
    """Bounded on both sides: an accuracy that is too high is as wrong as one that is too low."""
    process = descenso("train", "--json", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    answer = json.loads(process.stdout)
    assert answer["outcome"] == "completed"
    assert (answer["epochs"], answer["engine"], answer["dtype"], answer["seed"]) == (100, "compiled", "float32", 0)
    assert len(answer["costs"]) == 100
    assert 0.919 <= answer["test_accuracy"] <= 0.924
    assert 0.2795 <= answer["costs"][-1] <= 0.2806
    assert all(later < earlier for earlier, later in zip(answer["costs"], answer["costs"][1:], strict=False))
