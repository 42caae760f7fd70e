"""Compare training runs: the speed of each, and whether the engines follow the same path."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.reports.comparison import comparison_figure
from descenso.studies import cell, plain, spread
from descenso.studies.paths import SAME_PATH, Gap, Parting, Path, Walked, costs_apart, find_parting, gaps, walk
from descenso.text import _, aligned, prose
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan
from descenso.training.session import make_deterministic

ENGINES = "engines"  # the one comparison with a verdict
MULTIPLE = 8  # allowed multiple of the difference that rounding alone causes
LEAST_DRIFT = float(np.finfo(np.float32).eps)  # one unit of rounding, which may by chance not show
MOST = 0.01  # largest difference that is ever allowed


class Verdict(NamedTuple):
    """Difference of a path from that of the first engine."""

    gaps: tuple[Gap, ...]  # one per epoch
    steps: NDArray[np.float64]  # (steps,) of the cost of each step, relative to the largest of its epoch
    parting: Parting | None


class Result(NamedTuple):
    """Result of one contender."""

    name: str
    compile_seconds: float
    seconds: tuple[float, ...]  # of every epoch in every repeat
    steps: int  # in an epoch
    costs: tuple[float, ...]  # of each epoch, the mean over its rows, in nats
    test_accuracy: float | None  # in [0, 1]; None if training diverged
    verdict: Verdict | None  # of an engine that is not the first

    @property
    def median(self) -> float:
        """Median of the seconds of an epoch."""
        return median(self.seconds)

    def largest_gaps(self) -> dict[str, float | None]:
        """The largest differences of all epochs; 0 for the first engine, None for what is not finite."""
        apart = self.verdict.gaps if self.verdict else (Gap(0.0, 0.0),)
        cost, weights = (max(values) for values in zip(*apart, strict=True))
        return {"max_cost_difference": plain(cost), "max_weight_difference": plain(weights)}

    def cells(self, fastest: float, judged: bool) -> list[str]:
        """Make the table's row: speed, and that beside the fastest; then differences or last cost, and accuracy."""
        times = (f"{seconds:.3g}" for seconds in (self.compile_seconds, *spread(self.seconds).values()))
        row = [self.name, *times, f"{self.steps / self.median:.0f}", f"{self.median / fastest:.3g}"]
        if not judged:
            row.append(f"{self.costs[-1]:.6f}")
        elif self.verdict:
            row += ("∞" if gap is None else f"{gap:.1e}" for gap in self.largest_gaps().values())
        else:
            row += ["–", "–"]
        return [*row, cell(self.test_accuracy)]

    def as_json(self, judged: bool) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        return {
            "name": self.name,
            "seconds_per_epoch": spread(self.seconds),
            "compile_seconds": self.compile_seconds,
            "test_accuracy": self.test_accuracy,
            **(self.largest_gaps() if judged else {"costs": plain(self.costs)}),
        }


class Comparison(NamedTuple):
    """Result of a comparison.

    Attributes:
        axis: what differs: "engines", "rules", "learning_rates", "batch_sizes" or "datasets".
        dtype: the precision.
        results: one per contender; the first engine is the reference of the others.
        limits: of engines, the allowed difference in each epoch.
        drift: of engines not in float64, the difference of the first one from itself in float64, in each epoch.
    """

    axis: str
    dtype: str
    results: tuple[Result, ...]
    limits: tuple[float, ...] = ()
    drift: tuple[float, ...] = ()

    @property
    def tolerance(self) -> float | None:
        """The allowed difference of an engine's path at the end."""
        return self.limits[-1] if self.limits else None

    @property
    def coincide(self) -> bool:
        """Whether all engines follow the path of the first."""
        return not any(result.verdict and result.verdict.parting for result in self.results)

    def tables(self) -> list[list[list[str]]]:
        """The one table: a head, then a row per contender."""
        judged = self.axis == ENGINES
        last = [_("Δ cost"), _("Δ weights")] if judged else [_("last cost")]
        head = [_("engine") if judged else "", _("compile"), _("s/epoch"), _("min"), _("max"), _("steps/s"), "×"]
        fastest = min(result.median for result in self.results)
        return [[[*head, *last, _("accuracy")], *(result.cells(fastest, judged) for result in self.results)]]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        judged = self.axis == ENGINES
        verdict = {"tolerance": self.tolerance, "coincide": self.coincide} if judged else {}
        return {"dtype": self.dtype, **verdict, self.axis: [result.as_json(judged) for result in self.results]}

    def plot(self) -> Figure:
        """Draw curves, differences and times."""
        apart = {result.name: result.verdict.steps for result in self.results if result.verdict}
        return comparison_figure(
            {result.name: result.costs for result in self.results},
            {result.name: result.seconds for result in self.results},
            {name: np.maximum.accumulate(steps) for name, steps in apart.items()},
            self.limits,
            self.drift,
        )

    def __repr__(self) -> str:
        return "\n".join([*map(aligned, self.tables()), *self.sentences()])

    def sentences(self) -> list[str]:
        """The verdict on engines, and the allowed difference."""
        if self.axis != ENGINES:
            return []
        first, verdicts = self.results[0].name, [(each.name, each.verdict) for each in self.results if each.verdict]
        if self.drift:
            how = _("{first} in {dtype} lies {drift:.1e} from itself in float64; {multiple} times that is allowed.")
            how = prose(how, first=first, dtype=self.dtype, drift=self.drift[-1], multiple=MULTIPLE)
        else:
            how = prose(_("{tolerance:g} is allowed in float64."), tolerance=self.limits[-1])
        parting = _(
            "Paths part: {name} leaves {first} at epoch {epoch}, step {step}, in {tensor}"
            " (relative difference {difference:.1e}, {limit:.1e} is allowed)."
        )
        partings = [
            prose(parting, name=name, first=first, **verdict.parting._asdict())
            for name, verdict in verdicts
            if verdict.parting
        ]
        if partings:
            return [*partings, how]
        furthest = max(max(gap) for _name, verdict in verdicts for gap in verdict.gaps)
        same = _(
            "Same path: no cost and no weight lies further from {first}'s than {furthest:.1e}, relative to the largest."
        )
        return [prose(same, first=first, furthest=furthest), how]


