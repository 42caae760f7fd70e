"""Measure how fast this machine multiplies matrices: the lower limit of the time of an epoch."""

from collections.abc import Iterator

import numpy as np

from _work import CLASSES, INPUTS, ROWS, Clock, Rows
from descenso.data.order import Order

__all__ = ["EPOCH_GFLOP", "GEMM_GFLOP", "products"]


def _gflop(first: int, *others: int) -> float:
    """Operations of an epoch, in GFLOP.

    Args:
        first, others: multiplications of each layer for one row. A layer needs the product itself and the gradient of
            its weights; all but the first also that of their inputs.
    """
    return 2 * ROWS * (2 * first + 3 * sum(others)) / 1e9


EPOCH_GFLOP = {
    "softmax": _gflop(INPUTS * CLASSES),  # 1.88
    "mlp": _gflop(INPUTS * 256, 256 * CLASSES),
    "cnn": _gflop(24**2 * 25 * 16, 8**2 * 25 * 16 * 32, 4**2 * 32 * 128, 128 * CLASSES),
}
SIZE, TIMES = 2048, 2
GEMM_GFLOP = TIMES * 2 * SIZE**3 / 1e9


def products(rows: Rows, orders: Iterator[Order], clock: Clock) -> Iterator[float]:
    """Multiply square matrices in float32 with NumPy's BLAS, on as many threads as the environment allows."""
    random = np.random.default_rng(0)
    a, b = (random.standard_normal([SIZE, SIZE], np.float32) for _ in "ab")
    out = np.empty_like(a)
    for _ in orders:
        with clock:
            for _ in range(TIMES):
                np.matmul(a, b, out=out)
        yield float("nan")
