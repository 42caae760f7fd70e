"""The history of a run: one line an epoch, only ever appended to."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from descenso.errors import DataError
from descenso.files import open_regular
from descenso.text import _

MOST_BYTES = 2**27  # nearly two million epochs
MOST_LINE_BYTES = 2**12


class Epoch(NamedTuple):
    """One epoch.

    Attributes:
        epoch: counted from 0.
        cost: mean over the epoch's rows of each batch's cost before its update, in nats; NaN where it diverged.
        seconds: wall time of the epoch in the engine.
        validation_cost: mean cross-entropy of the rows kept back, after the epoch, in nats; None without such rows.
        validation_accuracy: fraction of them that is classified rightly, in [0, 1].
    """

    epoch: int
    cost: float
    seconds: float
    validation_cost: float | None = None
    validation_accuracy: float | None = None

    @property
    def line(self) -> str:
        """As it stands in `history.jsonl`; JSON has no NaN, so it is null there."""
        told = {name: value for name, value in self._asdict().items() if value is not None and math.isfinite(value)}
        return json.dumps({"epoch": self.epoch, "cost": None, **told}) + "\n"


class History(NamedTuple):
    """All epochs of a run, in order."""

    epochs: tuple[Epoch, ...]

    @property
    def costs(self) -> list[float]:
        """The cost of each epoch, in nats."""
        return [epoch.cost for epoch in self.epochs]

    @property
    def validation_costs(self) -> list[float]:
        """The validation cost after each epoch, in nats; empty without validation."""
        return [epoch.validation_cost for epoch in self.epochs if epoch.validation_cost is not None]


def read_history(path: Path) -> History:
    """The history in `path`, without a last line that was cut short; empty where there is no file.

    Raises:
        DataError: for lines that are not a history's.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            epochs = [_epoch(line) for line in _lines(file)]
    except FileNotFoundError:
        return History(())
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(_("{path}: damaged history ({reason})").format(path=path, reason=error)) from None
    except MemoryError:
        raise DataError(_("{path}: it holds more than there is memory for").format(path=path)) from None
    return History(tuple(epochs))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The whole lines of `file`; of one that is too long, so much as shows it."""
    while line := file.readline(MOST_LINE_BYTES + 1):
        ended = line
        while ended and not ended.endswith(b"\n"):  # nothing is said of a last one, however long it has become
            ended = file.readline(2**16)
        if ended:
            yield line


def _epoch(line: bytes) -> Epoch:
    if len(line) > MOST_LINE_BYTES:
        raise ValueError(_("more than {most} bytes").format(most=MOST_LINE_BYTES))
    row = json.loads(line.decode("utf-8"))
    cost = math.nan if row["cost"] is None else finite(row["cost"])
    validated = (finite(row[name]) if name in row else None for name in ("validation_cost", "validation_accuracy"))
    return Epoch(int(row["epoch"]), cost, finite(row["seconds"]), *validated)


def finite(written: str | float) -> float:
    """A number as JSON means it: its own grammar knows neither NaN nor infinities, but Python's reader takes them.

    Raises:
        ValueError: for one that is not finite.
    """
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(_("{value} is not finite").format(value=written))
    return number
