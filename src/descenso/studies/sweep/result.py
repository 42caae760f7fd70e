"""Result of a sweep: its lanes ranked, seeds being repetitions, and compared with the same runs trained alone."""

from collections.abc import Mapping
from math import isinf
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from descenso.errors import ConfigError
from descenso.studies import plain
from descenso.studies.sweep.grid import Lane, numbered, repetitions, shown, titled
from descenso.studies.sweep.halving import Audited, Rung, audited, middle, told
from descenso.studies.sweep.ledger import Record, Verified
from descenso.text import _, aligned, plural, spelled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from descenso.reports.sweep import Line
    from descenso.studies.sweep.directory import SweepDirectory

SHOWN = 20  # points of a printed table; table.csv has all lanes


class Point(NamedTuple):
    """The lanes that differ in nothing but the seed.

    Attributes:
        varied: what sets them apart from other points.
        lanes: their numbers.
        scores: of the lanes, in nats, ascending; infinite for those that diverged.
        rung: number of the rung at which they were dropped, from 1; None if they were not.
    """

    varied: tuple[tuple[str, Any], ...]
    lanes: tuple[int, ...]
    scores: tuple[float, ...]
    rung: int | None = None

    @property
    def median(self) -> float:
        """Median of the scores; infinite if any lane diverged."""
        return middle(self.scores)

    @property
    def sound(self) -> bool:
        """Whether it can be the best: no lane diverged or was dropped."""
        return self.rung is None and self.median < float("inf")


