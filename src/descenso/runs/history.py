"""The history of a run: one line an epoch, only ever appended to."""

import json
import math
from pathlib import Path
from typing import NamedTuple

from descenso.config import open_regular
from descenso.errors import DataError
from descenso.text import _

MOST_BYTES = 2**27  # nearly two million epochs
MOST_LINE_BYTES = 2**12

__all__ = ["Epoch", "History", "finite", "read_history"]


class Epoch(NamedTuple):
    """One epoch.

    Attributes:
        epoch: counted from 0.
        cost: mean over the epoch's rows of each batch's cost before its update, in nats; NaN where it diverged.
        seconds: wall time of the epoch in the engine.
    """

    epoch: int
    cost: float
    seconds: float

    @property
    def line(self) -> str:
        """As it stands in `history.jsonl`; JSON has no NaN, so it is null there."""
        return json.dumps({**self._asdict(), "cost": self.cost if math.isfinite(self.cost) else None}) + "\n"


class History(NamedTuple):
    """All epochs of a run, in order."""

    epochs: tuple[Epoch, ...]

    @property
    def costs(self) -> list[float]:
        """The cost of each epoch, in nats."""
        return [epoch.cost for epoch in self.epochs]


def read_history(path: Path) -> History:
    """The history in `path`, without a last line that was cut short; empty where there is no file.

    Raises:
        DataError: for lines that are not a history's.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            epochs = [_epoch(line) for line in file if line.endswith(b"\n")]
    except FileNotFoundError:
        return History(())
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(_("{path}: damaged history ({reason})").format(path=path, reason=error)) from None
    return History(tuple(epochs))


def _epoch(line: bytes) -> Epoch:
    if len(line) > MOST_LINE_BYTES:
        raise ValueError(_("more than {most} bytes").format(most=MOST_LINE_BYTES))
    row = json.loads(line.decode("utf-8"))
    return Epoch(int(row["epoch"]), math.nan if row["cost"] is None else finite(row["cost"]), finite(row["seconds"]))


def finite(written: str | float) -> float:
    """A number as JSON means it: its own grammar knows neither NaN nor infinities, but Python's reader takes them.

    Raises:
        ValueError: for one that is not finite.
    """
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(_("{value} is not finite").format(value=written))
    return number
