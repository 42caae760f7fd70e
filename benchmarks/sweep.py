"""Time sweeps of learning rates against one run, the arithmetic floor, and other ways to train many models.

Run: python benchmarks/sweep.py [--only softmax,mlp,peers] [--lanes 64] [--rounds 3] [--minutes 12]
(extras `bench` and `sklearn`, and optuna; what is not installed is left out, and said)

- softmax: a sweep of `--lanes` rates in one product, beside a warm epoch alone and the arithmetic floor.
- mlp: 16 rates of one hidden layer of 256 units, two lanes at once, beside the same runs one after another, each with
  the evaluation on the test rows that a lane has, and the floor.
- peers: wall time of `--lanes` rates of softmax regression, with all that each contender compiles, reads and writes.

An epoch is 600 steps of 100 rows of MNIST. What a part compares takes turns in this process, round by round, and each
round begins with another one. After the first round, only what ends in time by its slowest turn is measured again.
Ratios are comparable between machines, seconds are not.
"""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import descenso as ds
from descenso.config import TrainConfig
from descenso.engines import base
from descenso.studies.sweep.grid import lanes_of

BATCH, STEPS = 100, 600
HIDDEN, OF_MLP = 256, 16  # units, and lanes
Peer = Callable[[ds.Dataset, Sequence[float]], object]


def rates(lanes: int) -> list[float]:
    """Return rates from 0.001 to 1."""
    return [lane.config.learning_rate for lane in lanes_of({}, {"learning_rates": f"1e-3..1:{lanes}"})]


def sweep(data: ds.Dataset, values: Sequence[float], verify: str = "none", **settings: Any) -> float:
    """Sweep; return the seconds of training alone."""
    given: Any = {"learning_rates": list(values), "epochs": 1, "batch_size": BATCH, "model": "softmax", **settings}
    with tempfile.TemporaryDirectory() as folder:
        return ds.sweep(data, out=Path(folder) / "sweep", verify=verify, told=lambda now: None, **given).seconds


def solo(data: ds.Dataset, stack: ExitStack, **settings: Any) -> Callable[[], float]:
    """Return a function that trains an epoch of one run, compiled and warm, and returns its seconds."""
    from descenso.training.plan import Plan

    plan = Plan.of(TrainConfig.of(**{"epochs": 1, "batch_size": BATCH, "model": "softmax", **settings}), data)
    runner = stack.enter_context(closing(plan.bind()))

    def epoch() -> float:
        return sum(trace.seconds for _state, trace in runner.walk(plan.start(), [plan.order(0)]))

    epoch()
    return epoch


def one_by_one(data: ds.Dataset, values: Sequence[float], stack: ExitStack, **settings: Any) -> Callable[[], float]:
    """Return a function that trains an epoch at each rate, one run after another, and evaluates it on the test rows, in
    a program that is compiled and warm; it returns the seconds of all.
    """
    from descenso.training.evaluation import Predictor, evaluate
    from descenso.training.plan import Plan

    given = {"epochs": 1, "batch_size": BATCH, **settings}
    plans = [Plan.of(TrainConfig.of(**given, learning_rate=rate), data) for rate in values]
    runner = stack.enter_context(closing(plans[0].bind()))

    def epochs() -> float:
        then = time.perf_counter()
        for plan in plans:
            for state, _trace in runner.walk(plan.start(), [plan.order(0)]):
                evaluate(Predictor.of_state(plan.problem, state), data.test)
        return time.perf_counter() - then

    return epochs