class Sweep(NamedTuple):
    """Result of a sweep.

    Attributes:
        path: its directory.
        lanes: all lanes.
        records: of those that have ended, by number.
        verified: lanes that were trained again alone.
        seconds: of training, without compiling.
        compile_seconds: of tracing and compiling.
        notes: how the data was read, in sentences.
        rungs: at which lanes were dropped; none without halving.
        drops: the number of the rung, from 1, at which a lane was dropped, by its number.
        audit: whether dropped lanes were trained to the end all the same.
    """

    path: Path
    lanes: tuple[Lane, ...]
    records: Mapping[int, Record]
    verified: tuple[Verified, ...] = ()
    seconds: float = 0.0
    compile_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    rungs: tuple[Rung, ...] = ()
    drops: Mapping[int, int] = MappingProxyType({})
    audit: bool = False

    @property
    def points(self) -> list[Point]:
        """Points whose lanes have all ended, the best first; those that were dropped come after those that were not,
        and those with a diverged lane last.
        """
        points = [
            Point(key, tuple(of), tuple(sorted(self.records[number].score for number in of)), self.drops.get(of[0]))
            for key, of in repetitions(self.lanes).items()
            if all(number in self.records for number in of)
        ]
        last = len(self.rungs) + 1
        return sorted(points, key=lambda point: (isinf(point.median), last - (point.rung or last), point.median))

    @property
    def best(self) -> int | None:
        """Number of the best lane: of the best point, that with the median score; None if each diverged or was
        dropped.
        """
        points = self.points
        if not points or not points[0].sound:
            return None
        ranked = sorted(points[0].lanes, key=lambda number: (self.records[number].score, number))
        return ranked[(len(ranked) - 1) // 2]

    @property
    def edge(self) -> int | None:
        """Number of the lane next to the edge of divergence: the one with the largest learning rate of those that did
        not diverge, beside one that did where there is any.
        """
        alike = dict[tuple[tuple[str, Any], ...], list[int]]()
        for number in self.records:
            others = {k: v for k, v in self.lanes[number].varied.items() if k != "learning_rate"}
            alike.setdefault(tuple(others.items()), []).append(number)
        edges = list[tuple[bool, float, int]]()
        for numbers in alike.values():
            sound = [number for number in numbers if self.records[number].outcome != "diverged"]
            if sound:
                last = max(sound, key=lambda number: self.lanes[number].config.learning_rate)
                edges.append((len(sound) < len(numbers), self.lanes[last].config.learning_rate, last))
        return max(edges)[2] if edges else None

    @property
    def told_apart(self) -> bool | None:
        """Whether the scores of the best two points do not overlap; None without seeds, or a second point."""
        points = [point for point in self.points if point.sound]
        if len(points) < 2 or len(points[0].lanes) < 2:
            return None
        return points[0].scores[-1] < points[1].scores[0]

    @property
    def holds(self) -> bool:
        """Whether every lane that was trained again alone is the same run."""
        return all(each.holds is not False for each in self.verified)

    def tables(self, most: int = SHOWN) -> list[list[list[str]]]:
        """The best points, at most `most`, one a row: what varies, cost, accuracy, and how the lanes ended."""
        seeds = any(len(point.lanes) > 1 for point in self.points)
        points = self.points
        names = [spelled(name) for name, _value in points[0].varied] if points else []
        lanes = _("lanes") if seeds else _("lane")
        costs = [_("median cost"), _("from"), _("to")] if seeds else [_("cost")]
        head = [lanes, *names, *costs, _("accuracy"), _("outcome")]
        return [[head, *([numbered(point.lanes), *self._cells(point, seeds)] for point in points[:most])]]

    def _cells(self, point: Point, seeds: bool) -> list[str]:
        records = [self.records[number] for number in point.lanes]
        numbers = [point.median, point.scores[0], point.scores[-1]] if seeds else [point.median]
        costs = ["∞" if number == float("inf") else f"{number:.6g}" for number in numbers]
        accuracies = [each.test_accuracy for each in records if each.test_accuracy is not None]
        accuracy = f"{median(accuracies):.4f}" if len(accuracies) == len(records) else "–"
        return [*(shown(value) for _name, value in point.varied), *costs, accuracy, self._outcome(point)]

    def _outcome(self, point: Point) -> str:
        records = [self.records[number] for number in point.lanes]
        diverged = [record.diverged_at for record in records if record.diverged_at]
        if len(records) == 1 and diverged:
            epoch, step = diverged[0]
            return _("diverged at epoch {epoch}, step {step}").format(epoch=epoch, step=step)
        if diverged:
            return _diverged(len(diverged), len(records)).rstrip(".")
        if point.rung is not None:
            epochs = self.rungs[point.rung - 1].epochs
            after = plural("dropped after {count} epoch", "dropped after {count} epochs", epochs)
            return after.format(count=epochs)
        return _(records[0].outcome)

    def sentences(self) -> list[str]:
        """Say which is best, or that none is; how lanes ended; and whether they are the same runs as alone."""
        verdicts = [each.sentence(self.lanes[each.lane].title) for each in self.verified]
        return [*self.notes, *self.ranking(), *told(self.audited), *verdicts]

    @property
    def audited(self) -> tuple[Audited, ...]:
        """What the end of all lanes says of each rung; empty without an audit, and before that end."""
        if not self.audit or len(self.records) < len(self.lanes):
            return ()
        return audited(self.lanes, self.rungs, self.drops, lambda lane, epochs: self.records[lane].score_after(epochs))

    def ranking(self) -> list[str]:
        """Say which point is best, or that none is; how many lanes diverged, and how many have ended."""
        diverged = sum(record.outcome == "diverged" for record in self.records.values())
        lines = list[str]()
        if len(self.records) < len(self.lanes):
            message = _("{done} of {lanes} lanes have ended; to go on: descenso resume {path}")
            lines.append(message.format(done=len(self.records), lanes=len(self.lanes), path=self.path))
        if diverged:
            lines.append(_diverged(diverged, len(self.lanes)))
        dropped = sum(number in self.drops and record.outcome != "diverged" for number, record in self.records.items())
        if dropped:
            message = plural("{count} of {lanes} lanes was dropped.", "{count} of {lanes} lanes were dropped.", dropped)
            lines.append(message.format(count=dropped, lanes=len(self.lanes)))
        best = self.best
        if best is None:
            none = _("No lane is best: every point has a lane that diverged; try smaller learning rates.")
            if any(not isinf(point.median) for point in self.points):
                none = _(
                    "No lane is best: every point that was not dropped has a lane that diverged; leave --halving out."
                )
            return [*lines, none] if self.records else lines
        points = self.points
        if self.told_apart is False:
            message = _("Not told apart by {seeds} seeds: {first} and {second}, whose costs overlap.")
            first, second = (titled(point.varied) for point in points[:2])
            return [*lines, message.format(seeds=len(points[0].lanes), first=first, second=second)]
        message = _("Best by {by}: {title}. The test rows chose nothing.")
        return [*lines, message.format(by=self.scored_by, title=titled(points[0].varied) or self.lanes[best].title)]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        lanes = [
            {"lane": number, **lane.varied, **_json_of(self.records.get(number)), "dropped_at": self.drops.get(number)}
            for number, lane in enumerate(self.lanes)
        ]
        rungs = [rung._asdict() for rung in self.rungs]
        for rung, each in zip(rungs, self.audited, strict=False):
            rung |= each._asdict()
        verified = {
            "lanes": [each._asdict() | {"holds": each.holds} for each in self.verified],
            "largest_cost_difference": max((each.cost_difference for each in self.verified), default=None),
            "largest_weight_difference": max((each.weight_difference for each in self.verified), default=None),
        }
        answer = {"sweep": str(self.path), "lanes": lanes, "best": self.best, "told_apart": self.told_apart}
        answer |= {"rungs": rungs} if rungs else {}
        times = {"seconds": self.seconds, "compile_seconds": self.compile_seconds}
        return dict(plain({**answer, **times, "verified": verified}))

    def plot(self) -> "Figure":
        """Draw the cost curves of the lanes that have ended, and the final cost against what varies."""
        from descenso.reports.sweep import sweep_figure  # matplotlib takes a quarter of a second

        return sweep_figure(self._lines(), self.scored_by)

    def parallel_coordinates(self) -> "Figure":
        """Draw the lanes that have ended over parallel axes: the settings that vary, cost and accuracies.

        Raises:
            ConfigError: unless at least two settings besides the seed vary.
        """
        from descenso.reports.parallel import parallel_figure

        if not self.has_parallel_coordinates:
            raise ConfigError(_("parallel coordinates need two settings that vary, besides the seed; try plot()"))
        return parallel_figure(self._lines(), self.scored_by)

    @property
    def has_parallel_coordinates(self) -> bool:
        """Whether at least two settings besides the seed vary among the lanes that have ended."""
        from descenso.reports.sweep import SEED, varied_by

        return len([name for name in varied_by(self._lines()) if name != SEED]) >= 2

    def _lines(self) -> "list[Line]":
        from descenso.reports.sweep import Line

        lines = list[Line]()
        for number, record in sorted(self.records.items()):
            measures = {_("test accuracy"): record.test_accuracy}
            if any(each.validation_accuracies for each in self.records.values()):
                measures = {_("validation accuracy"): record.validation_accuracy, **measures}
            rung = None if record.outcome == "diverged" else self.drops.get(number)
            dropped = None if rung is None else self.rungs[rung - 1].epochs
            lines.append(Line(self.lanes[number].varied, record.costs, record.score, measures, dropped))
        return lines

    @property
    def scored_by(self) -> str:
        """What lanes are ranked by, in words."""
        validated = any(record.validation_costs for record in self.records.values())
        return _("validation cost (nats)") if validated else _("cost of the last epoch (nats)")

    def __repr__(self) -> str:
        return "\n".join([*map(aligned, self.tables()), *self.sentences()])


def _diverged(count: int, lanes: int) -> str:
    same = plural("{count} of {lanes} lanes diverged.", "{count} of {lanes} lanes diverged.", count)
    return same.format(count=count, lanes=lanes)


def result_of(directory: "SweepDirectory") -> Sweep:
    """Return the result of a sweep, as far as it is, from its directory."""
    entries = directory.entries
    verified = {entry["verified"]["lane"]: Verified(**entry["verified"]) for entry in entries if "verified" in entry}
    times = [entry["times"] for entry in entries if "times" in entry]
    seconds, compiling = (sum(float(each[name]) for each in times) for name in ("seconds", "compile_seconds"))
    lanes = directory.path, directory.lanes, directory.records, tuple(verified.values())
    halving = directory.rungs, directory.drops, directory.audit
    return Sweep(*lanes, seconds, compiling, directory.notes, *halving)


def _json_of(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"outcome": None}
    return {name: value for name, value in record._asdict().items() if name != "lane"}
