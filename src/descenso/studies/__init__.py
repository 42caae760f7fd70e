"""Studies: questions that are answered by training runs; every result has tables, sentences and JSON."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: records as objects, tuples as lists, and None for numbers not finite.

    >>> plain({"costs": (0.5, float("nan"))})
    {'costs': [0.5, None]}
    """
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median, the least and the largest of repeated times."""
    return {"median": median(seconds), "min": min(seconds), "max": max(seconds)}


def cell(value: float | None, form: str = ".4f") -> str:
    """Format a number for a table; a value that is missing is a dash."""
    return "–" if value is None else format(value, form)
