"""The history of a run: one line an epoch, only ever appended to."""

import json
import math
from pathlib import Path
from typing import NamedTuple

from descenso.errors import DataError
from descenso.text import _

__all__ = ["Epoch", "History", "read_history"]


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
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        rows = [json.loads(line) for line in lines]
        costs = [math.nan if row["cost"] is None else float(row["cost"]) for row in rows]
        epochs = [Epoch(int(row["epoch"]), cost, float(row["seconds"])) for row, cost in zip(rows, costs, strict=True)]
    except FileNotFoundError:
        return History(())
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(_("{path}: damaged history ({reason})").format(path=path, reason=error)) from None
    return History(tuple(epochs))
