"""Bring a drawn digit to the form of MNIST's."""

import numpy as np
from numpy.typing import NDArray

from descenso.data.digits import as_mnist

MOST_PIXELS = 2**20  # of a canvas


def as_seen(drawn: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a drawing as the model sees it: fitted into 20×20 and centred by mass in 28×28.

    Args:
        drawn: (height, width) uint8, light ink on 0; at most 2**20 pixels.

    Returns:
        (28, 28) uint8; None for an empty canvas, and for an array that is no canvas.
    """
    if drawn.ndim != 2 or drawn.dtype != np.uint8 or not 0 < drawn.size <= MOST_PIXELS:
        return None
    framed = np.pad(drawn, 1)  # the background is what the border shows, even where a stroke leaves the canvas
    seen, empty = as_mnist(framed[None], photo=False)  # half of a digit may look like two
    return None if empty else np.asarray(seen[0])
