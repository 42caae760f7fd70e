"""Itemise the cost of eager execution: train on the same batches on a ladder of rungs, each leaving out one thing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.order import Order
from descenso.descent.problem import Batch, Own, Problem, Step, Tensor, TrainState, make_step
from descenso.engines.base import as_tensor, gathered
from descenso.engines.compiled import runs_apart, walk, xla_serves
from descenso.engines.graph import graph_step
from descenso.errors import DescensoError
from descenso.reports.comparison import ladder_figure
from descenso.studies import MOST, MULTIPLE, cell, count_calls, plain, spread
from descenso.studies.lanes import NUDGES, nudged
from descenso.studies.paths import SAME_PATH, costs_apart
from descenso.text import _, aligned, mark, prose
from descenso.training.plan import Plan, bind

PIPELINE, EAGER = mark("eager, tf.data pipeline"), mark("eager, batches in memory")
TRACED, LOOP, COMPILED = mark("one traced step"), mark("all steps as one loop"), mark("all steps compiled")
FED, HELD = mark("graph, rows fed"), mark("graph, rows in it")
DRAWS, CERTAIN = 2000, 95  # of the bootstrap; per cent, of an interval
BUFFER, MOST_STEPS = 10_000, 200  # rows, of the shuffle buffer, as in the tutorial; of a rung, for eager takes long

Walk = Callable[[], Sequence[float] | NDArray[np.floating]]  # the steps from the start: the cost of each

STEPS_DOWN = {  # from one rung to the next: what is left out, and what that means
    (PIPELINE, EAGER): (
        mark("input pipeline"),
        mark(
            "tf.data shuffles the rows through a buffer, batches them and hands each batch to Python. The next rung"
            " finds the same batches in memory."
        ),
    ),
    (EAGER, TRACED): (
        mark("dispatch and tape"),
        mark(
            "Python calls TensorFlow {above:.0f} times a step, and a tape records what to go back over; traced, it is"
            " one call. Dispatch and recording are not told apart: together they are {each:.1f} µs for each call saved."
        ),
    ),
    (TRACED, LOOP): (
        mark("Python's loop"),
        mark("Python starts every step and waits for its cost. In one graph TensorFlow turns the loop itself."),
    ),
    (LOOP, COMPILED): (
        mark("no XLA"),
        mark(
            "XLA makes one program of the same loop, fuses operations and plans their memory. Which of these saves how"
            " much is not told apart."
        ),
    ),
    (FED, HELD): (
        mark("feed_dict"),
        mark(
            "NumPy gathers the rows of each batch, and feed_dict copies them into the session. The next rung gathers"
            " the same rows from a constant of the graph."
        ),
    ),
}


class Rung(NamedTuple):
    """A rung of the ladder."""

    name: str
    seconds: tuple[float, ...]  # of all steps, one per round
    calls: float  # Python's calls of TensorFlow in a step

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return median(self.seconds)


class Item(NamedTuple):
    """Seconds that one step down the ladder saves."""

    name: str  # what is left out
    text: str
    seconds: float  # difference of two medians
    low: float  # ends of the bootstrap interval over the rounds
    high: float
    share: float | None  # of the whole gap; None for what is no part of it

    @property
    def distinguishable(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


class Explained(NamedTuple):
    """Result of the ladder."""

    dtype: str
    steps: int  # of each rung: an epoch, or the first `MOST_STEPS` of one
    max_cost_difference: float  # of the costs from those of the first rung, relative to the largest
    rungs: tuple[Rung, ...]  # from eager with its pipeline to compiled; then graph, fed and not
    unsure: int | None = None  # the first step whose cost this precision cannot judge; None where there is none

    @property
    def gap(self) -> float:
        """Seconds that the steps down from eager save together."""
        return self.rungs[0].median - self.rungs[-3].median  # the last two are graph's

    @property
    def items(self) -> tuple[Item, ...]:
        """What each step down saves: these add up to the gap; last, and no part of it, what feeding costs graph."""
        items = []
        for above, below in pairwise(self.rungs):
            if (above.name, below.name) in STEPS_DOWN:
                (name, text), saved = STEPS_DOWN[above.name, below.name], above.median - below.median
                each = 1e6 * saved / self.steps / max(above.calls - below.calls, 1e-9)
                share = None if above.name == FED else saved / self.gap
                text = prose(_(text), above=above.calls, each=each)
                items.append(Item(_(name), text, saved, *_interval(above.seconds, below.seconds), share))
        return tuple(items)

    def tables(self) -> list[list[list[str]]]:
        """The rungs, and what each step down saves."""
        rungs = [[_("steps") + f": {self.steps}", _("seconds"), _("min"), _("max"), _("µs/step"), _("calls/step")]]
        for rung in self.rungs:
            seconds = (f"{value:.3g}" for value in spread(rung.seconds).values())
            calls = f"{rung.calls:.3g}" if rung.calls >= 1 else f"1/{1 / rung.calls:.0f}"  # one call in many steps
            rungs.append([_(rung.name), *seconds, f"{1e6 * rung.median / self.steps:.0f}", calls])
        items = [[_("what it costs"), _("µs/step"), _("from"), _("to"), _("share"), ""]]
        for item in self.items:
            microseconds = (f"{1e6 * value / self.steps:.1f}" for value in (item.seconds, item.low, item.high))
            slower = _("slower without") if item.seconds < 0 else ""
            note = slower if item.distinguishable else _("not distinguishable")
            items.append([item.name, *microseconds, cell(item.share, ".1%"), note])
        return [rungs, items]

    def sentences(self) -> list[str]:
        """The meaning of each item, and how it was measured."""
        how = _(
            "{rounds} rounds, differences of medians; spreads are {certain} % bootstrap intervals over the rounds. The"
            " costs of all rungs coincide to {apart:.1e}."
        )
        if self.unsure is not None:
            how = _(
                "{rounds} rounds, differences of medians; spreads are {certain} % bootstrap intervals over the rounds."
                " The costs of all rungs coincide to {apart:.1e} before step {unsure}; from there on, rounding alone"
                " takes {dtype} further than can be judged. --dtype float64 judges all steps."
            )
        values = {"rounds": len(self.rungs[0].seconds), "certain": CERTAIN, "apart": self.max_cost_difference,
                  "unsure": self.unsure, "dtype": self.dtype}  # fmt: skip
        return [*(f"{item.name}: {item.text}" for item in self.items), prose(how, **values)]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        rungs = [{"name": name, "calls_per_step": calls, "seconds": spread(of)} for name, of, calls in self.rungs]
        items = [{**item._asdict(), "distinguishable": item.distinguishable} for item in self.items]
        answer: dict[str, Any] = {"dtype": self.dtype, "steps": self.steps, "rounds": len(self.rungs[0].seconds)}
        answer |= {"gap_seconds": self.gap, "max_cost_difference": self.max_cost_difference}
        answer |= {} if self.unsure is None else {"unsure_from_step": self.unsure}
        return {**plain(answer), "rungs": plain(rungs), "items": plain(items)}

    def plot(self) -> Figure:
        """Draw the seconds on each rung."""
        medians = {_(rung.name): rung.median for rung in self.rungs}
        return ladder_figure(medians, [(item.name, item.low, item.high) for item in self.items])

    def __repr__(self) -> str:
        return "\n\n".join([*map(aligned, self.tables()), "\n".join(self.sentences())])


def _interval(above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    """Compute the bootstrap interval of the difference of the medians; a round's two times are drawn together."""
    pairs = np.array([above, below])  # (2, rounds)
    drawn = np.random.default_rng(0).integers(pairs.shape[1], size=(DRAWS, pairs.shape[1]))
    medians = np.median(pairs[:, drawn], axis=2)  # (2, draws)
    low, high = np.percentile(medians[0] - medians[1], [(100 - CERTAIN) / 2, (100 + CERTAIN) / 2])
    return float(low), float(high)


