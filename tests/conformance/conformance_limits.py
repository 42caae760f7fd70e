"""Limits of the difference between a walk and the oracle (`walks.difference`), and their derivation.

Each limit is about ten times the largest difference measured over all engines (x86-64 with AVX-512, TensorFlow 2.21),
to allow for processors that sum in another order:

    grid, softmax and mlp, 100 steps, all rules     1.3e-15 in float64    7.5e-7 in float32, lion 4.4e-6
    grid, cnn, 100 steps, all rules                 7.5e-14               5.7e-5
    MNIST, 3 epochs of 61 steps                     3.9e-16               4.2e-7
    MNIST, 3 epochs of 600 steps                    5.0e-16               1.5e-6

That is a few units of rounding. In float32 it grows with the number of steps, since a small update is rounded when
it is added to a large weight; in float64 the oracle is rounded alike. Lion's updates all have the same size, so
rounding does not shrink with them; and normalising batches of three or eight rows amplifies small differences. The
project promises 1e-9 in float64, which is far above. The smallest fault of `test_wrong_engines.py` is 137 limits away.
"""

GRID = {"float64": 6e-15, "float32": 6e-6}
MNIST = {"float64": 6e-15, "float32": 1.5e-5}


def limit(model: str, rule: str, dtype: str) -> float:
    """Return the limit for one walk of the grid."""
    if model == "cnn":
        return {"float64": 8e-13, "float32": 6e-4}[dtype]
    return 8 * GRID[dtype] if rule.startswith("lion") or model == "mlp" else 2 * GRID[dtype]
