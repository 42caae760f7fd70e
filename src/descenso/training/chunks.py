"""The orders of all epochs, cut into chunks, so that training may stop, and be saved, between two steps."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from descenso.data.order import Order
from descenso.runs.checkpoints import Position

if TYPE_CHECKING:
    from descenso.training.plan import Plan

FIRST_STEPS = 8  # of the first chunk, before it is known how long a step takes
CHUNK_SECONDS = 1.0  # length of a chunk, about: a signal waits for its end


class Chunks:
    """Slices of the epochs' orders of about a second each, which also end where a checkpoint is due.

    Cutting changes no number. An engine draws chunks in a thread of its own, while `pace` is called in the trainer's:
    an int is all that they share.

    Args:
        plan: the training run.
        begin: the position of the first chunk.
    """

    def __init__(self, plan: "Plan", begin: Position) -> None:
        self._plan, self.begin = plan, begin
        self._every = steps_between_checkpoints(plan.config.checkpoint_every)
        self._steps = FIRST_STEPS

    def pace(self, seconds: float, steps: int) -> None:
        """Set the length of the next chunks, by one of `steps` that took `seconds`."""
        self._steps = max(1, int(CHUNK_SECONDS * steps / max(seconds, 1e-9)))

    def __iter__(self) -> Iterator[Order]:
        epoch, step = self.begin
        steps_per_epoch = self._plan.steps_per_epoch
        while epoch < self._plan.config.epochs:
            order = self._plan.order(epoch)
            while step < steps_per_epoch:
                taken = epoch * steps_per_epoch + step
                until_due = self._every - taken % self._every if self._every else self._steps
                last = min(step + min(self._steps, until_due), steps_per_epoch)
                yield order.between(step, last)
                step = last
            epoch, step = epoch + 1, 0


def steps_between_checkpoints(every: str) -> int | None:
    """Number of steps in the setting `checkpoint_every`; None where it is in seconds ("10s")."""
    return None if re.fullmatch(r".*s", every) else int(every)