def explain_eager(
    config: TrainConfig, data: Dataset, rounds: int, progress: Callable[[str], None], own: Own | None = None
) -> Explained:
    """Time an epoch, or the first `MOST_STEPS` of one, on each rung, by turns in each round, after two untimed walks.

    Args:
        config: the settings; the order is that of tf.data's shuffle buffer, and a last, smaller batch is left out.
        data, own: the dataset, and what of the training run is the user's own.
        rounds, progress: number of rounds, and what is called with a line when one begins.

    Raises:
        DescensoError: if the costs of two rungs differ, because nothing could then be concluded.
    """
    plan = Plan.of(config, data, own)
    train = plan.train.rows(slice(MOST_STEPS * plan.batch_rows))
    steps = len(train.labels) // plan.batch_rows
    problem = plan.problem._replace(model=plan.problem.model._replace(shared=False))  # a graph of rows is not kept
    with _rungs(plan._replace(problem=problem, train=train)) as (rungs, drifting):
        progress(_("tracing, compiling, counting calls"))
        apart, unsure = _check(rungs, config.dtype, drifting)
        calls = {name: count_calls(rung) for name, rung in rungs.items()}
        seconds: dict[str, list[float]] = {name: [] for name in rungs}
        for number in range(rounds):
            progress(_("round {number} of {rounds}").format(number=number + 1, rounds=rounds))
            for name in [*rungs][number % len(rungs) :] + [*rungs][: number % len(rungs)]:
                then = perf_counter()
                rungs[name]()
                seconds[name].append(perf_counter() - then)
    timed = tuple(Rung(name, tuple(seconds[name]), calls[name] / steps) for name in rungs)
    return Explained(config.dtype, steps, apart, timed, unsure)


