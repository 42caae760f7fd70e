"""Studies: questions that are answered by training runs; every result has tables, sentences and JSON."""

import math
import sys
from collections.abc import Callable, Sequence
from statistics import median
from types import FrameType
from typing import Any

MULTIPLE = 8  # allowed multiple of the difference that rounding alone causes
MOST = 0.01  # largest difference that is ever allowed
CALLS = ("TFE_Py_FastPathExecute", "TFE_Py_Execute", "TF_SessionRun_wrapper")  # by which Python starts operations


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


def count_calls(rung: Callable[[], object]) -> int:
    """Count Python's calls of TensorFlow that run operations in a walk of `rung`, which has been traced before."""
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
