"""What a comparison came to: a table, a verdict, a picture."""

from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descenso.reports.comparison import comparison_figure
from descenso.studies import plain
from descenso.studies.comparison.paths import Gap, Parting
from descenso.text import _, aligned

ENGINES = "engines"  # the one comparison that has a verdict
MULTIPLE = 8  # of the drift that rounding gives: so far may a path lie


class Verdict(NamedTuple):
    """How far a path lies from that of the first engine.

    Attributes:
        gaps: one each epoch.
        steps: (steps,) how far the cost of each lies from the same step's there, relative to its epoch's largest.
        parting: where the two part, or None.
    """

    gaps: tuple[Gap, ...]
    steps: NDArray[np.float64]
    parting: Parting | None


class Result(NamedTuple):
    """What came of a contender.

    Attributes:
        name: of the contender.
        compile_seconds: tracing and compiling.
        seconds: of every epoch in every repeat.
        steps: in an epoch.
        costs: of each epoch, the mean over its rows, in nats.
        test_accuracy: in [0, 1]; None where it diverged.
        verdict: of an engine.
    """

    name: str
    compile_seconds: float
    seconds: tuple[float, ...]
    steps: int
    costs: tuple[float, ...]
    test_accuracy: float | None
    verdict: Verdict | None

    @property
    def median(self) -> float:
        """Seconds an epoch."""
        return median(self.seconds)

    def largest_gaps(self) -> dict[str, float | None]:
        """The largest of all epochs; 0 for the first engine, None for what is not finite."""
        apart = self.verdict.gaps if self.verdict else (Gap(0.0, 0.0),)
        cost, weights = (max(each) for each in zip(*apart, strict=True))
        return {"max_cost_difference": plain(cost), "max_weight_difference": plain(weights)}

    def cells(self, fastest: float) -> list[str]:
        """What a table says of its speed, beside that of the fastest."""
        times = (f"{each:.3g}" for each in (self.compile_seconds, self.median, min(self.seconds), max(self.seconds)))
        return [self.name, *times, f"{self.steps / self.median:.0f}", f"{self.median / fastest:.3g}"]

    def outcome(self, judged: bool) -> list[str]:
        """What a table says of where it came to."""
        accuracy = "–" if self.test_accuracy is None else f"{self.test_accuracy:.4f}"
        if not judged:
            return [f"{self.costs[-1]:.6f}", accuracy]
        if not self.verdict:
            return ["–", "–", accuracy]
        return [*("∞" if gap is None else f"{gap:.1e}" for gap in self.largest_gaps().values()), accuracy]

    def as_json(self) -> dict[str, Any]:
        """What a JSON answer says of every contender."""
        seconds = {"median": self.median, "min": min(self.seconds), "max": max(self.seconds)}
        return {
            "name": self.name,
            "seconds_per_epoch": seconds,
            "compile_seconds": self.compile_seconds,
            "test_accuracy": self.test_accuracy,
        }


class Comparison(NamedTuple):
    """What came of all of them.

    Attributes:
        axis: what they differ in: "engines", "rules", "learning_rates", "batch_sizes" or "datasets".
        dtype: the precision.
        results: one each; of engines, the first is the one that the others are held against.
        limits: of engines, how far a path may lie in each epoch.
        drift: of engines in another precision than float64, how far the first lies from itself in float64.
    """

    axis: str
    dtype: str
    results: tuple[Result, ...]
    limits: tuple[float, ...] = ()
    drift: tuple[float, ...] = ()

    @property
    def tolerance(self) -> float | None:
        """How far an engine's path may lie at the end."""
        return self.limits[-1] if self.limits else None

    @property
    def coincide(self) -> bool:
        """Whether no engine leaves the path of the first."""
        return not any(each.verdict and each.verdict.parting for each in self.results)

    def tables(self) -> list[list[list[str]]]:
        """The one table: its head, then a row each."""
        judged = self.axis == ENGINES
        last = [_("Δ cost"), _("Δ weights")] if judged else [_("last cost")]
        head = [_("engine") if judged else "", _("compile"), _("s/epoch"), _("min"), _("max"), _("steps/s"), "×"]
        head += [*last, _("accuracy")]
        fastest = min(each.median for each in self.results)
        return [[head, *([*each.cells(fastest), *each.outcome(judged)] for each in self.results)]]

    def as_json(self) -> dict[str, Any]:
        """As plain values; a number that is not finite is None."""
        if self.axis != ENGINES:
            records = [{**each.as_json(), "costs": plain(each.costs)} for each in self.results]
            return {"dtype": self.dtype, self.axis: records}
        records = [{**each.as_json(), **each.largest_gaps()} for each in self.results]
        return {"dtype": self.dtype, "tolerance": self.tolerance, "coincide": self.coincide, ENGINES: records}

    def plot(self) -> Figure:
        """Curves, differences and times, as a matplotlib figure."""
        apart = {each.name: each.verdict.steps for each in self.results if each.verdict}
        return comparison_figure(
            {each.name: each.costs for each in self.results},
            {each.name: each.seconds for each in self.results},
            {name: np.maximum.accumulate(steps) for name, steps in apart.items()},
            self.limits,
            self.drift,
        )

    def __repr__(self) -> str:
        return "\n".join([*map(aligned, self.tables()), *self.told()])

    def told(self) -> list[str]:
        """The verdict, a sentence each."""
        if self.axis != ENGINES:
            return []
        first, limit = self.results[0].name, self.limits[-1]
        if self.drift:
            how = _(
                "{first} in {dtype} lies {drift:.1e} from itself in float64; {multiple} times that is allowed."
            ).format(first=first, dtype=self.dtype, drift=self.drift[-1], multiple=MULTIPLE)
        else:
            how = _("{tolerance:g} is allowed in float64.").format(tolerance=limit)
        partings = [_told_parting(each, first) for each in self.results if each.verdict and each.verdict.parting]
        if partings:
            return [*partings, how]
        furthest = max(max(gap) for each in self.results if each.verdict for gap in each.verdict.gaps)
        same = _(
            "Same path: no cost and no weight lies further from {first}'s than {furthest:.1e}, relative to the largest."
        )
        return [same.format(first=first, furthest=furthest), how]


def _told_parting(result: Result, first: str) -> str:
    parting = result.verdict and result.verdict.parting
    assert parting  # noqa: S101 - who asks has looked
    epoch, step, tensor, difference, limit = parting
    return _(
        "Paths part: {name} leaves {first} at epoch {epoch}, step {step}, in {tensor}"
        " (relative difference {difference:.1e}, {limit:.1e} is allowed)."
    ).format(
        name=result.name, first=first, epoch=epoch, step=step, tensor=tensor, difference=difference, limit=limit
    )  # fmt: skip
