"""Find the learning rate by many short training runs at constant rates, over several seeds."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.order import Order
from descenso.studies import plain
from descenso.studies.sweep.at_once import at_once, how_many
from descenso.studies.sweep.edge import edge_in_theory
from descenso.studies.sweep.fused import fuses, kinds_of, stacked, step_of
from descenso.text import _, aligned, prose
from descenso.training.plan import Plan, bind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_DECADE, DECADES = 4, 6  # of the grid, whose middle is the rule's own rate
NARROWER = 12  # times as many rates in each decade around the edge where costs have no noise: each 5 % above the last
WHERE = 0.75  # of the steps, the Hessian is taken: in the middle of those in which the cost must not rise
TAIL = 0.1  # share of the steps at the end, whose mean cost must lie below where the run began
FALLS = 0.1  # of the first cost; among rates whose mean costs are lower by less, which one is fastest is chance
ROUNDING = 1e-5  # of a cost; without noise of batches, a larger rise is not one of rounding

Costs = NDArray[np.float64]  # (seeds, rates, steps)


class FoundRate(NamedTuple):
    """What short training runs at constant rates say of the learning rate.

    Attributes:
        rates: the grid, ascending.
        costs: (seeds, rates, steps) cost of each step, in nats; not finite from where a run diverged.
        full: whether each batch holds all rows and no layer draws numbers, so that costs have no noise.
        narrowed: with all rows in a batch, the edge among rates between two of the grid; else None.
        theory: with all rows in a batch, and sgd or momentum, the rate beyond which descent is unstable by the largest
            eigenvalue of the Hessian after three quarters of the steps of the last stable run; else None.
    """

    rates: tuple[float, ...]
    costs: Costs
    full: bool = False
    narrowed: tuple[float | None, float | None] | None = None
    theory: float | None = None

    @property
    def means(self) -> NDArray[np.float64]:
        """(seeds, rates) mean cost of all steps, in nats: the lower, the faster; infinite where a run is not safe."""
        return _means(self.costs, self.full)

    @property
    def best(self) -> float | None:
        """The fastest rate of those that are safe for all seeds, by the median of the mean costs; between the points of
        the grid by a parabola. None if no rate is safe.
        """
        return _best(self.rates, np.median(self.means, axis=0), self.safe)

    @property
    def falls(self) -> bool:
        """Whether the mean cost of the fastest safe rate is clearly below the cost at the start; False without one."""
        begin, lowest = self._fall if self.safe else (0.0, 0.0)
        return bool(self.safe) and begin - lowest >= FALLS * abs(begin)

    @property
    def _fall(self) -> tuple[float, float]:
        """Medians over the seeds of the first cost, and of the mean cost of the fastest safe rate, in nats."""
        return float(np.median(self.costs[:, :, 0])), float(np.median(self.means, axis=0)[: self.safe].min())

    @property
    def by_seed(self) -> tuple[float, ...]:
        """The best rate of each seed alone."""
        found = (_best(self.rates, means, len(self.rates)) for means in self.means)
        return tuple(rate for rate in found if rate is not None)

    @property
    def with_half(self) -> float | None:
        """The best rate by the first half of the steps alone."""
        means = _means(self.costs[:, :, : max(1, self.costs.shape[2] // 2)], self.full)
        return _best(self.rates, np.median(means, axis=0), _safe(means))

    @property
    def safe(self) -> int:
        """How many rates of the grid lie below the first that is not safe for all seeds; 0 where none is safe."""
        return _safe(self.means)

    @property
    def edge(self) -> tuple[float | None, float | None]:
        """The largest rate up to which all seeds are safe, and the smallest from which on none is; None where the grid
        does not reach.
        """
        if self.narrowed:
            return self.narrowed
        some_safe = np.flatnonzero(np.isfinite(self.means).any(axis=0))
        none_safe = int(some_safe[-1]) + 1 if len(some_safe) else 0
        last = self.rates[self.safe - 1] if self.safe else None
        return last, self.rates[none_safe] if none_safe < len(self.rates) else None

    @property
    def cell(self) -> float:
        """Ratio of neighbouring rates of the grid."""
        return self.rates[1] / self.rates[0]

    @property
    def settled(self) -> bool | None:
        """Whether half as many steps give the same answer, to less than a cell of the grid; None without answers."""
        if self.best is None or self.with_half is None:
            return None
        return bool(1 / self.cell < self.best / self.with_half < self.cell)

    def sentences(self) -> list[str]:
        """Say which rate is fastest, up to which rates are safe, and how sure that is."""
        steps = self.costs.shape[2]
        if self.best is None:
            none = _("No rate of the grid is safe: with each, the cost is higher after {steps} steps.")
            return [none.format(steps=steps)]
        seeds = self.by_seed
        fastest = _("Fastest safe rate: {best:.2g} (by seed {low:.2g} to {high:.2g}), after {steps} steps.")
        lines = [prose(fastest, best=self.best, low=min(seeds), high=max(seeds), steps=steps)]
        if not self.falls:
            message = _("With no rate does the cost clearly fall: its mean is {lowest:.4g} at best, at the start it is "
                        "{begin:.4g}. Which rate is fastest is then chance: take more steps, with --steps {steps}, or "
                        "see descenso doctor.")  # fmt: skip
            begin, lowest = self._fall
            lines.append(prose(message, lowest=lowest, begin=begin, steps=2 * steps))
        (last, first), most = self.edge, self.rates[-1]
        if first is None and last == most:
            lines.append(prose(_("Safe for all seeds up to {most:.3g}, the largest rate tried."), most=most))
        elif first is None:
            message = _("Safe for all seeds up to {last:.3g}; for some up to {most:.3g}, the largest rate tried.")
            lines.append(prose(message, last=last, most=most))
        elif last is not None:
            message = _("Safe for all seeds up to {last:.3g}; for none from {first:.3g} on.")
            lines.append(prose(message, last=last, first=first))
        if self.theory is not None:
            message = _("By the largest eigenvalue of the Hessian the edge is {theory:.3g}.")
            lines.append(prose(message, theory=self.theory))
        if self.falls and self.settled is False and self.with_half is not None:
            message = _("With half as many steps the answer would be {half:.2g}: take more, with --steps {steps}.")
            lines.append(prose(message, half=self.with_half, steps=2 * steps))
        return lines

    def tables(self) -> list[list[list[str]]]:
        """One row a rate: median of the mean costs, their range over the seeds, and how many seeds are safe."""
        rows = [[_("learning rate"), _("mean cost"), _("from"), _("to"), _("safe")]]
        for rate, means in zip(self.rates, self.means.T, strict=True):
            numbers = (np.median(means), means.min(), means.max())
            cells = ("∞" if np.isinf(number) else f"{number:.4g}" for number in numbers)
            rows.append([f"{rate:.3g}", *cells, f"{np.isfinite(means).sum()}/{len(means)}"])
        return [rows]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        last, first = self.edge
        means = [list(map(float, row)) for row in self.means]
        answer = {
            "learning_rate": self.best,
            "by_seed": self.by_seed,
            "cost_falls": self.falls,
            "with_half_the_steps": self.with_half,
        }
        edge = {"safe_up_to": last, "none_safe_from": first, "theory": self.theory}
        return dict(plain({**answer, **edge, "rates": self.rates, "mean_costs": means, "steps": self.costs.shape[2]}))

    def plot(self) -> "Figure":
        """Draw the cost at the end against the rate."""
        from descenso.reports.sweep import rates_figure

        return rates_figure(self.rates, self.means, self.best, self.edge, self.theory)

    def __repr__(self) -> str:
        return "\n".join([*map(aligned, self.tables()), *self.sentences()])


def _means(costs: Costs, full: bool) -> NDArray[np.float64]:
    """Return the mean cost of each run, infinite where it is not safe.

    A run is safe if its cost stays finite and ends below where it began. Without the noise of batches its cost must not
    rise from one step to the next in the second half either: then it oscillates beyond the edge of stability.
    """
    tail = max(1, round(TAIL * costs.shape[2]))
    with np.errstate(invalid="ignore", over="ignore"):
        means = costs.mean(axis=2)
        safe = np.isfinite(costs).all(axis=2) & (costs[:, :, -tail:].mean(axis=2) <= costs[:, :, 0])
        if full:
            later = costs[:, :, costs.shape[2] // 2 :]
            safe &= (np.diff(later, axis=2) <= ROUNDING * costs[:, :, :1]).all(axis=2)
    return np.where(safe, means, np.inf)


def _safe(means: NDArray[np.float64]) -> int:
    """Return the number of the first rate that is not safe for all seeds, beyond the first that is.

    At the smallest rates the cost hardly moves, so that the last batches may cost more than the first by chance.
    """
    safe = [*np.atleast_1d(np.isfinite(means).all(axis=0)), False]
    return safe.index(False, safe.index(True)) if True in safe else 0


def _best(rates: Sequence[float], means: NDArray[np.float64], count: int) -> float | None:
    """Return the rate of the lowest mean of the first `count`, by the parabola through it and its neighbours."""
    among = np.where(np.arange(len(means)) < count, means, np.inf)
    place = int(np.argmin(among))
    if np.isinf(among[place]):
        return None
    if not 0 < place < len(rates) - 1 or not np.isfinite(among[place - 1 : place + 2]).all():
        return float(rates[place])
    before, here, after = among[place - 1 : place + 2]
    bend = before - 2 * here + after
    offset = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(rates[place] * (rates[place + 1] / rates[place]) ** offset)


def grid_around(rate: float) -> tuple[float, ...]:
    """Return rates around one, evenly spaced in the logarithm."""
    half = PER_DECADE * DECADES // 2
    return tuple(float(f"{rate * 10 ** (place / PER_DECADE):.4g}") for place in range(-half, half + 1))


def search(
    plan_of: Callable[[float, int], Plan],
    rates: Sequence[float],
    seeds: Sequence[int],
    steps: int,
    told: Callable[[float], None] = lambda share: None,
) -> FoundRate:
    """Train short runs at each of `rates`, for each of `seeds`, and say what they show. Nothing is saved.

    Args:
        plan_of: (rate, seed) -> the training run, whose schedule is constant.
        rates: ascending.
        seeds: at least one.
        steps: of each run, at least 2.
        told: called with the share that is done.
    """
    costs, full = _measured(plan_of, rates, seeds, steps, told)
    found = FoundRate(tuple(rates), costs, full)
    if not full or not found.safe:
        return found
    last, first = found.edge
    if last is not None and first is not None:
        count = round(PER_DECADE * NARROWER * np.log10(first / last)) + 1
        between = [*map(float, np.geomspace(last, first, count))]
        finer, _full = _measured(plan_of, between, seeds, steps, lambda share: None)
        found = found._replace(narrowed=FoundRate(tuple(between), finer, full).edge)
    run = plan_of(found.edge[0] or rates[0], seeds[0])
    return found._replace(theory=edge_in_theory(run, _orders(run, max(1, round(WHERE * steps)))))


def _measured(
    plan_of: Callable[[float, int], Plan],
    rates: Sequence[float],
    seeds: Sequence[int],
    steps: int,
    told: Callable[[float], None],
) -> tuple[Costs, bool]:
    """Train the runs; return their costs, and whether these have no noise."""
    costs = np.full((len(seeds), len(rates), steps), np.nan)
    for place, seed in enumerate(seeds):
        plans = [plan_of(rate, seed) for rate in rates]
        groups = [plans] if fuses(plans[0].problem) else [[plan] for plan in plans]
        most, done = how_many(plans[0]) if len(groups) > 1 else 1, 0
        with closing(at_once(((number, _walk(group, steps)) for number, group in enumerate(groups)), most)) as walked:
            for number, found in walked:
                if found is not None:
                    first = number * len(groups[0])
                    costs[place, first : first + len(groups[0]), : len(found)] = found.T
                    done += 1
                    told((place + done / len(groups)) / len(seeds))
    return costs, plans[0].steps_per_epoch == 1 and not _draws(plans[0])


def _draws(plan: Plan) -> bool:
    """Tell whether layers of the model draw numbers, as those of dropout do; their state counts what was drawn."""
    return any(not np.issubdtype(np.asarray(value).dtype, np.floating) for value in plan.start().model_state.values())


def _walk(plans: Sequence[Plan], steps: int) -> Generator[NDArray[np.float64], None, None]:
    """Take the first steps of runs that see the same batches, and yield their costs, (steps, runs)."""
    first = plans[0]
    if len(plans) == 1:
        with closing(first.bind()) as runner:
            traces = [trace.costs for _state, trace in runner.walk(first.start(), _orders(first, steps))]
        yield np.concatenate(traces)[:, None]
        return
    kinds = kinds_of([plan.problem for plan in plans])
    state = stacked([plan.start() for plan in plans], kinds)
    with closing(bind("compiled", first.problem, first.train, first.batch_rows, step_of(kinds), state)) as runner:
        yield np.concatenate([trace.costs for _state, trace in runner.walk(state, _orders(first, steps))])


def _orders(plan: Plan, steps: int) -> Iterator[Order]:
    """Yield the orders of the first `steps` steps."""
    for epoch in range(-(-steps // plan.steps_per_epoch)):
        yield plan.order(epoch).between(0, steps - epoch * plan.steps_per_epoch)
