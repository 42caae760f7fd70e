"""Sweeps in processes that are killed at random instants. Run as a program: python sweeper.py FOLDER KINDS KILLS SEED.

TensorFlow is imported once; each life of a sweep is a fork of this process, which computes nothing itself. A life fails
that trains an epoch of a lane which had ended when it began. For each of the KINDS, separated by commas, FOLDER/KIND
gets `whole`, a sweep that was not killed, and numbered ones that were killed, KILLS times in sum, and went on to their
ends. Prints what each kill found: null, or so many lanes that had ended.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import descenso as ds
from descenso.api.train import import_tensorflow
from descenso.studies.sweep import ledger

KINDS = {
    "together": {"model": "softmax", "epochs": 16, "seeds": 2, "halving": True},
    "alone": {"model": "mlp", "hidden": "3", "epochs": 8, "engine": "function", "halving": True},
    "pairs": {"model": "mlp", "hidden": "3", "epochs": 8, "seeds": 2},
    "audit": {"model": "softmax", "epochs": 8, "halving": True, "audit": True},
    "plain": {"model": "softmax", "epochs": 24, "seeds": 3},
}
COMMON = {"batch_size": 16, "learning_rates": "1e-3..1e4:6", "loss": "naive", "validation_size": 10, "dtype": "float64"}
MOST_LIVES = 60  # of one sweep, which comes further in each


def data():
    random_numbers = np.random.default_rng(3)
    inputs = random_numbers.normal(size=(90, 6))
    labels = (inputs @ random_numbers.normal(size=(6, 3)) + random_numbers.normal(size=(90, 3))).argmax(axis=1)
    return ds.from_arrays(inputs, labels, test_fraction=0.2)


def live(path, kind):
    """Begin the sweep at `path`, or go on with it, in a fork; return its process."""
    process = os.fork()
    if not process:
        try:
            from descenso.studies.sweep import run

            run.SAVE_SECONDS = 0.0  # after each epoch
            if (path / "sweep.json").exists():
                done = {*ds.open_sweep(path).records}
                ds.resume_sweep(path, data=data(), verify="none", told=lambda now: refuse(done & {*now.lanes}))
            else:
                path.exists() and path.rmdir()
                ds.sweep(data(), out=path, verify="none", **COMMON, **KINDS[kind])
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return process


def refuse(lanes):
    """Raise an error if lanes that had ended are trained again."""
    if lanes:
        raise AssertionError(lanes)


def ended(path):
    """Return how many lanes the ledger of the sweep at `path` holds."""
    return len(ledger.records(ledger.read(path)))


def main(folder, kinds, kills, seed):
    import_tensorflow()
    from descenso.studies.sweep import run  # noqa: F401 - so that no fork has to import it

    sys.stdout.write(json.dumps({kind: killed(folder / kind, kind, kills, seed) for kind in kinds}))


def killed(folder, kind, kills, seed):
    begun, found, number = time.monotonic(), [], 0
    folder.mkdir()
    assert os.waitpid(live(folder / "whole", kind), 0)[1] == 0
    seconds, draw = time.monotonic() - begun, random.Random(seed)  # noqa: S311
    while len(found) < kills:
        path, number = folder / str(number), number + 1
        for _life in range(MOST_LIVES):
            process = live(path, kind)
            time.sleep(draw.uniform(0.2, 1.2) * seconds if len(found) < kills else 0)
            if len(found) < kills:
                os.kill(process, signal.SIGKILL)
            status = os.waitpid(process, 0)[1]
            assert status in (0, signal.SIGKILL), status
            if not status:
                break
            found.append(ended(path) if (path / "sweep.json").exists() else None)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4]))