@contextmanager
def _rungs(plan: Plan) -> Iterator[tuple[dict[str, Walk], Iterable[Walk]]]:
    """Make the rungs, from the slowest to the fastest, then graph's two; and walks from starts one rounding away."""
    problem, train, batch_rows, seed = plan.problem, plan.train, plan.batch_rows, plan.config.seed
    rows = Batch(*train).map(as_tensor)

    def shuffled(rows: Any) -> Any:
        """Batch `rows` in the order of the buffer, which depends on the seed alone."""
        once = rows.shuffle(min(BUFFER, len(train.labels)), seed=seed, reshuffle_each_iteration=False)
        return once.batch(batch_rows, drop_remainder=True)

    numbers = np.stack(list(shuffled(tf.data.Dataset.range(len(train.labels))).as_numpy_iterator())).astype(np.int32)
    held, stacked = [gathered(rows, some) for some in numbers], gathered(rows, numbers)
    begin, eager = plan.start(), make_step(problem)

    def step_by_step(step: Step, batches: Any) -> list[float]:
        state, costs = begin, list[float]()
        for batch in batches:
            state, cost = step(state, Batch(*batch))
            costs.append(float(cost))
        return costs

    pipeline = shuffled(tf.data.Dataset.from_tensor_slices(tuple(each for each in rows if each is not None)))
    rungs: dict[str, Walk] = {
        PIPELINE: lambda: step_by_step(eager, pipeline),
        EAGER: lambda: step_by_step(eager, held),
        TRACED: partial(step_by_step, tf.function(eager), held),
        LOOP: _in_one_call(problem, begin, stacked, xla=False),
    }
    if xla_serves(problem.model):
        rungs[COMPILED] = _in_one_call(problem, begin, stacked, xla=True)
    order = Order(numbers, numbers[0, :0])
    by_number = Split(np.arange(len(train.labels), dtype=np.int32), train.labels)
    with (
        closing(bind("graph", problem, train, batch_rows)) as fed,
        closing(bind("graph", problem, by_number, batch_rows, partial(_in_graph, train))) as in_graph,
    ):
        rungs[FED] = lambda: next(iter(fed.walk(begin, [order])))[1].costs
        rungs[HELD] = lambda: next(iter(in_graph.walk(begin, [order])))[1].costs
        yield rungs, (_in_one_call(problem, nudged(plan, each), stacked, xla=False) for each in range(NUDGES))


def _in_graph(train: Split, problem: Problem) -> Step:
    """Make a step on rows that are part of the graph; the inputs of its batches are their numbers."""
    step = graph_step(problem)
    return lambda state, batch: step(state, gathered(Batch(*train).map(tf.constant), batch.inputs))


def _in_one_call(problem: Problem, begin: TrainState, batches: Batch, xla: bool) -> Walk:
    """Make all steps one graph: the loop of the compiled engine, with XLA or without."""
    none, count, closing = batches.map(lambda rows: rows[0, :0]), len(batches.labels), tf.constant(False)

    @tf.function(jit_compile=xla)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def epoch(state: TrainState, full: Batch, rest: Batch, count: Tensor) -> Tensor:
        return walk(make_step(problem), state, full, rest, count, closing, None, runs_apart(problem.model, xla))[1]

    return lambda: epoch(begin, batches, none, tf.constant(count)).numpy()[:-1]


def _check(rungs: dict[str, Walk], dtype: str, drifting: Iterable[Walk]) -> tuple[float, int | None]:
    """Compare the costs of all rungs with those of the first, step by step.

    They may differ by what is allowed to every model, or by a multiple of what rounding alone has done so far: the
    difference between all steps as one loop and the same begun one rounding away. Beyond `MOST`, none is judged.

    Returns:
        The largest difference before that step, relative to the largest cost; and the step, counted from 0, or None.
    """
    costs = {name: np.asarray(rung(), np.float64) for name, rung in rungs.items()}
    apart = {name: costs_apart(each, costs[PIPELINE]) for name, each in costs.items()}
    limits = np.full_like(costs[PIPELINE], SAME_PATH.get(dtype, MOST))  # of bfloat16, single products differ by 4e-3
    if max(each.max() for each in apart.values()) > limits[0]:
        drifts = [costs_apart(np.asarray(each(), np.float64), costs[LOOP]) for each in drifting]
        limits = np.maximum(limits, MULTIPLE * np.maximum.accumulate(np.max(drifts, axis=0)))
    sure = int(np.searchsorted(limits, MOST, side="right"))  # the limits never fall
    for name, each in apart.items():
        for step in np.flatnonzero(each[:sure] > limits[:sure])[:1]:
            message = _("{name} walks another path: costs {gap:.1e} apart, {limit:g} is allowed; try --dtype float64")
            raise DescensoError(prose(message, name=_(name), gap=each[step], limit=limits[step]))
    return max(float(each[:sure].max(initial=0)) for each in apart.values()), None if sure == len(limits) else sure
