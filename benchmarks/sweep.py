"""Time sweeps of learning rates against one run, the arithmetic floor, and other ways to train many models.

Run: python benchmarks/sweep.py [--lanes 64] [--rounds 3]   (extras `bench`, and optuna if it is installed)

Every contender trains softmax regression on MNIST for one epoch of 600 steps of 100 rows, once for each rate, and is
timed with its compilation. They take turns in this process; each round begins with another one. Ratios are comparable
between machines, seconds are not.
"""

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

import descenso as ds
from descenso.config import TrainConfig
from descenso.studies.sweep.grid import lanes_of

BATCH = 100


def rates(lanes: int) -> list[float]:
    """Return rates from 0.001 to 1."""
    return [lane.config.learning_rate for lane in lanes_of({}, {"learning_rates": f"1e-3..1:{lanes}"})]


def descenso_sweep(data: ds.Dataset, values: Sequence[float], verify: str = "none") -> float:
    """Sweep; return the seconds of training alone."""
    with tempfile.TemporaryDirectory() as folder:
        found = ds.sweep(data, learning_rates=list(values), epochs=1, out=Path(folder) / "sweep", verify=verify)
    return found.seconds


def solo_epoch(data: ds.Dataset) -> float:
    """Return the seconds of one epoch of one run, compiled beforehand."""
    from descenso.training.plan import Plan

    plan = Plan.of(TrainConfig.of(epochs=3), data)
    with closing(plan.bind()) as runner:
        seconds = [trace.seconds for _state, trace in runner.walk(plan.start(), map(plan.order, range(3)))]
    return min(seconds)


def floor_seconds(lanes: int) -> float:
    """Return the seconds that NumPy's BLAS takes for the products of an epoch, in one wide matrix, on all cores."""
    random = np.random.default_rng(0)
    wide, rows = (random.normal(size=shape).astype(np.float32) for shape in ((10 * lanes, 784), (BATCH, 784)))
    errors = random.normal(size=(10 * lanes, BATCH)).astype(np.float32)
    best = float("inf")
    for _ in range(5):
        then = time.perf_counter()
        for _step in range(100):
            wide @ rows.T
            errors @ rows
        best = min(best, (time.perf_counter() - then) * 6)
    return best


def keras_loop(data: ds.Dataset, values: Sequence[float]) -> None:
    """Fit a Keras model for each rate, one after another."""
    import keras

    inputs = data.train.inputs.reshape(-1, 784).astype(np.float32) / 255
    for rate in values:
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, kernel_initializer="zeros")])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(rate), loss)
        model.fit(inputs, data.train.labels, BATCH, epochs=1, verbose=0)


def grid_search(data: ds.Dataset, values: Sequence[float]) -> None:
    """Fit scikit-learn's SGDClassifier for each rate: an epoch of single rows, on both cores."""
    from sklearn.linear_model import SGDClassifier
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    inputs = data.train.inputs.reshape(-1, 784).astype(np.float32) / 255
    split = np.full(len(inputs), -1)
    split[:1000] = 0
    model = SGDClassifier("log_loss", learning_rate="constant", max_iter=1, tol=None)
    search = GridSearchCV(model, {"eta0": list(values)}, cv=PredefinedSplit(split), refit=False, n_jobs=2)
    search.fit(inputs, data.train.labels)


def jax_vmap(data: ds.Dataset, values: Sequence[float]) -> None:
    """Map JAX's gradient descent over the rates, an epoch in one scan."""
    import jax
    import jax.numpy as jnp

    inputs = jnp.asarray(data.train.inputs.reshape(600, BATCH, 784).astype(np.float32) / 255)
    labels = jnp.asarray(data.train.labels.reshape(600, BATCH))

    def cost(params, x, y):  # type: ignore[no-untyped-def]
        logs = jax.nn.log_softmax(x @ params[0] + params[1])
        return -jnp.mean(jnp.take_along_axis(logs, y[:, None], axis=1))

    def epoch(rate):  # type: ignore[no-untyped-def]
        def step(params, batch):  # type: ignore[no-untyped-def]
            value, slope = jax.value_and_grad(cost)(params, *batch)
            return jax.tree.map(lambda p, g: p - rate * g, params, slope), value

        return jax.lax.scan(step, (jnp.zeros((784, 10)), jnp.zeros(10)), (inputs, labels))[1]

    jax.block_until_ready(jax.jit(jax.vmap(epoch))(jnp.asarray(values)))


def optuna_runs(data: ds.Dataset, values: Sequence[float]) -> None:
    """Let Optuna try the rates, a run of descenso each, in this process."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:

        def objective(trial) -> float:  # type: ignore[no-untyped-def]
            rate = trial.suggest_categorical("rate", list(values))
            run = ds.train(data, learning_rate=rate, epochs=1, out=f"{folder}/{trial.number}", progress=False)
            return run.history.costs[-1]

        study = optuna.create_study(sampler=optuna.samplers.GridSampler({"rate": list(values)}))
        study.optimize(objective)


PEERS: dict[str, tuple[str, Callable[[ds.Dataset, Sequence[float]], object]]] = {
    "Keras fit, one after another": ("keras", keras_loop),
    "GridSearchCV over SGDClassifier": ("sklearn", grid_search),
    "JAX vmap": ("jax", jax_vmap),
    "Optuna over descenso runs": ("optuna", optuna_runs),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    data, values = ds.load("mnist"), rates(asked.lanes)
    solo, floor = solo_epoch(data), floor_seconds(asked.lanes)
    entries: dict[str, Callable[[ds.Dataset, Sequence[float]], object]] = {"descenso sweep": descenso_sweep}
    entries |= {name: run for name, (module, run) in PEERS.items() if importlib.util.find_spec(module)}
    print("not installed:", [module for module, _run in PEERS.values() if not importlib.util.find_spec(module)])
    walls: dict[str, list[float]] = {name: [] for name in entries}
    training = list[float]()
    for turn in range(asked.rounds):
        names = list(entries)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            from descenso.engines import base

            base.clear()  # so that each round compiles again
            then = time.perf_counter()
            seconds = entries[name](data, values)
            walls[name].append(time.perf_counter() - then)
            training += [seconds] if isinstance(seconds, float) else []
    ours = statistics.median(training)
    print(f"one epoch alone {1e3 * solo:.1f} ms; floor of {asked.lanes} lanes {1e3 * floor:.0f} ms")
    share = 100 * floor / ours
    print(f"{asked.lanes} lanes: {1e3 * ours:.0f} ms, {ours / solo:.1f} epochs alone, {share:.0f} % of the floor")
    least = statistics.median(walls["descenso sweep"])
    for name, seconds in walls.items():
        middle = statistics.median(seconds)
        print(f"{name:34} {middle:8.2f} s ({min(seconds):.2f} to {max(seconds):.2f})  × {middle / least:.1f}")


if __name__ == "__main__":
    main()
