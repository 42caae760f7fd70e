"""Result of a comparison of training runs: the speed of each, and whether the engines follow the same path."""

from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descenso.reports.comparison import comparison_figure
from descenso.studies import MOST, MULTIPLE, cell, plain, spread
from descenso.studies.paths import Gap, Parting
from descenso.text import _, aligned, mark, prose

ENGINES = "engines"  # the one comparison with a verdict
TITLES = {  # of the column of contenders
    ENGINES: mark("engine"), "rules": mark("rule"), "learning_rates": mark("rate"), "batch_sizes": mark("batch size"),
    "datasets": mark("data"),
}  # fmt: skip


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
        drift: of engines not in float64, what rounding alone does to the first one, in each epoch: the largest of its
            differences from itself in float64, and begun one rounding away.
        unsure: the first epoch in which rounding alone does more than can be allowed, and engines differ by more than
            that; None where there is none.
        exact: of such engines, their comparison in float64; None where they cannot be made in it.
    """

    axis: str
    dtype: str
    results: tuple[Result, ...]
    limits: tuple[float, ...] = ()
    drift: tuple[float, ...] = ()
    unsure: int | None = None
    exact: "Comparison | None" = None

    @property
    def tolerance(self) -> float | None:
        """The allowed difference of an engine's path at the end."""
        return self.limits[-1] if self.limits else None

    @property
    def coincide(self) -> bool:
        """Whether all engines follow the path of the first; where this precision cannot tell, in float64."""
        parted = any(result.verdict and result.verdict.parting for result in self.results)
        return not parted and (self.unsure is None or (self.exact is not None and self.exact.coincide))

    def tables(self) -> list[list[list[str]]]:
        """The one table: a head, then a row per contender."""
        judged = self.axis == ENGINES
        last = [_("Δ cost"), _("Δ weights")] if judged else [_("last cost")]
        head = [_(TITLES[self.axis]), _("compile"), _("s/epoch"), _("min"), _("max"), _("steps/s"), "×"]
        fastest = min(result.median for result in self.results)
        return [[[*head, *last, _("accuracy")], *(result.cells(fastest, judged) for result in self.results)]]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        judged = self.axis == ENGINES
        answer: dict[str, Any] = {"dtype": self.dtype}
        answer |= {"tolerance": self.tolerance, "coincide": self.coincide} if judged else {}
        answer |= {} if self.unsure is None else {"unsure_from_epoch": self.unsure}
        answer |= {} if self.exact is None else {"float64": self.exact.as_json()}
        return {**answer, self.axis: [result.as_json(judged) for result in self.results]}

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
        verdicts = [(each.name, each.verdict) for each in self.results if each.verdict]
        first, how = self.results[0].name, self._how()
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
        if self.unsure is not None:
            return [*self._unsure(self.unsure), how]
        furthest = max(max(gap) for _name, verdict in verdicts for gap in verdict.gaps)
        same = _(
            "Same path: no cost and no weight lies further from {first}'s than {furthest:.1e}, relative to the largest."
        )
        return [prose(same, first=first, furthest=furthest), how]

    def _how(self) -> str:
        """Say how much was allowed, and why."""
        if not self.drift:
            return prose(_("{tolerance:g} is allowed in float64."), tolerance=self.limits[-1])
        how = _(
            "Rounding alone takes {first} in {dtype} {drift:.1e} away from itself; {multiple} times that is allowed, "
            "and at most {most:g}."
        )
        first = self.results[0].name
        return prose(how, first=first, dtype=self.dtype, drift=self.drift[-1], multiple=MULTIPLE, most=MOST)

    def _unsure(self, epoch: int) -> list[str]:
        cannot = _(
            "{dtype} cannot tell: from epoch {epoch} on rounding alone takes {first} as far from itself as the engines "
            "lie from each other."
        ).format(dtype=self.dtype, epoch=epoch, first=self.results[0].name)
        if self.exact is None:
            return [cannot, _("float64 can: give a function that makes the model, in which it can be made.")]
        tried = _("Tried in float64: {verdict}")
        return [cannot, *(tried.format(verdict=sentence) for sentence in self.exact.sentences()[:-1])]
