"""The tutorial's two programs as it published them, and the same two descents on the compiled engine."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from descenso.config import TrainConfig
from descenso.data.catalog import load
from descenso.runs.directory import RunDirectory, create, open_directory
from descenso.runs.environment import environment
from descenso.runs.files import fresh_folder, make_folder, refuse_full
from descenso.runs.history import History
from descenso.studies.comparison.paths import SAME_PATH, relative
from descenso.text import _
from descenso.training.callbacks import Callback
from descenso.training.control import Control
from descenso.training.plan import Plan
from descenso.training.session import Training, run

EPOCHS = 100
ACCURACY, WITHIN = 0.9225, 0.002  # as the tutorial printed it, and how far another order of the rows may lie
SAME_COST = 0.01  # how far the costs on the test rows may lie, of two programs that reach the same place
SHARED: dict[str, Any] = {"model": "softmax", "rule": "sgd", "learning_rate": 0.01, "batch_size": 100, "loss": "naive"}
FIRST = {**SHARED, "engine": "graph", "dtype": "float32", "order": "permutation", "validation_size": 5000}
SECOND = {**SHARED, "engine": "eager", "dtype": "float64", "order": "buffer:10000"}
PROGRAMS = {"program-1": FIRST, "program-2": SECOND}
COMPILED = "-compiled"  # after the name of a program: the same descent on that engine

Watch = Callable[[str, TrainConfig], AbstractContextManager[Callback]]


class Finished(NamedTuple):
    """A descent of the reproduction; it is also a run, in the folder of that name.

    Attributes:
        name: "program-1", or "program-1-compiled".
        config: its settings.
        history: its epochs.
        weights: what it learned, by name.
        test_accuracy: in [0, 1]; None where it diverged.
        test_cost: mean cross-entropy of the test rows, in nats; None where it diverged.
        compile_seconds: tracing and compiling.
        rows: that it learned from.
    """

    name: str
    config: TrainConfig
    history: History
    weights: dict[str, Any]
    test_accuracy: float | None
    test_cost: float | None
    compile_seconds: float
    rows: int

    @property
    def seconds(self) -> float:
        """Of all epochs together."""
        return sum(epoch.seconds for epoch in self.history.epochs)

    @property
    def step_seconds(self) -> float:
        """Of one step, on average."""
        return self.seconds / (len(self.history.epochs) * -(-self.rows // self.config.batch_rows(self.rows)))


class Twins(NamedTuple):
    """A program and the same descent compiled: how far apart, relative to the largest, and how many times as fast."""

    name: str
    cost: float
    weights: float
    speed_up: float


class Claim(NamedTuple):
    """Something that was claimed.

    Attributes:
        name: for other programs to read: "accuracy", "same place", "second slower", "same path".
        text: what is claimed.
        measured: what was measured.
        holds: whether it does; None where this was not measured, or not as it was claimed.
    """

    name: str
    text: str
    measured: str
    holds: bool | None


class Reproduction(NamedTuple):
    """What came of it: the folder, its descents, how far the compiled ones lie, and what is claimed."""

    folder: Path
    epochs: int
    finished: dict[str, Finished]
    twins: tuple[Twins, ...]
    claims: tuple[Claim, ...]

    @property
    def holds(self) -> bool:
        """Whether no claim failed."""
        return all(claim.holds is not False for claim in self.claims)


def reproduce(out: Path | None, epochs: int, fast: bool, watch: Watch) -> Reproduction:
    """Walk the two programs, and both again on the compiled engine, each as a run in one new folder.

    Args:
        out: the folder; by default a new one in `runs/`.
        epochs: in place of the tutorial's 100.
        fast: leave out the programs as they were published, which take minutes.
        watch: (name, settings) -> the callback of a training run.

    Raises:
        ConfigError: where `out` holds anything: nothing is ever overwritten.
        KeyboardInterrupt: where a descent was interrupted; what has run is kept.
    """
    settings = {name: TrainConfig.of(**chosen, epochs=epochs) for name, chosen in PROGRAMS.items()}
    compiled = {name + COMPILED: each.model_copy(update={"engine": "compiled"}) for name, each in settings.items()}
    data = load("mnist")
    folder = _empty(out) if out else fresh_folder(Path("runs"), "reproduce")
    finished: dict[str, Finished] = {}
    for name, config in (compiled if fast else {**settings, **compiled}).items():
        with closing(create(config, environment(), folder / name)) as directory, watch(name, config) as callback:
            run(Training(directory, Plan.of(config, data), data, [callback], Control()))
        finished[name] = _finished(name, open_directory(folder / name), len(data.train.labels))
    twins = tuple(_twins(finished[name], finished[name + COMPILED]) for name in PROGRAMS if name in finished)
    return Reproduction(folder, epochs, finished, twins, tuple(_claims(finished, twins, epochs)))


def _empty(folder: Path) -> Path:
    make_folder(folder)
    refuse_full(folder)
    return folder


def _finished(name: str, directory: RunDirectory, rows: int) -> Finished:
    status = directory.status
    if status["outcome"] == "interrupted":
        raise KeyboardInterrupt
    diverged = status["outcome"] == "diverged"
    return Finished(
        name=name,
        config=directory.config,
        history=directory.history,
        weights={} if diverged else directory.weights()[0],
        test_accuracy=status.get("test_accuracy"),
        test_cost=status.get("test_cost"),
        compile_seconds=status["compile_seconds"],
        rows=rows - directory.config.validation_rows(rows),
    )


def _twins(program: Finished, twin: Finished) -> Twins:
    costs = relative(np.array(twin.history.costs), np.array(program.history.costs))
    weights = max((relative(twin.weights[name], array) for name, array in program.weights.items()), default=np.inf)
    return Twins(program.name, costs, weights, program.seconds / twin.seconds)


def _claims(finished: dict[str, Finished], twins: Sequence[Twins], epochs: int) -> list[Claim]:
    first, second = (finished.get(name) or finished[name + COMPILED] for name in PROGRAMS)
    accuracies = [each.test_accuracy or 0.0 for each in (first, second)]
    costs = [each.test_cost or np.inf for each in (first, second)]
    apart = abs(costs[0] - costs[1]) / min(costs) if np.isfinite(costs).all() else np.inf
    near = all(abs(accuracy - ACCURACY) <= WITHIN for accuracy in accuracies)
    place = abs(accuracies[0] - accuracies[1]) <= WITHIN and apart <= SAME_COST
    return [
        Claim(
            "accuracy",
            _("test accuracy {accuracy} ± {within}, after {epochs} epochs").format(
                accuracy=ACCURACY, within=WITHIN, epochs=EPOCHS
            ),
            _("{one:.4f} and {other:.4f}").format(one=accuracies[0], other=accuracies[1]),
            near if epochs == EPOCHS else None,
        ),
        Claim(
            "same place",
            _(
                "both reach the same place: accuracies within {within}, costs on the test rows within {share:.0%}"
            ).format(within=WITHIN, share=SAME_COST),
            _("{accuracy:.4f} and {cost:.2%} apart").format(accuracy=abs(accuracies[0] - accuracies[1]), cost=apart),
            place if epochs == EPOCHS else None,
        ),
        _speed(finished),
        *map(_path, twins),
    ]


def _speed(finished: dict[str, Finished]) -> Claim:
    text = _("the second program is slower")
    if "program-1" not in finished:
        return Claim("second slower", text, _("left out"), None)
    first, second = finished["program-1"], finished["program-2"]
    measured = _("{first:.3g} s and {second:.3g} s: {ratio:.2f} times as long, {step:.2f} times a step").format(
        first=first.seconds,
        second=second.seconds,
        ratio=second.seconds / first.seconds,
        step=second.step_seconds / first.step_seconds,
    )
    return Claim("second slower", text, measured, second.seconds > first.seconds)


def _path(twins: Twins) -> Claim:
    limit = SAME_PATH[str(PROGRAMS[twins.name]["dtype"])]
    text = _("{name} walks the same path compiled, to within {limit:g}").format(name=twins.name, limit=limit)
    told = _("costs {cost:.1e} apart, weights {weights:.1e}; {speed_up:.1f} times as fast")
    measured = told.format(cost=twins.cost, weights=twins.weights, speed_up=twins.speed_up)
    return Claim("same path", text, measured, max(twins.cost, twins.weights) <= limit)
