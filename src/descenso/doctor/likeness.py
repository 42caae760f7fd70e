"""Compare a training run with earlier healthy ones: what departs from them, and how far beyond their spread."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from descenso.config import SETTINGS, TrainConfig
from descenso.doctor.checks_step import dead_shares
from descenso.doctor.evidence import Evidence, Step
from descenso.errors import ConfigError, DataError
from descenso.registry import SHAPES
from descenso.runs.directory import RunDirectory, open_directory
from descenso.studies import plain
from descenso.text import _, aligned, mark, prose, spelled
from descenso.training.control import Outcome

BEYOND = 2.0  # spreads between a value and the nearest one of the healthy runs, above which it departs
LEAST_RUNS = 2  # healthy runs that are needed for a spread
ALIKE = ("model", "batch_size", "loss", *SHAPES)  # settings without which costs and gradients are not comparable


class Kind(NamedTuple):
    """A kind of measure.

    Attributes:
        title: its name in a table, with the fields layer and epoch, marked for the catalogue.
        least: the smallest spread that is believed, as a share of the middle; of shares in [0, 1], as it is.
        above: whether only values above those of the healthy runs depart.
        end: whether it is taken after the last epoch, so that runs of other lengths have another.
    """

    title: str
    least: float
    above: bool = False
    end: bool = False


KINDS = {  # in the order in which their causes act
    "first_gradient": Kind(mark("gradient of {layer} at the start"), 0.3),
    "first_cost": Kind(mark("cost of the first step"), 0.1),
    "early_cost": Kind(mark("mean cost of the next steps"), 0.1),
    "cost": Kind(mark("cost of epoch {epoch}"), 0.1),
    "validation_cost": Kind(mark("validation cost of epoch {epoch}"), 0.1),
    "update": Kind(mark("change of {layer} in all"), 0.3, end=True),
    "gradient": Kind(mark("gradient of {layer} at the end"), 0.5, end=True),
    "dead_units": Kind(mark("share of dead units of {layer}"), 0.05, above=True, end=True),
    "step_seconds": Kind(mark("seconds a step of the fastest epoch"), 0.35, above=True),
}
SMALL_COST = 0.05  # of ln C: the spread of costs near 0 is that of this cost

Key = tuple[str, str, int]  # kind, layer or "", and epoch or -1
Measures = Mapping[Key, float]


class Departure(NamedTuple):
    """A measure by which a run departs from healthy ones.

    Attributes:
        kind: a key of `KINDS`.
        layer: the kernel of which it is, or "".
        epoch: of which it is, the one that departs most, or None.
        value: that of the run; NaN for a cost that is not finite.
        low, high: range of the healthy runs.
        spreads: how many times their spread it lies beyond them; infinite where it is not finite.
    """

    kind: str
    layer: str
    epoch: int | None
    value: float
    low: float
    high: float
    spreads: float

    @property
    def title(self) -> str:
        """Name of the measure, for a person to read."""
        return _(KINDS[self.kind].title).format(layer=self.layer, epoch=self.epoch)


class Likeness(NamedTuple):
    """How a run departs from earlier healthy ones.

    Attributes:
        departures: in the order in which their causes act.
        settings: those that no healthy run has: its value, and theirs.
        compared: the healthy runs that it was compared with.
        left_out: other runs, and the reason of each.
        limited: what was not compared, in sentences.
    """

    departures: tuple[Departure, ...]
    settings: Mapping[str, tuple[Any, tuple[Any, ...]]]
    compared: tuple[str, ...]
    left_out: Mapping[str, str] = {}
    limited: tuple[str, ...] = ()

    def tables(self) -> list[list[list[str]]]:
        """One row a departure: measure, value, range of the healthy runs, and how many spreads beyond; or no table."""
        rows = [[_("measure"), _("this run"), _("from"), _("to"), _("spreads beyond")]]
        for each in self.departures:
            cells = ("∞" if not math.isfinite(value) else f"{value:.3g}" for value in each[3:])
            rows.append([each.title, *cells])
        return [rows] if self.departures else []

    def sentences(self) -> list[str]:
        """Say with how many runs it was compared, in which settings it differs, and what was left out."""
        count = len(self.compared)
        message = _("Nothing departs from the healthy runs, of which there are {count}.")
        lines = [] if self.departures else [prose(message, count=count)]
        for name, (value, others) in self.settings.items():
            line = _("{name} is {value} here, and {others} in the healthy runs.")
            lines.append(line.format(name=spelled(name), value=value, others=", ".join(map(str, others))))
        lines += [_("{run} is left out: {reason}.").format(run=run, reason=why) for run, why in self.left_out.items()]
        return [*lines, *self.limited]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        return dict(plain(self._asdict()))

    def __repr__(self) -> str:
        return "\n".join([*map(aligned, self.tables()), *self.sentences()])


def comparable(directory: RunDirectory, paths: Sequence[Path]) -> tuple[list[RunDirectory], dict[str, str]]:
    """Return the runs that can be compared with that of `directory`, by what they recorded, and why others cannot.

    Raises:
        ConfigError: if there are fewer than two.
    """
    healthy, left_out = list[RunDirectory](), dict[str, str]()
    for path in paths:
        if path.resolve() == directory.path.resolve():  # as `runs/*` may name it, too
            continue
        try:
            other = open_directory(path)
            reason = _unlike(directory, other)
        except DataError as error:
            reason = str(error)
        if reason:
            left_out[str(path)] = reason
        else:
            healthy.append(other)
    if len(healthy) < LEAST_RUNS:
        message = _("{run}: {count} of the runs given are comparable, expected {least} at least ({reasons})")
        reasons = "; ".join(f"{run}: {reason}" for run, reason in left_out.items()) or _("no others were given")
        raise ConfigError(message.format(run=directory.path, count=len(healthy), least=LEAST_RUNS, reasons=reasons))
    return healthy, left_out


def _unlike(directory: RunDirectory, other: RunDirectory) -> str:
    """Return the reason for which two runs are not comparable, or ""."""
    if other.outcome not in (Outcome.COMPLETED.value, Outcome.STOPPED_EARLY.value):
        return _("its outcome is {outcome}").format(outcome=_(other.outcome))
    for name in ALIKE:
        mine, its = getattr(directory.config, name), getattr(other.config, name)
        if mine != its:
            return _("its {name} is {other}, and here {value}").format(name=spelled(name), other=its, value=mine)
    rows = directory.status.get("data")
    return _("it was trained on other rows") if rows is None or other.status.get("data") != rows else ""


def likeness(
    mine: tuple[RunDirectory, Evidence],
    healthy: Sequence[tuple[RunDirectory, Evidence]],
    left_out: Mapping[str, str],
) -> Likeness:
    """Compare a run with healthy ones, of each its directory and the evidence on it."""
    epochs = [len(directory.history.epochs) for directory, _evidence in (mine, *healthy)]
    measures = [_measures(directory, evidence) for directory, evidence in (mine, *healthy)]
    same = [measures[0]]
    for each, count in zip(measures[1:], epochs[1:], strict=True):
        ends = count == epochs[0]  # the ends of runs of different lengths are not comparable
        same.append({key: value for key, value in each.items() if ends or not KINDS[key[0]].end})
    limited = list[str]()
    if sum(count == epochs[0] for count in epochs[1:]) < LEAST_RUNS and mine[1].last:
        message = _("The ends are not compared: too few of the healthy runs are as long (epochs: {epochs}).")
        limited.append(message.format(epochs=epochs[0]))
    uniform_cost = mine[1].course.uniform_cost if mine[1].course else 0.0
    return Likeness(
        departures(same[0], same[1:], uniform_cost),
        _differing(mine[0].config, [directory.config for directory, _evidence in healthy]),
        tuple(str(directory.path) for directory, _evidence in healthy),
        left_out,
        tuple(limited),
    )


def _measures(directory: RunDirectory, evidence: Evidence) -> dict[Key, float]:
    """Return all measures of a run: costs in nats, norms of gradients and changes, shares of dead units, seconds."""
    found, epochs = dict[Key, float](), directory.history.epochs
    course, first, last = evidence.course, evidence.step, evidence.last
    if course is None or first is None:
        return found
    if course.early:
        found["first_cost", "", -1] = course.early[0]
        found["early_cost", "", -1] = float(np.mean(course.early[1:] or course.early))
    for epoch in epochs:
        found["cost", "", epoch.epoch] = epoch.cost
        if epoch.validation_cost is not None:
            found["validation_cost", "", epoch.epoch] = epoch.validation_cost
    found |= {("first_gradient", name, -1): norm for name, norm in _norms(first).items()}
    if last is not None:
        found |= {("gradient", name, -1): norm for name, norm in _norms(last).items()}
        found |= {("dead_units", name, -1): share for name, share in dead_shares(last).items()}
        changes = {name: array - first.weights[name] for name, array in last.weights.items() if name in first.weights}
        found |= {("update", name, -1): float(np.linalg.norm(change)) for name, change in changes.items()}
    if epochs and course.steps:
        found["step_seconds", "", -1] = min(epoch.seconds for epoch in epochs) * len(epochs) / course.steps
    return found


def _norms(step: Step) -> dict[str, float]:
    return {name: float(np.linalg.norm(array)) for name, array in step.kernels.items()}


def _differing(config: TrainConfig, others: Sequence[TrainConfig]) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Return the settings of which no other run has the value: the value, and those of the others."""
    found = dict[str, tuple[Any, tuple[Any, ...]]]()
    for name in SETTINGS:
        value, theirs = getattr(config, name), [getattr(other, name) for other in others]
        if value not in theirs and name not in ("data", "seed"):
            found[name] = value, tuple(dict.fromkeys(theirs))
    return found


