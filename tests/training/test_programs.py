"""Runs in one process share traced and compiled programs, and memory does not grow with their number."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import descenso as ds
from descenso.engines import base as programs
from descenso.training.plan import ENGINES
from samples import tiny_dataset

TESTS = Path(__file__).parents[1]  # the directory of `samples`
SETTINGS = {"model": "softmax", "epochs": 2, "batch_size": 50}
MOST_MEGABYTES = 60  # of growth allowed after the tenth training run

MANY = """
import ctypes, gc
import itertools, resource, sys, tempfile
import numpy as np
import descenso as ds
from samples import tiny_dataset

def megabytes():
    gc.collect()  # figures of matplotlib refer to themselves
    getattr(ctypes.CDLL(None), "malloc_trim", bool)(0)  # free memory that the C library keeps is not held by anything
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))

data, folder, tenth = tiny_dataset(), tempfile.mkdtemp(), 0.0
X, y = data.train.inputs.reshape(len(data.train.labels), -1) / 255.0, data.train.labels
choices = itertools.cycle(itertools.product(("softmax", "mlp"), ("sgd", "momentum", "adam")))
def train(number):
    model, rule = next(choices)
    settings = {"rule": rule, "learning_rate": 0.001 * (number + 1), "epochs": 1, "batch_size": 50, "seed": number}
    ds.train(data, model=model, out=f"{folder}/{number}", **settings)
def search(number):
    from sklearn.model_selection import GridSearchCV
    rates = [0.001 * (20 * number + i + 1) for i in range(20)]
    GridSearchCV(ds.Classifier(epochs=1, batch_size=20), {"learning_rate": rates}, cv=5, refit=False).fit(X, y)
work, count, early = {"train": (train, 120, 10), "search": (search, 5, 1)}[sys.argv[1]]
for number in range(count):
    work(number)
    if number + 1 == early:
        tenth = megabytes()
print(megabytes() - tenth)
"""


@pytest.mark.slow
@pytest.mark.parametrize("work", ["train", "search"])
def test_memory_stays_flat(work):
    """120 training runs of varying rate, rule, model and seed; five grid searches of a hundred fits."""
    command = [sys.executable, "-c", MANY, work]
    ended = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout.split()[-1]) < MOST_MEGABYTES


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", ["softmax", "mlp"])
def test_a_second_run_is_the_same_without_compiling(engine, model, tmp_path):
    """A run with other rows of the same shape, another rate and another seed in between adds no program."""
    data = tiny_dataset()
    other = data._replace(train=data.train._replace(inputs=data.train.inputs[::-1].copy()))
    settings = {"model": model, "engine": engine, **SETTINGS}
    first = ds.train(data, out=tmp_path / "first", **settings)
    kept = list(programs._kept.values())
    between = ds.train(other, out=tmp_path / "between", **settings, learning_rate=0.5, seed=3)
    second = ds.train(data, out=tmp_path / "second", **settings)
    assert first.history.costs == second.history.costs
    assert first.status["fingerprint"] == second.status["fingerprint"]
    assert between.history.costs != first.history.costs
    assert len(kept) == len(programs._kept)
    assert all(before is now for before, now in zip(kept, programs._kept.values(), strict=True))


def test_programs_take_their_scaling_from_the_data():
    """Tables of the same shape but other units are each standardised by their own mean and deviation."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, 3)), random.integers(2, size=60)
    fits = [ds.Classifier(epochs=3, batch_size=20, learning_rate=0.5).fit(scale * X + shift, y)
            for scale, shift in ((1.0, 0.0), (1000.0, 0.0), (1.0, 50.0))]  # fmt: skip
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.params_["W"], fits[0].params_["W"], rtol=2e-3, atol=1e-5)


def test_programs_of_a_users_model_are_not_shared(tmp_path):
    """Two functions of the same name and shapes may compute different things."""
    import keras

    def maker(factor):
        def make():
            return keras.Sequential([
                keras.layers.Input((8, 8)), keras.layers.Flatten(),
                keras.layers.Dense(4, kernel_initializer=keras.initializers.Constant(factor)),
            ])  # fmt: skip

        return make

    data = tiny_dataset()
    runs = [ds.train(data, out=tmp_path / str(factor), engine="function", **{**SETTINGS, "model": maker(factor)})
            for factor in (0.0, 0.01)]  # fmt: skip
    assert runs[0].history.costs[0] != runs[1].history.costs[0]
