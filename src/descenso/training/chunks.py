"""An epoch's order in pieces, so that a descent may stop, and be saved, between two steps."""

import re
from collections.abc import Iterator
from time import monotonic

from descenso.config import TrainConfig
from descenso.data.order import Order, epoch_order
from descenso.runs.checkpoints import Position

FIRST_STEPS = 8  # before it is known how long a step takes: a signal waits for them, too
PIECE_SECONDS = 1.0  # how long a signal may wait for the end of a piece, about


class Due:
    """When a checkpoint is due: after every N steps of the whole descent, or after every S seconds.

    Attributes:
        steps: N, or None.
    """

    def __init__(self, every: str) -> None:
        seconds = re.fullmatch(r"(.*)s", every)
        self.steps = None if seconds else int(every)
        self._seconds = float(seconds[1]) if seconds else 0.0
        self._last = monotonic()

    def now(self, walked: int) -> bool:
        """Whether one is due after `walked` steps of the whole descent."""
        if self.steps is not None:
            return walked % self.steps == 0
        if monotonic() - self._last < self._seconds:
            return False
        self._last = monotonic()
        return True


class Pieces:
    """The orders of all epochs from a position on, cut into pieces of about a second, and where a checkpoint is due.

    Cutting changes no number: a piece is a slice of its epoch's order. It is drawn from in the engine's thread, while
    `pace` is called in the trainer's: an int is all they share.
    """

    def __init__(self, config: TrainConfig, rows: int, begin: Position, every_steps: int | None) -> None:
        self._config, self._rows, self._begin, self._every = config, rows, begin, every_steps
        self._batch_rows = config.batch_rows(rows)
        self.steps_per_epoch = -(-rows // self._batch_rows)
        self._steps = FIRST_STEPS

    def pace(self, seconds: float, steps: int) -> None:
        """Learn from a piece of `steps` that took `seconds` how long the next ones may be."""
        self._steps = max(1, int(PIECE_SECONDS * steps / max(seconds, 1e-9)))

    def __iter__(self) -> Iterator[Order]:
        config, step = self._config, self._begin.step
        for epoch in range(self._begin.epoch, config.epochs):
            order = epoch_order(config.order, self._rows, self._batch_rows, config.seed, epoch)
            while step < self.steps_per_epoch:
                walked = epoch * self.steps_per_epoch + step
                until_due = self._every - walked % self._every if self._every else self._steps
                last = min(step + min(self._steps, until_due), self.steps_per_epoch)
                yield order.between(step, last)
                step = last
            step = 0
