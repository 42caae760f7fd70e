"""How far from the oracle a walk may end (`walks.difference`), and why so far.

Each limit is about ten times what was measured (x86-64 with AVX-512, TensorFlow 2.21), for processors that add up
in another order. Measured, the largest over all engines:

    grid, softmax and mlp, 100 steps, all rules     1.3e-15 in float64    7.5e-7 in float32, lion 4.4e-6
    grid, cnn, 100 steps, all rules                 7.5e-14               5.7e-5
    MNIST, 3 epochs of 61 steps                     3.9e-16               4.2e-7
    MNIST, 3 epochs of 600 steps                    5.0e-16               1.5e-6

That is a few units of rounding. In float32 it grows with the number of steps, since a small update is rounded when
it is added to a large weight; in float64 the oracle is rounded alike. Lion's updates are all of one size, so that
rounding does not shrink with them; and batches of three or eight rows, normalised, make much of little. The promise
of the project, 1e-9 in float64, is kept with room. The smallest fault of `test_faults.py` is 137 limits away.
"""

GRID = {"float64": 6e-15, "float32": 6e-6}
MNIST = {"float64": 6e-15, "float32": 1.5e-5}


def limit(model: str, rule: str, dtype: str) -> float:
    """Of one walk of the grid."""
    if model == "cnn":
        return {"float64": 8e-13, "float32": 6e-4}[dtype]
    return 8 * GRID[dtype] if rule.startswith("lion") or model == "mlp" else 2 * GRID[dtype]
