"""Record the weights of softmax regression as they form, at steps evenly spaced in the logarithm."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from descenso.errors import ConfigError
from descenso.reports.film import Reel
from descenso.studies.costs import Cost, spread
from descenso.studies.landscape import states
from descenso.text import _
from descenso.training.plan import Plan

STATES = 40  # of each run, at most
FEWEST = 3


class Take(NamedTuple):
    """A training run to record: its name, the run, and after how many steps it ended."""

    name: str
    plan: Plan
    steps: int


def record(takes: Sequence[Take], told: Callable[[float], None] = lambda share: None) -> list[Reel]:
    """Train runs again, and record weights and costs at the start, at the end, and between.

    Costs are means over at most 10,000 training rows, evenly spaced.

    Args:
        takes: softmax regressions.
        told: called with the share that is done.

    Raises:
        ConfigError: for a run with fewer than three states.
    """
    reels = list[Reel]()
    for place, take in enumerate(takes):
        marks = {round(step) for step in np.geomspace(1, max(take.steps, 1), STATES - 1)}
        found = list(states(take.plan, marks)) if take.steps else []
        if len(found) < FEWEST:
            message = _(
                "film: {run} has {count} states to show, and a film needs {least}; train it for more steps: try more "
                "--epochs, a smaller --batch-size, or a smaller --learning-rate if it diverged"
            )
            raise ConfigError(message.format(run=take.name, count=len(found), least=FEWEST))
        costs = Cost(take.plan.problem, spread(take.plan.train)).of([params for _step, params in found])
        steps = [step for step, _params in found]
        kept = np.stack([params["W"] for _step, params in found])
        reels.append(Reel(take.name, steps, costs, kept, diverged=steps[-1] < take.steps))
        told((place + 1) / len(takes))
    return reels
