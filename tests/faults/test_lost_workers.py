"""Workers that die, hang, are stopped, do not start, or are not like the others: nobody waits for ever.

DESCENSO_FAULTS is how many times each of the random faults is tried.
"""

import os
import random
import signal
from time import sleep

import pytest

from descenso.runs.checkpoints import newest
from descenso.runs.directory import open_directory
from together import ended, started, training

pytestmark = [pytest.mark.slow, pytest.mark.workers]
RANDOM = random.Random()  # noqa: S311 - of moments
TIMES = range(int(os.environ.get("DESCENSO_FAULTS", "1")))
TRAIN = ["-m", "descenso", "train", "--engine", "workers", "--epochs", "100000", "-r", "0.1", "--out", "run"]


def trained(words=(), count=3):
    return [[*TRAIN, *words]] * count


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize(
    ("index", "number", "seconds"), [(0, signal.SIGKILL, 20), (1, signal.SIGKILL, 20), (0, signal.SIGSTOP, 60)]
)
def test_the_others_end_and_name_the_worker_that_died_or_hangs(index, number, seconds, time, tmp_path):
    with started(tmp_path, trained()) as workers:
        training(tmp_path / "run", workers)
        sleep(3 * RANDOM.random())
        workers[index].process.send_signal(number)
        others = [worker for worker in workers if worker is not workers[index]]
        codes, took = ended(others)
        assert codes == [6, 6], [worker.said for worker in others]
        assert took < seconds
        assert all(f"lost worker {index} (" in worker.said for worker in others), [worker.said for worker in others]
    newest(open_directory(tmp_path / "run").checkpoints)  # which verifies


@pytest.mark.parametrize("time", TIMES)
def test_sigterm_to_any_worker_ends_all_with_one_save_at_one_step(time, tmp_path):
    with started(tmp_path, trained(["--checkpoint-every", "1000000"])) as workers:
        training(tmp_path / "run", workers)
        sleep(2 * RANDOM.random())
        RANDOM.choice(workers).process.send_signal(signal.SIGTERM)
        codes, _took = ended(workers)
        assert codes == [143] * 3, [worker.said for worker in workers]
    run = open_directory(tmp_path / "run")
    saved, _damaged = newest(run.checkpoints)
    assert run.outcome == "interrupted"
    assert saved.position.epoch == len(run.history.epochs)
    assert {path.name for path in run.checkpoints.iterdir() if path.is_dir()} == {
        "00000000-0000000000", f"{saved.position.epoch:08}-{saved.position.step:010}"
    }  # fmt: skip


def test_a_worker_that_does_not_start_is_named(tmp_path):
    with started(tmp_path, {0: trained()[0], 2: trained()[0]}, workers=3) as workers:
        _codes, took = ended(workers)
        assert all(worker.process.returncode for worker in workers)
        assert any("missing: worker 1 (" in worker.said for worker in workers), [each.said for each in workers]
        assert took < 60 + 30  # of a machine on which TensorFlow's import takes long
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--seed", "1"], "differ in seed: 1 and 0"), (["-b", "50"], "differ in batch_size: 50 and 100")],
)
def test_workers_with_other_settings_are_refused_before_the_first_step(words, named, tmp_path):
    lines = trained(count=2)
    lines[1] = [*lines[1], *words]
    with started(tmp_path, lines) as workers:
        codes, _took = ended(workers)
        assert codes == [6, 6]
        assert all(named in worker.said for worker in workers), [worker.said for worker in workers]


@pytest.mark.parametrize(("count", "again"), [(2, 3), (3, 1)])
def test_a_run_is_resumed_by_another_number_of_workers(count, again, tmp_path):
    whole = [
        "-m",
        "descenso",
        "train",
        "--engine",
        "workers",
        "--epochs",
        "2",
        "-r",
        "0.1",
        "--dtype",
        "float64",
        "--out",
    ]
    with started(tmp_path, [[*whole, "alone"]]) as workers:
        assert ended(workers)[0] == [0], workers[0].said
    with started(tmp_path, [[*whole, "run", "--checkpoint-every", "130"]] * count) as workers:
        training(tmp_path / "run", workers)
        workers[1].process.send_signal(signal.SIGTERM)
        assert ended(workers)[0] == [143] * count, [worker.said for worker in workers]
    at = newest(open_directory(tmp_path / "run").checkpoints)[0].position
    assert (1, 0) <= at < (2, 0)
    with started(tmp_path, [["-m", "descenso", "resume", "run"]] * again) as workers:
        assert ended(workers)[0] == [0] * again, [worker.said for worker in workers]
    alone, resumed = (open_directory(tmp_path / name) for name in ("alone", "run"))
    for one, other in zip(alone.history.epochs, resumed.history.epochs, strict=True):
        assert other.cost == pytest.approx(one.cost, rel=1e-9)
    assert not resumed.status["exact"]
    for name, value in alone.weights()[0].items():
        assert abs(resumed.weights()[0][name] - value).max() < 1e-9 * max(abs(value).max(), 1e-9), name
