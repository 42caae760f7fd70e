"""Studies: questions that are answered by training runs."""

import math
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
