"""Colours that grow with a number: a part of matplotlib's plasma, which stays dark enough on white."""

import math

import numpy as np

_PLASMA = np.array([  # at 0, 1/8, …, 6/8 of the whole
    [13, 8, 135], [75, 3, 161], [125, 3, 168], [168, 34, 150], [203, 70, 121], [229, 107, 93], [248, 148, 65],
])  # fmt: skip


def graded(share: float) -> str:
    """Return the colour of a share in [0, 1], from dark blue to orange; all kinds of colour blindness keep the order.

    >>> graded(0), graded(1)
    ('#0d0887', '#f89441')
    """
    place = min(max(share, 0.0), 1.0) * (len(_PLASMA) - 1)
    parts = (np.interp(place, np.arange(len(_PLASMA)), _PLASMA[:, channel]) for channel in range(3))
    return "#" + "".join(f"{round(float(part)):02x}" for part in parts)


def by_logarithm(value: float, low: float, high: float) -> str:
    """Return the colour of a value in [low, high], by its logarithm where both are positive."""
    if not low < high:
        return graded(0.0)
    if low > 0:
        value, low, high = (math.log(max(each, low)) for each in (value, low, high))
    return graded((value - low) / (high - low))