def floor(rows: int) -> Callable[[], float]:
    """Return a function that measures the arithmetic floor of an epoch, in seconds: of the two products of a step with
    the inputs, `rows` rows of weights in one matrix, by NumPy's BLAS on all cores; sixty times the fastest sixtieth.
    """
    random = np.random.default_rng(0)
    wide, inputs = (random.normal(size=shape).astype(np.float32) for shape in ((rows, 784), (BATCH, 784)))
    errors = random.normal(size=(rows, BATCH)).astype(np.float32)

    def epoch() -> float:
        parts = list[float]()
        for _part in range(60):
            then = time.perf_counter()
            for _step in range(STEPS // 60):
                wide @ inputs.T
                errors @ inputs
            parts.append(time.perf_counter() - then)
        return 60 * min(parts)

    return epoch


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

    inputs = jnp.asarray(data.train.inputs.reshape(STEPS, BATCH, 784).astype(np.float32) / 255)
    labels = jnp.asarray(data.train.labels.reshape(STEPS, BATCH))

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


PEERS: dict[str, tuple[str, Peer]] = {
    "Keras fit, one after another": ("keras", keras_loop),
    "GridSearchCV over SGDClassifier": ("sklearn", grid_search),
    "JAX vmap": ("jax", jax_vmap),
    "Optuna over descenso runs": ("optuna", optuna_runs),
}


def in_turn(entries: Mapping[str, Callable[[], float]], rounds: int, until: float) -> dict[str, list[float]]:
    """Call each entry once a round; return the seconds that each told."""
    told: dict[str, list[float]] = {name: [] for name in entries}
    slowest = dict.fromkeys(entries, 0.0)
    for turn in range(rounds):
        names = list(entries)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            then = time.monotonic()
            if turn == 0 or then + slowest[name] < until:
                told[name].append(entries[name]())
                slowest[name] = max(slowest[name], time.monotonic() - then)
    for name, seconds in told.items():
        spread = f"{min(seconds):.3f} to {max(seconds):.3f}, {len(seconds)} times"
        print(f"  {name:40} {median(seconds):9.3f} s ({spread})")
    return told


def softmax(data: ds.Dataset, asked: argparse.Namespace, until: float) -> None:
    """Compare a sweep in one product with one run and with the floor."""
    values = rates(asked.lanes)
    with ExitStack() as stack:
        entries = {"sweep": lambda: sweep(data, values), "one run": solo(data, stack), "floor": floor(10 * asked.lanes)}
        told = in_turn(entries, asked.rounds, until)
    ours, alone, least = (median(told[name]) for name in entries)
    share = 100 * least / ours
    print(f"  {asked.lanes} lanes cost {ours / alone:.1f} epochs alone, and are at {share:.0f} % of the floor")


def mlp(data: ds.Dataset, asked: argparse.Namespace, until: float) -> None:
    """Compare lanes that are trained two at once with the same runs alone, and with the floor of all as one product."""
    given, values = {"model": "mlp", "hidden": str(HIDDEN)}, rates(OF_MLP)
    with ExitStack() as stack:
        alone = one_by_one(data, values, stack, **given)
        entries = {"sweep": lambda: sweep(data, values, **given), "runs alone": alone, "floor": floor(HIDDEN * OF_MLP)}
        told = in_turn(entries, asked.rounds, until)
    ours, theirs, least = (median(told[name]) for name in entries)
    shares = f"{100 * least / ours:.0f} % of the floor; runs alone are at {100 * least / theirs:.0f} %"
    print(f"  a lane costs {ours / theirs:.2f} runs alone, and is at {shares}")


def peers(data: ds.Dataset, asked: argparse.Namespace, until: float) -> None:
    """Compare the wall times of what trains the same rates."""
    values = rates(asked.lanes)
    missing = [module for module, _run in PEERS.values() if not importlib.util.find_spec(module)]
    print("  not installed:", ", ".join(missing) or "none")
    known: dict[str, Peer] = {
        "descenso sweep": sweep,
        "descenso sweep, two lanes verified": lambda data, values: sweep(data, values, "2"),
        **{name: run for name, (module, run) in PEERS.items() if module not in missing},
    }

    def timed(run: Peer) -> Callable[[], float]:
        def call() -> float:
            base.clear()  # so that each turn compiles again
            then = time.perf_counter()
            run(data, values)
            return time.perf_counter() - then

        return call

    told = in_turn({name: timed(run) for name, run in known.items()}, asked.rounds, until)
    least = median(told["descenso sweep"])
    for name, seconds in told.items():
        print(f"  {name:40} × {median(seconds) / least:.1f}")


PARTS = {"softmax": softmax, "mlp": mlp, "peers": peers}


def main() -> None:
    """Measure the parts that are asked for, and print what each says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=12.0, help="of all parts, about; one round is always taken")
    asked = parser.parse_args()
    names = asked.only.split(",")
    if not set(names) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}, got {asked.only}")
    begun, data = time.monotonic(), ds.load("mnist")
    for place, name in enumerate(names):
        print(name, flush=True)
        left = begun + 60 * asked.minutes - time.monotonic()
        PARTS[name](data, asked, time.monotonic() + left / (len(names) - place))
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
