"""How far from the oracle a walk may end (`walks.difference`), and why so far.

Each limit is about ten times what was measured (x86-64 with AVX-512, TensorFlow 2.21), for processors that add up
in another order. Measured, the largest over all engines:

    grid, 100 steps, 5 seeds       7.9e-16 in float64    5.9e-7 in float32
    MNIST, 3 epochs of 61 steps    3.9e-16               4.2e-7
    MNIST, 3 epochs of 600 steps   5.0e-16               1.5e-6

That is a few units of rounding. In float32 it grows with the number of steps, since a small update is rounded when
it is added to a large weight; in float64 the oracle is rounded alike. The promise of the project, 1e-9 in float64,
is kept with room. The smallest fault of `test_faults.py` is 137 limits away.
"""

GRID = {"float64": 6e-15, "float32": 6e-6}
MNIST = {"float64": 6e-15, "float32": 1.5e-5}
