"""The engine workers: parts of a batch, the same path as one process, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from descenso.api.together import join
from descenso.descent.layers import noise
from descenso.engines import cluster, team
from descenso.engines.cluster import Cluster
from descenso.engines.workers import part
from descenso.errors import ConfigError
from descenso.runs.directory import open_directory
from descenso.training.plan import bind
from together import ended, started
from walks import BATCH_SIZE, make_case, make_problem

CLUSTER = Cluster(("host0:2222", "host1:2222"), 0)
SCRIPT = Path(__file__).with_name("walk_together.py")


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_the_parts_of_a_batch_hold_each_row_once(rows, parts):
    each = [part(rows, index, index + 1, parts) for index in range(parts)]
    assert np.concatenate([np.arange(rows)[one] for one in each]).tolist() == list(range(rows))
    sizes = [one.stop - one.start for one in each]
    assert max(sizes) - min(sizes) <= 1
    assert part(rows, 0, parts, parts) == slice(0, rows)


def test_a_part_draws_what_the_whole_batch_draws_for_its_rows():
    whole, draw = noise(tf.constant(7), tf.constant([10, 4, 3])).numpy(), tf.constant(7)
    np.testing.assert_array_equal(noise(draw, tf.constant([6, 4, 3]), 4).numpy(), whole[4:])


def test_a_cluster_is_for_workers_which_train_one_run():
    with pytest.raises(ConfigError, match="cluster is for the engine workers, got eager; try engine='workers'"):
        ds.train("digits", engine="eager", cluster=CLUSTER)
    case = make_case(20, rest=True)
    with pytest.raises(ConfigError, match="workers trains one run at a time; try --engine compiled"):
        bind("workers", make_problem(case, "float32"), case.train, BATCH_SIZE, lambda problem: None)


def test_only_the_chief_warns_of_other_machines(monkeypatch):
    monkeypatch.setattr(cluster, "isolated", lambda: False)
    monkeypatch.setattr(team, "team", lambda cluster: None)
    with pytest.warns(UserWarning, match="neither authentication nor encryption"):
        assert join("workers", CLUSTER) is None
    follower = Cluster(CLUSTER.addresses, 1)
    assert join("workers", follower) == follower


@pytest.mark.workers
def test_two_workers_train_one_run_that_the_chief_writes(tmp_path):
    labels = (np.arange(90) % 3).astype(np.int32)
    np.savez(tmp_path / "rows.npz", x=np.eye(3, dtype=np.float32)[labels], y=labels)
    words = "descenso train rows.npz --model softmax --engine workers --epochs 2 --out run --json"
    line = ["-m", *words.split()]
    with started(tmp_path, [line] * 2) as workers:
        codes, _seconds = ended(workers)
        assert codes == [0, 0], [worker.said for worker in workers]
        assert '"outcome": "completed"' in workers[0].said
        assert "completed" not in workers[1].said
    assert len(open_directory(tmp_path / "run").history.epochs) == 2
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["run"]


@pytest.mark.slow
@pytest.mark.workers
@pytest.mark.parametrize(("count", "devices", "last"), [(3, 0, 0), (2, 0, 2), (1, 2, 1)])
def test_workers_take_the_path_of_one_process(count, devices, last, tmp_path):
    with started(tmp_path, [[SCRIPT, devices, last]] * count) as workers:
        codes, _seconds = ended(workers)
        assert codes == [0] * count, [worker.said[-2000:] for worker in workers]
        told = [json.loads(worker.said.splitlines()[-1]) for worker in workers]
    for each in told:
        for name, (epochs, cost, weights) in each["found"].items():
            assert epochs == 3, name
            assert max(cost, weights) < 1e-9, (name, cost, weights)
        assert len(each["found"]) == (last or 5)
        assert len(each["refused"]) == (0 if last else 2), each["refused"]
        assert all("is not that of the whole batch" in one for one in each["refused"])
