"""What the ladder found: how long each rung takes, what each thing left out had cost, and how sure that is."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from descenso.reports.comparison import ladder_figure
from descenso.studies import plain
from descenso.text import _, aligned, mark

PIPELINE, EAGER = mark("eager, tf.data pipeline"), mark("eager, batches in memory")
TRACED, LOOP, COMPILED = mark("one traced step"), mark("the epoch as one loop"), mark("the epoch compiled")
FED, HELD = mark("graph, rows fed"), mark("graph, rows in it")
DRAWS = 2000  # of the bootstrap
CERTAIN = 95  # per cent, of an interval

STEPS_DOWN = {  # from one rung to the next: what is left out, and what that means
    (PIPELINE, EAGER): (
        mark("input pipeline"),
        mark(
            "tf.data shuffles the rows through a buffer, batches them and hands each batch to Python. The next rung"
            " finds the same batches in memory."
        ),
    ),
    (EAGER, TRACED): (
        mark("dispatch and tape"),
        mark(
            "Python calls TensorFlow {above:.0f} times a step, and a tape records what to go back over; traced, it is"
            " one call. Dispatch and recording are not told apart: together they are {each:.1f} µs for each call saved."
        ),
    ),
    (TRACED, LOOP): (
        mark("Python's loop"),
        mark("Python starts every step and waits for its cost. In one graph TensorFlow turns the loop itself."),
    ),
    (LOOP, COMPILED): (
        mark("no XLA"),
        mark(
            "XLA makes one program of the same loop, fuses operations and plans their memory. Which of these saves how"
            " much is not told apart."
        ),
    ),
    (FED, HELD): (
        mark("feed_dict"),
        mark(
            "NumPy gathers the rows of each batch, and feed_dict copies them into the session. The next rung gathers"
            " the same rows from a constant of the graph."
        ),
    ),
}


class Rung(NamedTuple):
    """A rung: its name, the seconds of an epoch in each round, and Python's calls of TensorFlow in a step."""

    name: str
    seconds: tuple[float, ...]
    calls: float

    @property
    def median(self) -> float:
        """Seconds an epoch."""
        return median(self.seconds)


class Item(NamedTuple):
    """What one step down the ladder saves.

    Attributes:
        name: what is left out.
        text: two sentences about it.
        seconds: an epoch, the difference of two medians.
        low, high: where it lies in 95 of 100 bootstrap draws of the rounds.
        share: of the whole gap; None for what is no part of it.
    """

    name: str
    text: str
    seconds: float
    low: float
    high: float
    share: float | None

    @property
    def distinguishable(self) -> bool:
        """Whether its spread leaves out zero."""
        return self.low > 0 or self.high < 0


class Explained(NamedTuple):
    """What the ladder found.

    Attributes:
        dtype: the precision.
        steps: of an epoch.
        max_cost_difference: how far the costs of any rung lie from the first one's, relative to the largest.
        rungs: from eager with its pipeline to the epoch compiled; then graph, fed and not.
    """

    dtype: str
    steps: int
    max_cost_difference: float
    rungs: tuple[Rung, ...]

    @property
    def coincide(self) -> bool:
        """The rungs walk one path; there would be no ladder otherwise."""
        return True

    @property
    def gap(self) -> float:
        """Seconds an epoch from the first rung to the last of eager's."""
        eager = self.rungs[:-2]
        return eager[0].median - eager[-1].median

    @property
    def items(self) -> tuple[Item, ...]:
        """What each step down saves: these add up to the gap; and, no part of it, what feeding costs graph."""
        *ladder, fed, held = self.rungs
        return (*(self._item(above, below, self.gap) for above, below in pairwise(ladder)), self._item(fed, held, None))

    def _item(self, above: Rung, below: Rung, gap: float | None) -> Item:
        name, text = STEPS_DOWN[above.name, below.name]
        saved = above.median - below.median
        low, high = _interval(above.seconds, below.seconds)
        each = 1e6 * saved / self.steps / max(above.calls - below.calls, 1e-9)
        told = _(text).format(above=above.calls, each=each)
        return Item(_(name), told, saved, low, high, None if gap is None else saved / gap)

    def tables(self) -> list[list[list[str]]]:
        """The rungs, and what each step down saves."""
        return [self._rung_rows(), self._item_rows()]

    def _rung_rows(self) -> list[list[str]]:
        head = [_("one epoch"), _("seconds"), _("min"), _("max"), _("µs/step"), _("calls/step")]
        return [head, *(
            [_(each.name), *(f"{value:.3g}" for value in (each.median, min(each.seconds), max(each.seconds))),
             f"{1e6 * each.median / self.steps:.0f}", f"{each.calls:.3g}"]
            for each in self.rungs
        )]  # fmt: skip

    def _item_rows(self) -> list[list[str]]:
        head = [_("what it costs"), _("µs/step"), _("from"), _("to"), _("share"), ""]
        return [head, *map(self._item_row, self.items)]

    def _item_row(self, item: Item) -> list[str]:
        microseconds = (f"{1e6 * value / self.steps:.1f}" for value in (item.seconds, item.low, item.high))
        share = "–" if item.share is None else f"{item.share:.1%}"
        slower = _("slower without") if item.seconds < 0 else ""
        return [item.name, *microseconds, share, slower if item.distinguishable else _("not distinguishable")]

    def told(self) -> list[str]:
        """What each item means, and how it was measured."""
        how = _(
            "{rounds} rounds, differences of medians; spreads are {certain} % bootstrap intervals over the rounds. The"
            " costs of all rungs coincide to {apart:.1e}."
        ).format(rounds=len(self.rungs[0].seconds), certain=CERTAIN, apart=self.max_cost_difference)
        return [*(f"{item.name}: {item.text}" for item in self.items), how]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        rungs = [
            {"name": each.name, "calls_per_step": each.calls,
             "seconds": {"median": each.median, "min": min(each.seconds), "max": max(each.seconds)}}
            for each in self.rungs
        ]  # fmt: skip
        items = [{**each._asdict(), "distinguishable": each.distinguishable} for each in self.items]
        sizes = {"dtype": self.dtype, "steps": self.steps, "rounds": len(self.rungs[0].seconds)}
        gap = {"gap_seconds": self.gap, "max_cost_difference": self.max_cost_difference}
        answer: dict[str, Any] = plain({**sizes, **gap, "rungs": rungs, "items": items})
        return answer

    def plot(self) -> Figure:
        """The way down the ladder, as a matplotlib figure."""
        *items, feeding = self.items
        tops = {_(each.name): each.median for each in self.rungs}
        return ladder_figure(tops, [(item.name, item.low, item.high) for item in (*items, feeding)])

    def __repr__(self) -> str:
        return "\n\n".join([*map(aligned, self.tables()), "\n".join(self.told())])


def _interval(above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    """Where the difference of the medians lies in most draws of the rounds, a round's two times together."""
    pairs = np.array([above, below])  # (2, rounds)
    drawn = np.random.default_rng(0).integers(pairs.shape[1], size=(DRAWS, pairs.shape[1]))
    medians = np.median(pairs[:, drawn], axis=2)  # (2, draws)
    low, high = np.percentile(medians[0] - medians[1], [(100 - CERTAIN) / 2, (100 + CERTAIN) / 2])
    return float(low), float(high)
