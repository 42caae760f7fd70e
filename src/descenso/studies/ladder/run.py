"""The cost of eager, by a ladder of ablations: one descent on the same batches, with one thing less on each rung."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from time import perf_counter
from types import FrameType
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.order import Order
from descenso.descent.problem import Batch, Problem, Step, Tensor, TrainState, make_step
from descenso.engines.compiled import walk, xla_serves
from descenso.engines.graph import Graph, graph_step
from descenso.engines.rows import as_tensor, gathered
from descenso.errors import DescensoError
from descenso.studies.comparison.paths import SAME_PATH, costs_apart
from descenso.studies.ladder.result import COMPILED, EAGER, FED, HELD, LOOP, PIPELINE, TRACED, Explained, Rung
from descenso.text import _
from descenso.training.plan import Plan

BUFFER = 10_000  # rows, of the shuffle buffer, as in the tutorial
CALLS = ("TFE_Py_FastPathExecute", "TFE_Py_Execute", "TF_SessionRun_wrapper")  # by which Python hands over operations

Walk = Callable[[], Sequence[float] | NDArray[np.floating]]  # one epoch from the start: the cost of each step


def explain_eager(config: TrainConfig, data: Dataset, rounds: int, progress: Callable[[str], None]) -> Explained:
    """Time one epoch on each rung, all of them in each round by turns, after one that is not counted.

    Args:
        config: of the descent; its order is that of tf.data's shuffle buffer. A last, smaller batch is left out.
        data: what is learned from.
        rounds: how many.
        progress: hears of each round.

    Raises:
        DescensoError: where the costs of two rungs are not the same: it would be no ablation.
    """
    plan = Plan.of(config, data)
    steps = len(plan.train.labels) // plan.batch_rows
    with _rungs(plan) as rungs:
        progress(_("tracing, compiling, counting calls"))
        calls = {name: _count_calls(rung) for name, rung in rungs.items()}
        apart = _check(rungs, config.variable_dtype)
        seconds: dict[str, list[float]] = {name: [] for name in rungs}
        for number in range(rounds):
            progress(_("round {number} of {rounds}").format(number=number + 1, rounds=rounds))
            names = list(rungs)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                then = perf_counter()
                rungs[name]()
                seconds[name].append(perf_counter() - then)
    found = (Rung(name, tuple(seconds[name]), calls[name] / steps) for name in rungs)
    return Explained(config.dtype, steps, apart, tuple(found))


@contextmanager
def _rungs(plan: Plan) -> Iterator[dict[str, Walk]]:
    """Make the rungs, from the slowest to the fastest; then graph, with rows fed and with rows in the graph."""
    problem, train, batch_rows, seed = plan.problem, plan.train, plan.batch_rows, plan.config.seed
    rows = Batch(as_tensor(train.inputs), as_tensor(train.labels))

    def shuffled(rows: Any) -> Any:
        """`rows` in the order that the buffer gives them, which depends on the seed alone."""
        once = rows.shuffle(min(BUFFER, len(train.labels)), seed=seed, reshuffle_each_iteration=False)
        return once.batch(batch_rows, drop_remainder=True)

    numbers = np.stack(list(shuffled(tf.data.Dataset.range(len(train.labels))).as_numpy_iterator())).astype(np.int32)
    held, stacked = [gathered(rows, some) for some in numbers], gathered(rows, numbers)
    begin, eager = plan.start(), make_step(problem)
    traced = tf.function(eager)

    def step_by_step(step: Step, batches: Any) -> list[float]:
        state, costs = begin, list[float]()
        for batch in batches:
            state, cost = step(state, Batch(*batch))
            costs.append(float(cost))
        return costs

    pipeline = shuffled(tf.data.Dataset.from_tensor_slices(rows[:2]))
    rungs: dict[str, Walk] = {
        PIPELINE: lambda: step_by_step(eager, pipeline),
        EAGER: lambda: step_by_step(eager, held),
        TRACED: lambda: step_by_step(traced, held),
        LOOP: _in_one_call(eager, begin, stacked, xla=False),
    }
    if xla_serves(problem.model):
        rungs[COMPILED] = _in_one_call(eager, begin, stacked, xla=True)
    order = Order(numbers, numbers[0, :0])
    by_number = Split(np.arange(len(train.labels), dtype=np.int32), train.labels)
    with (
        closing(Graph(problem, train, batch_rows)) as fed,
        closing(Graph(problem, by_number, batch_rows, partial(_in_graph, train))) as in_graph,
    ):
        rungs[FED] = lambda: next(iter(fed.walk(begin, [order])))[1].costs
        rungs[HELD] = lambda: next(iter(in_graph.walk(begin, [order])))[1].costs
        yield rungs


def _in_graph(train: Split, problem: Problem) -> Step:
    """A step on rows that are part of the graph: its batch holds their numbers in place of inputs."""
    step = graph_step(problem)
    return lambda state, batch: step(state, gathered(Batch(*train[:2]).map(tf.constant), batch.inputs))


def _in_one_call(step: Step, begin: TrainState, batches: Batch, xla: bool) -> Walk:
    """An epoch as one graph: the compiled engine's own loop, with XLA or without."""
    count, none = tf.constant(batches.labels.shape[0]), batches.map(lambda rows: rows[0, :0])

    @tf.function(jit_compile=xla)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def epoch(state: TrainState, full: Batch, rest: Batch, count: Tensor) -> Tensor:
        return walk(step, state, full, rest, count, tf.constant(False))[1]

    return lambda: epoch(begin, batches, none, count).numpy()[:-1]


def _check(rungs: dict[str, Walk], dtype: str) -> float:
    """How far the costs of the rungs lie from the first one's."""
    first, *others = (np.asarray(rung(), np.float64) for rung in rungs.values())
    apart = [float(costs_apart(costs, first).max()) for costs in others]
    for name, gap in zip(list(rungs)[1:], apart, strict=True):
        if gap > SAME_PATH[dtype]:
            raise DescensoError(
                _("{name} walks another path: costs {gap:.1e} apart, {limit:g} is allowed; try --dtype float64").format(
                    name=_(name), gap=gap, limit=SAME_PATH[dtype]
                )
            )
    return max(apart)


def _count_calls(rung: Walk) -> int:
    """How often Python calls TensorFlow to run operations while `rung` walks; it is traced beforehand."""
    rung()
    count = 0

    def hear(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "c_call" and argument.__name__ in CALLS

    before = sys.getprofile()
    sys.setprofile(hear)
    try:
        rung()
    finally:
        sys.setprofile(before)
    return count
