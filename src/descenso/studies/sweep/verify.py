"""Train lanes of a sweep again alone, and measure how far their costs and weights lie from those of the sweep."""

from collections.abc import Callable

import numpy as np

from descenso.descent.problem import Arrays
from descenso.studies import MULTIPLE
from descenso.studies.paths import SAME_PATH, relative
from descenso.studies.sweep.ledger import DROPPED, Record, Verified
from descenso.studies.sweep.result import Sweep
from descenso.studies.sweep.walk import train_alone
from descenso.training.control import Control
from descenso.training.plan import Plan

LEAST_DRIFT = float(np.finfo(np.float32).eps)
ALL, NONE = "all", "none"


def to_verify(sweep: Sweep, which: str) -> list[tuple[int, str]]:
    """Return the lanes to train alone, and why: the best and the one next to the edge of divergence, or all."""
    if which == NONE:
        return []
    if which == ALL:
        return [(number, ALL) for number in sorted(sweep.records)]
    chosen = {sweep.edge: "edge", sweep.best: "best"}
    return [(number, why) for number, why in chosen.items() if number is not None]


def verify(
    number: int, why: str, plan_of: Callable[[str], Plan], record: Record, weights: Arrays, control: Control
) -> Verified | None:
    """Train a lane alone; return how far that of the sweep lies from it, or None where `control` stopped it.

    Args:
        number, why, record, weights: of the lane.
        plan_of: dtype -> its training run.
        control: stops it.
    """
    dtype = plan_of("").problem.dtype
    until = len(record.costs) if record.outcome == DROPPED else None
    alone = train_alone(plan_of(""), control, until)
    if alone is None:
        return None
    limit = SAME_PATH["float64"]
    if dtype != "float64":
        exact = train_alone(plan_of("float64"), control, until)
        if exact is None:
            return None
        limit = MULTIPLE * max(LEAST_DRIFT, *_apart(alone, exact)[:2])
    cost, weight, epoch = _apart((record, weights), alone)
    same_end = record.outcome == alone[0].outcome
    if dtype == "float64":
        same_end = same_end and record.diverged_at == alone[0].diverged_at
    return Verified(number, why, cost, weight, epoch, limit, same_end)


def _apart(found: tuple[Record, Arrays], expected: tuple[Record, Arrays]) -> tuple[float, float, int]:
    """Return the largest difference of the costs of epochs, that of the weights, and the epoch of the first."""
    common = min(len(found[0].costs), len(expected[0].costs))
    mine, its = (np.array(record.costs[:common]) for record, _weights in (found, expected))
    both = np.isfinite(mine) & np.isfinite(its)
    gaps = np.where(both, np.abs(mine - its), 0.0) / max(np.abs(its[np.isfinite(its)]).max(initial=0), 1e-300)
    weights = [relative(found[1][name], array) for name, array in expected[1].items() if name in found[1]]
    return float(gaps.max(initial=0)), float(max(weights, default=0.0)), int(gaps.argmax()) if common else 0