class Contender(NamedTuple):
    """A training run that is compared: its name, settings and data."""

    name: str
    config: TrainConfig
    data: Dataset


class _Lane:
    """A contender bound to its engine, and its paths."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        plan = Plan.of(contender.config, contender.data)
        self.plan = plan._replace(validation=plan.validation.rows(slice(0)))  # held back, and not looked at
        self.runner = self.plan.bind()
        self.paths = list[Path]()
        self.seconds = list[float]()

    def walk(self) -> None:
        """Train once more; only the first path is kept."""
        path = walk(self.plan, self.runner)
        self.seconds += path.seconds
        self.paths = self.paths or [path]

    def close(self) -> None:
        self.runner.close()

    def result(self, verdict: Verdict | None) -> Result:
        path = self.paths[0]
        finite = all(np.isfinite(array).all() for array in (path.costs[-1], *path.weights[-1].values()))
        predictor, rows = Predictor.of_state(self.plan.problem, path.state), self.plan.step_rows
        costs = (float(np.average(costs, weights=rows[: len(costs)])) for costs in path.costs)
        return Result(
            name=self.contender.name,
            compile_seconds=self.runner.compile_seconds,
            seconds=tuple(self.seconds),
            steps=self.plan.steps_per_epoch,
            costs=tuple(costs),
            test_accuracy=evaluate(predictor, self.contender.data.test).accuracy if finite else None,
            verdict=verdict,
        )


def compare_all(
    axis: str, contenders: Sequence[Contender], repeats: int, progress: Callable[[str], None]
) -> Comparison:
    """Train all contenders by turns in this process, each repeat beginning with another one.

    Args:
        axis: what differs; engines are compared with the first of them.
        contenders: at least two.
        repeats: times that each is trained, at least 1; the path that is compared is the first.
        progress: called with a line when a training run begins.
    """
    config = contenders[0].config
    if config.deterministic:
        make_deterministic()
    with ExitStack() as stack:
        lanes = [stack.enter_context(closing(_Lane(each))) for each in contenders]
        for repeat in range(repeats):
            first = repeat % len(lanes)
            for lane in lanes[first:] + lanes[:first]:
                line = _("repeat {repeat} of {repeats}: {name}")
                progress(line.format(repeat=repeat + 1, repeats=repeats, name=lane.contender.name))
                lane.walk()
        if axis != ENGINES:
            return Comparison(axis, config.dtype, tuple(lane.result(None) for lane in lanes))
        drift = () if config.dtype == "float64" else _drift(lanes[0], progress)
        allowed = [min(MOST, MULTIPLE * max(LEAST_DRIFT, each)) for each in drift] or [SAME_PATH["float64"]]
        limits = tuple(allowed[min(epoch, len(allowed) - 1)] for epoch in range(config.epochs))
        results = [lane.result(_judge(lane, lanes[0], limits)) for lane in lanes]
        return Comparison(axis, config.dtype, tuple(results), limits, drift)


def _drift(lane: _Lane, progress: Callable[[str], None]) -> tuple[float, ...]:
    """Difference of a path from itself in float64, by rounding: the largest so far, after each epoch."""
    contender = lane.contender
    progress(_("{name} in float64, to see what rounding does").format(name=contender.name))
    exact = contender._replace(config=contender.config.model_copy(update={"dtype": "float64"}))
    with closing(_Lane(exact)) as other:
        other.walk()
        apart = [max(gap) for gap in gaps(lane.paths[0], other.paths[0])]
    return tuple(map(float, np.maximum.accumulate(apart)))


def _judge(lane: _Lane, reference: _Lane, limits: Sequence[float]) -> Verdict | None:
    if lane is reference:
        return None
    path, other = lane.paths[0], reference.paths[0]
    steps = [costs_apart(mine, theirs) for mine, theirs in zip(path.costs, other.costs, strict=False)]
    walked, expected = (Walked(each.plan, each.runner, each.paths[0]) for each in (lane, reference))
    return Verdict(gaps(path, other), np.concatenate(steps), find_parting(walked, expected, limits))
