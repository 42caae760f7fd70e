"""The race: four engines, from one start on the same batches, in turn by epoch, each with its clock."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.api.compare import FEWEST_ROUNDS, explain
from descenso.config import TrainConfig, having
from descenso.data.dataset import Dataset
from descenso.lab.protocol import Lane, Race
from descenso.settings import ALONE
from descenso.studies.paths import SAME_PATH, relative
from descenso.text import _
from descenso.training.control import Control, Progress
from descenso.training.loop import walk
from descenso.training.plan import Plan

MOST_EPOCHS = 3  # of a race, as the page says: enough to see one curve, and different seconds
DTYPE = "float64"  # in which rounding is far smaller than the allowed difference
TIMED = 100  # steps of an epoch of the ladder: what a step takes shows in few, and eager execution takes long

Tell = Callable[[Race], None]


def race(given: dict[str, Any], data: Dataset, control: Control, tell: Tell) -> None:
    """Train with each engine, an epoch each in turn, then itemise why eager execution is slower; tell each change.

    Args:
        given: settings, as of `wording.arguments`; of the epochs, at most `MOST_EPOCHS`.
        data: the dataset.
        control: its `stop` ends the race.
        tell: called with the race after each change.
    """
    engines, given = ALONE, {**given, "epochs": min(given["epochs"], MOST_EPOCHS)}
    lanes = {engine: Lane(engine) for engine in engines}
    shown = Race(tuple(lanes.values()), given["epochs"], tolerance=SAME_PATH[DTYPE])

    def show(message: str = "", **lane: Any) -> None:
        nonlocal shown
        if lane:
            lanes[lane["engine"]] = lanes[lane["engine"]]._replace(**lane)
        shown = shown._replace(lanes=tuple(lanes.values()), message=message)
        tell(shown)

    with ExitStack() as stack:
        walks = {}
        for engine in engines:
            if control.stopped:
                return
            show(engine=engine, state="compiling")
            plan = Plan.of(TrainConfig.of(**{**given, "engine": engine, "dtype": DTYPE}), data)
            runner = stack.enter_context(closing(plan.bind()))
            walks[engine] = walk(plan, runner, control=control)
            show(engine=engine, state="waiting", compile_seconds=runner.compile_seconds)
        _in_turn(walks, lanes, given["epochs"], show)
    if control.stopped:
        show(_("The race was stopped."))
        return
    show(_("Why eager execution is slower is being measured …"))
    shown = shown._replace(reason=_reason(given, data), done=True)
    show()


def _reason(given: dict[str, Any], data: Dataset) -> tuple[tuple[str, ...], ...]:
    """Itemise why eager execution is slower, on `TIMED` batches, as rows of a table."""
    fixed = ("epochs", "engine", "dtype", "order", "validation_size", "checkpoint_every", "data", *having("reads data"))
    kept = {name: value for name, value in given.items() if name not in fixed}
    few = data._replace(train=data.train.rows(slice(TIMED * given["batch_size"])))
    return tuple(tuple(row) for row in explain(few, repeats=FEWEST_ROUNDS, **kept).tables()[-1])


def _in_turn(
    walks: Mapping[str, Iterator[Progress]], lanes: dict[str, Lane], epochs: int, show: Callable[..., None]
) -> None:
    """Train each epoch with one engine after the other."""
    first: NDArray[np.float64] = np.empty(0)
    for epoch in range(epochs):
        for place, (engine, walked) in enumerate(walks.items()):
            show(engine=engine, state="running")
            costs, ended = _one_epoch(walked)
            if ended is None:
                return
            first = costs if place == 0 else first
            apart = relative(costs, first) if place else 0.0
            show(
                engine=engine,
                state="done" if epoch + 1 == epochs or ended.outcome else "waiting",
                costs=(*lanes[engine].costs, ended.ended.cost if ended.ended else float("nan")),
                seconds=lanes[engine].seconds + (ended.ended.seconds if ended.ended else 0.0),
                difference=max(lanes[engine].difference, apart),
            )


def _one_epoch(walked: Iterator[Progress]) -> tuple[NDArray[np.float64], Progress | None]:
    """Train to the end of an epoch; return the costs of its steps, and the progress at its end, None if stopped."""
    costs: list[NDArray[np.float64]] = []
    for progress in walked:
        costs += [progress.trace.costs] if progress.trace else []
        if progress.ended:
            return np.concatenate(costs), progress
    return np.empty(0), None
