"""Make a sweep and a landscape as the training process would send them, for tests of the page without TensorFlow."""

from pathlib import Path

import numpy as np

from descenso.lab.rates import PathPlane, RateLane, Rates, Templates


def swept(span, number=1, state="done"):
    """Return a sweep in which the two largest learning rates diverged and the third largest is best."""
    rates = span.rates()
    random = np.random.default_rng(0)
    lanes = []
    for place, rate in enumerate(rates):
        if place >= len(rates) - 2:
            lanes.append(RateLane(rate, (2.5, float("nan")), (2.4,), (1, 17 + place)))
        else:
            costs = tuple(2.3 * np.exp(-0.25 * (place + 1) * (epoch + 1)) for epoch in range(span.epochs))
            lanes.append(RateLane(rate, costs, costs, None, 0.5 + 0.04 * place))
    few = [lane.rate for lane in lanes[:-2]][:5]
    pictures = tuple(Templates(rate, random.uniform(-1, 1, (10, 28, 28)).astype(np.float32), 0.4) for rate in few)
    command = f"descenso sweep --learning-rates {span.text} --epochs {span.epochs} --validation-size 0.1"
    best = len(rates) - 3 if state == "done" else None
    names = tuple(map(str, range(10)))
    return Rates(span, number, Path("runs/fake-sweep-001"), state, 1.0, tuple(lanes), best, pictures, names, command)


def surveyed(run, number=1, explained=0.9, points=30, known=20):
    """Return a landscape with a curved path in a bowl, with three steps between points."""
    angle = np.linspace(0, 2.5, points)
    path = np.stack([2.5 * np.cos(angle) - 1, np.sin(angle) * (1 + angle)], axis=1)
    across, along = np.linspace(-4, 3, 25), np.linspace(-1, 4, 25)
    x, y = np.meshgrid(across, along)
    surface = 0.2 + 0.1 * ((x + 3) ** 2 + 2 * (y - 1.5) ** 2)
    costs = 0.2 + 0.1 * ((path[:, 0] + 3) ** 2 + 2 * (path[:, 1] - 1.5) ** 2)
    return PathPlane(run, number, "done", 1.0, across, along, surface, 3 * np.arange(points), path, costs,
                     np.linspace(0.1, 0.7, points), known, explained, 0.8, 1000)  # fmt: skip