def departures(mine: Measures, healthy: Sequence[Measures], uniform_cost: float) -> tuple[Departure, ...]:
    """Return where a run lies beyond the healthy ones, of each kind and layer the measure that departs most.

    The spread is the range of the healthy runs, or the least that is believed if that is larger.

    Args:
        mine: its measures.
        healthy: those of the healthy runs; what fewer than two have is not compared.
        uniform_cost: ln C.
    """
    most = dict[tuple[str, str], Departure]()
    for key, value in mine.items():
        theirs = [measures[key] for measures in healthy if key in measures and math.isfinite(measures[key])]
        if len(theirs) < LEAST_RUNS:
            continue
        kind, layer, epoch = key
        low, high = min(theirs), max(theirs)
        spreads = _spreads(kind, value, theirs, uniform_cost)
        found = Departure(kind, layer, None if epoch < 0 else epoch, value, low, high, spreads)
        before = most.get((kind, layer))
        if spreads > BEYOND and (before is None or spreads > before.spreads):
            most[kind, layer] = found
    return tuple(sorted(most.values(), key=lambda each: list(KINDS).index(each.kind)))


def _spreads(kind: str, value: float, theirs: Sequence[float], uniform_cost: float) -> float:
    """Return by how many spreads a value lies beyond others; 0 within their range."""
    if not math.isfinite(value):
        return math.inf
    least = KINDS[kind].least
    if "cost" in kind:
        least *= max(float(np.median(theirs)), SMALL_COST * uniform_cost)
    elif kind != "dead_units":  # norms and seconds by their ratio
        value, *theirs = (math.log(max(each, 1e-30)) for each in (value, *theirs))
    low, high = min(theirs), max(theirs)
    beyond = max(value - high, 0.0 if KINDS[kind].above else low - value, 0.0)
    return beyond / max(high - low, least)
