"""Records of the lanes of a sweep that have ended, in a file that is only ever appended to."""

import hashlib
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from descenso.errors import DataError
from descenso.files import disk_errors, open_regular
from descenso.studies import MOST, plain
from descenso.text import _, prose, reason_of

LEDGER = "ledger.jsonl"
MOST_BYTES = 2**30
DROPPED = "dropped"  # outcome of a lane that halving has ended


class Record(NamedTuple):
    """Result of one lane.

    Attributes:
        lane: its name.
        outcome: "completed", "stopped early", "diverged", or "dropped" by halving before any of these.
        costs: mean cost of each epoch, in nats; of a diverged lane the last one is NaN.
        validation_costs, validation_accuracies: after each epoch; empty without validation rows; NaN where not finite.
        diverged_at: epoch and step of the first cost that was not finite, from 0.
        best_epoch: whose weights were kept, where there is a patience.
        fingerprint: of the weights; None if it diverged.
        test_accuracy: in [0, 1]; None if it diverged.
        test_cost: in nats; None likewise.
        width: number of lanes in the program that trained it last; 1 if alone.
    """

    lane: str
    outcome: str
    costs: tuple[float, ...]
    validation_costs: tuple[float, ...] = ()
    validation_accuracies: tuple[float, ...] = ()
    diverged_at: tuple[int, int] | None = None
    best_epoch: int | None = None
    fingerprint: str | None = None
    test_accuracy: float | None = None
    test_cost: float | None = None
    width: int = 1

    @property
    def score(self) -> float:
        """The cost by which lanes are ranked, in nats: that of the validation rows where there are any, of the epoch
        whose weights are kept, else that of the last training epoch; infinite if it diverged, or where that cost is not
        finite. Test rows choose nothing.
        """
        return self.score_after(len(self.costs))

    def score_after(self, epochs: int) -> float:
        """Return the score that the lane had after so many epochs, at least 1, or where it had ended before."""
        if self.diverged_at and self.diverged_at[0] < epochs:
            return math.inf
        costs = self.validation_costs[:epochs] or self.costs[:epochs]
        kept = self.validation_costs and self.best_epoch is not None
        score = min((cost for cost in costs if math.isfinite(cost)), default=math.inf) if kept else costs[-1]
        return score if math.isfinite(score) else math.inf

    @property
    def validation_accuracy(self) -> float | None:
        """Share of validation rows that are classified right, in the epoch of the score; None if it diverged, and
        without validation rows.
        """
        if self.outcome == "diverged" or not self.validation_accuracies:
            return None
        return self.validation_accuracies[-1 if self.best_epoch is None else self.best_epoch]


class Verified(NamedTuple):
    """One lane, trained again alone.

    Attributes:
        lane: its number.
        why: "best", "edge" or "all".
        cost_difference: largest of its epochs, relative to the largest cost.
        weight_difference: largest of its parameters at the end, relative to the largest of each array.
        epoch: in which the costs differ most.
        limit: what is allowed: 1e-9 in float64; in float32, 8 times what rounding alone does to the lane.
        same_end: whether both ended in the same way; in float64, where they diverged, at the same step.
    """

    lane: int
    why: str
    cost_difference: float
    weight_difference: float
    epoch: int
    limit: float
    same_end: bool

    @property
    def holds(self) -> bool | None:
        """Whether both are the same run; None where rounding alone may make a larger difference than can be allowed."""
        if self.limit > MOST:
            return None
        return self.same_end and max(self.cost_difference, self.weight_difference) <= self.limit

    def sentence(self, title: str) -> str:
        """Say whether the lane, whose settings are `title`, is the same run alone."""
        message = _(
            "Lane {lane} ({title}) trained alone: the same run; costs differ by at most {cost:.1e}, weights by "
            "{weights:.1e} ({limit:.1e} is allowed)."
        )
        if self.holds is None:
            message = _(
                "Lane {lane} ({title}) trained alone: float32 cannot tell, since rounding alone may do {limit:.1e}"
                "; costs differ by {cost:.1e}, weights by {weights:.1e}; try --dtype float64."
            )
        elif not self.holds:
            message = _(
                "Lane {lane} ({title}) trained alone is ANOTHER run: costs differ by {cost:.1e}, most in epoch "
                "{epoch}, weights by {weights:.1e} ({limit:.1e} is allowed)."
            )
        numbers = {"cost": self.cost_difference, "weights": self.weight_difference, "limit": self.limit}
        return prose(message, lane=self.lane, title=title, epoch=self.epoch, **numbers)


def append(folder: Path, entries: Iterable[dict[str, Any]]) -> None:
    """Append entries, one line each with its digest, and sync them to disk."""
    lines = "".join(_line(entry) for entry in entries)
    with disk_errors(folder / LEDGER, len(lines)), (folder / LEDGER).open("a", encoding="utf-8") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def _line(entry: dict[str, Any]) -> str:
    text = json.dumps(plain(entry), sort_keys=True, allow_nan=False)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {text}\n"


def read(folder: Path) -> list[dict[str, Any]]:
    """Read the entries. A last line that a crash has cut short is left out.

    Raises:
        DataError: for a damaged line before the last one.
    """
    path = folder / LEDGER
    if not path.exists():
        return []
    with open_regular(path, MOST_BYTES) as file:
        lines = file.read().decode("utf-8", "replace").split("\n")
    entries = list[dict[str, Any]]()
    for number, line in enumerate(lines[:-1]):
        digest, _space, text = line.partition(" ")
        try:
            if hashlib.sha256(text.encode()).hexdigest()[:16] != digest:
                raise ValueError(_("its digest does not match"))
            entries.append(json.loads(text))
        except ValueError as error:
            message = _("{path}: line {line} is damaged ({reason}); remove it, and its lane is trained again")
            raise DataError(message.format(path=path, line=number + 1, reason=reason_of(error))) from None
    return entries


def cut(folder: Path) -> None:
    """Remove what a crash has left of a last line."""
    path = folder / LEDGER
    if not path.exists():
        return
    with disk_errors(path), path.open("r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
        file.flush()
        os.fsync(file.fileno())


def records(entries: Iterable[dict[str, Any]]) -> dict[str, Record]:
    """Return the records of lanes by name."""
    return {entry["lane"]: _record(entry) for entry in entries if "lane" in entry}


def _record(entry: dict[str, Any]) -> Record:
    numbers = {name: tuple(each if each is not None and math.isfinite(each) else math.nan for each in entry[name])
               for name in ("costs", "validation_costs", "validation_accuracies")}  # fmt: skip
    at = entry.get("diverged_at")
    return Record(**{**entry, **numbers, "diverged_at": tuple(at) if at else None})
