"""Read and format the history of a run: one line per epoch, and one per change of the learning rate by hand."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from descenso.errors import DataError
from descenso.files import open_regular
from descenso.text import _, reason_of

MOST_BYTES = 2**27  # nearly two million epochs
MOST_LINE_BYTES = 2**12


class Epoch(NamedTuple):
    """Record of one epoch.

    Attributes:
        epoch: number, from 0.
        cost: mean over the epoch's rows of each batch's cost before its update, in nats; NaN if it diverged.
        seconds: wall time in the engine.
        validation_cost: mean cross-entropy of the validation rows after the epoch, in nats; None without any.
        validation_accuracy: fraction of them that is classified correctly, in [0, 1]; None likewise.
    """

    epoch: int
    cost: float
    seconds: float
    validation_cost: float | None = None
    validation_accuracy: float | None = None

    @property
    def line(self) -> str:
        """The line of `history.jsonl`; JSON has no NaN, so a cost that is not finite is null."""
        fields = {name: value for name, value in self._asdict().items() if value is not None and math.isfinite(value)}
        return json.dumps({"epoch": self.epoch, "cost": None, **fields}) + "\n"


class RateChange(NamedTuple):
    """Record of a change of the learning rate by hand.

    Attributes:
        epoch, step: position at which it took effect: epochs done, and steps of the next one.
        learning_rate: the new one, in (0, inf).
    """

    epoch: int
    step: int
    learning_rate: float

    @property
    def line(self) -> str:
        """The line of `history.jsonl`."""
        return json.dumps(self._asdict()) + "\n"


class History(NamedTuple):
    """Epochs of a run, in order, and the changes of its learning rate by hand."""

    epochs: tuple[Epoch, ...]
    changes: tuple[RateChange, ...] = ()

    if not TYPE_CHECKING:  # type: ignore[misc] # type checkers refuse a name that there is not

        def __getattr__(self, name: str) -> Any:
            from descenso.guesses import no_attribute

            raise AttributeError(no_attribute("History", name), name=name, obj=self)

        def __getitem__(self, key: Any) -> Any:
            if not isinstance(key, str):
                return tuple.__getitem__(self, key)
            from descenso.guesses import no_attribute

            raise TypeError(no_attribute("History", key, "item"))

    def __repr__(self) -> str:
        costs = f", cost {self.costs[0]:.6g} to {self.costs[-1]:.6g}" if self.epochs else ""
        return f"<History: {len(self.epochs)} epochs{costs}>"

    @property
    def costs(self) -> list[float]:
        """The cost of each epoch, in nats."""
        return [epoch.cost for epoch in self.epochs]

    @property
    def validation_costs(self) -> list[float]:
        """The validation cost after each epoch, in nats; empty without validation."""
        return [epoch.validation_cost for epoch in self.epochs if epoch.validation_cost is not None]

    @property
    def validation_accuracies(self) -> list[float]:
        """The fraction of validation rows classified correctly after each epoch; empty without validation."""
        return [epoch.validation_accuracy for epoch in self.epochs if epoch.validation_accuracy is not None]


def read_history(path: Path) -> History:
    """Read a history, without an incomplete last line; empty if there is no file.

    Raises:
        DataError: if another line is no record.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            records = [_record(line) for line in _lines(file)]
    except FileNotFoundError:
        return History(())
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(_("{path}: damaged history ({reason})").format(path=path, reason=reason_of(error))) from None
    except MemoryError:
        raise DataError(_("{path}: it holds more than there is memory for").format(path=path)) from None
    epochs = tuple(record for record in records if isinstance(record, Epoch))
    return History(epochs, tuple(record for record in records if isinstance(record, RateChange)))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the complete lines of `file`, each cut after `MOST_LINE_BYTES` + 1 bytes."""
    while line := file.readline(MOST_LINE_BYTES + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):  # an incomplete last line is ignored, however long it is
            rest = file.readline(2**16)
        if rest:
            yield line


def _record(line: bytes) -> Epoch | RateChange:
    if len(line) > MOST_LINE_BYTES:
        raise ValueError(_("more than {most} bytes").format(most=MOST_LINE_BYTES))
    row = json.loads(line.decode("utf-8"))
    if "learning_rate" in row:
        change = RateChange(int(row["epoch"]), int(row["step"]), finite(row["learning_rate"]))
        if min(change.epoch, change.step) < 0 or change.learning_rate <= 0:
            raise ValueError(f"{change}")
        return change
    cost = math.nan if row["cost"] is None else finite(row["cost"])
    validated = (finite(row[name]) if name in row else None for name in ("validation_cost", "validation_accuracy"))
    return Epoch(int(row["epoch"]), cost, finite(row["seconds"]), *validated)


def finite(written: str | float) -> float:
    """Parse a number, and refuse NaN and infinities, which JSON has not but Python's reader accepts.

    Raises:
        ValueError: if it is not finite.
    """
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(_("{value} is not finite").format(value=written))
    return number
