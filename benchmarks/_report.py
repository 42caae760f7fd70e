"""Report a race as a Markdown table, for docs/performance.md, and as JSON."""

import itertools
import os
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any, NamedTuple

from _contenders import OWN_ORDER
from _race import Epoch
from descenso.runs.environment import environment

__all__ = ["Result", "heading", "markdown", "row", "verdict"]

# Of a cost, relative, at any epoch; seen were 5e-8, 7e-7, 1e-16, 1e-3. Two batches exchanged are 5e-7, one row 2e-5.
# Layers drift apart with the steps, so that only their first epoch is compared; in cnn threads add up in another order
# from run to run, which is up to 4e-3 by then.
TOLERANCE = {"float32": 3e-7, "float32 sum": 3e-6, "float64": 1e-14, OWN_ORDER: 3e-3, "float32 layers": 1e-2}
DIGITS = {"float32": 6, "float32 sum": 6, "float64": 12, "float32 layers": 6}
PACKAGES = ("tensorflow", "keras", "numpy", "jax", "torch", "scikit-learn")


class Result(NamedTuple):
    """Measurements of a contender.

    Attributes:
        label: as the table shows it.
        seconds: of the measured epochs.
        costs: of all epochs, beginning with the one that sets up; None where there is none.
        precision: a key of `TOLERANCE`, which applies unless `exempt` is set.
        exempt: reason why its costs differ from the others', or empty.
    """

    label: str
    seconds: list[float]
    costs: list[float | None]
    precision: str
    exempt: str

    @classmethod
    def of(cls, label: str, epochs: Sequence[Epoch], precision: str, exempt: str) -> "Result":
        return cls(label, [each.seconds for each in epochs[1:]], [each.cost for each in epochs], precision, exempt)

    @property
    def median(self) -> float:
        return median(self.seconds)


def verdict(result: Result, reference: Sequence[float]) -> tuple[bool, str]:
    """Compare the costs with the reference's at every epoch; return whether they agree, and a table cell."""
    limit = TOLERANCE.get(result.exempt or result.precision)
    if limit is None:
        return True, result.exempt
    pairs = zip(result.costs, reference, strict=False)  # the reference has as many epochs as any contender may have
    if result.precision == "float32 layers":
        pairs = itertools.islice(pairs, 1)
    off = max(float("inf") if mine is None else abs(mine - theirs) / theirs for mine, theirs in pairs)
    agrees = off <= limit
    told = (f"to {off:.0e}" if off else "to the last bit") if agrees else f"**NO, off by {off:.0e}**"
    return agrees, f"{result.exempt}, {told}" if result.exempt else told


def heading(command: Sequence[str]) -> list[str]:
    """Make the lines on machine, versions and command."""
    about = environment()
    load = f", load {os.getloadavg()[0]:.1f} before the start" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {number}" for name in PACKAGES if (number := _version(name)))
    return [
        f"- machine: {about['processor']}, {about['cores']} cores, {about['platform']}{load}",
        f"- versions: descenso {about['descenso']}, Python {about['python']}, {versions}",
        f"- command: `{shlex.join(command)}`",
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def markdown(
    results: Sequence[Result],
    floors: Sequence[Result],
    absent: Sequence[str],
    reference: Sequence[float],
    unit: float,
    last: int,
) -> list[str]:
    """Make the table, the fastest first.

    Args:
        results: of the contenders.
        floors: of the bare matrix product.
        absent: labels of contenders that are not installed.
        reference: costs of the reference.
        unit: seconds of ratio 1, or 0.
        last: an epoch that all have completed; its cost is shown.
    """
    titles = ("one epoch", "ms, median", "min", "max", "× compiled", "cost, epoch 0", f"epoch {last}", "costs agree")
    lines = [row(titles), row(["---", *["---:"] * 6, "---"])]
    for result in sorted(results, key=lambda each: each.median):
        digits = DIGITS[result.precision]
        shown = ["–" if cost is None else f"{cost:.{digits}f}" for cost in (result.costs[0], result.costs[last])]
        lines.append(row([*_times(result, unit), *shown, verdict(result, reference)[1]]))
    lines += [row([*_times(floor, unit), "", "", ""]) for floor in floors]
    lines += [row([label, "not installed", *[""] * 6]) for label in absent]
    return lines


def _times(result: Result, unit: float) -> list[str]:
    return [
        result.label,
        *[f"{seconds * 1000:.1f}" for seconds in (result.median, min(result.seconds), max(result.seconds))],
        f"{result.median / unit:.2f}" if unit else "–",
    ]


def row(cells: Sequence[Any]) -> str:
    """Make a row of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"
