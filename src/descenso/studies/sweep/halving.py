"""Synchronous successive halving: at rungs known in advance, the worse half of the settings is dropped.

Terms are those of Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization"
(AISTATS 2016), and of Li et al., "Hyperband" (JMLR 18, 2018). Importable without TensorFlow.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from descenso.errors import ConfigError
from descenso.studies.sweep.grid import Lane, repetitions
from descenso.text import _, option, plural, prose

FIRST_EPOCHS = 2  # least of the first rung: the cost of the first epoch, with one batch, is that of the start for all


class Rung(NamedTuple):
    """A point in training at which settings are compared, and some are dropped.

    Attributes:
        epochs: that every lane has been trained for when it is reached.
        keep: how many settings go on at most, each with all of its seeds; one with a diverged seed never does.
    """

    epochs: int
    keep: int


class Audited(NamedTuple):
    """What the later training of the dropped lanes says of a rung.

    Attributes:
        rung: its number, from 1.
        correlation: Spearman's, of the scores of settings at the rung and at the end; None where all are equal.
        winner_dropped: whether the setting that is best in the end was dropped here.
        seeds_dropped: in how many of the seeds, each ranked by itself, the best in the end would have been dropped.
        seeds: how many there are in which a lane did not diverge.
    """

    rung: int
    correlation: float | None
    winner_dropped: bool
    seeds_dropped: int
    seeds: int


def rungs_of(lanes: Sequence[Lane], halving: bool, audit: bool) -> tuple[Rung, ...]:
    """Return the rungs of a sweep of `lanes`, the first first; none without `halving`.

    Each rung halves the settings, and each lasts twice as long as the one before, so that between two rungs all lanes
    together are trained for about the same number of epochs. There are as many as settings and epochs can be halved,
    the first after at least two epochs.

    Raises:
        ConfigError: where that is not once, for lanes of different numbers of epochs, and for an audit of no halving.
    """
    if audit and not halving:
        raise ConfigError(_("audit says how good halving was, which is not asked for; try --audit with --halving"))
    if not halving:
        return ()
    points, epochs = len(repetitions(lanes)), {lane.config.epochs for lane in lanes}
    if points < 2:
        message = _("halving needs at least 2 settings besides the seed, got 1; leave {options} out")
        given = [option("halving"), option("audit")] if audit else [option("halving")]
        raise ConfigError(message.format(options=", ".join(given)))
    if len(epochs) > 1:
        message = _("halving compares lanes of equally many epochs, got {epochs}; try --epochs {most}")
        raise ConfigError(message.format(epochs=", ".join(map(str, sorted(epochs))), most=max(epochs)))
    return _halved(points, epochs.pop())


def _halved(points: int, epochs: int) -> tuple[Rung, ...]:
    """Return the rungs of so many settings and epochs.

    >>> [tuple(rung) for rung in _halved(16, 27)]
    [(3, 8), (6, 4), (13, 2)]
    """
    if epochs < 2 * FIRST_EPOCHS:
        message = _("halving needs at least {least} epochs, got {epochs}; try --epochs {least}")
        raise ConfigError(message.format(least=2 * FIRST_EPOCHS, epochs=epochs))
    count = min(points, epochs // FIRST_EPOCHS).bit_length() - 1
    return tuple(Rung(epochs >> (count - place), -(-points >> (place + 1))) for place in range(count))


def sentences(lanes: Sequence[Lane], rungs: Sequence[Rung], audit: bool) -> list[str]:
    """Say what happens at each rung, and how much training that saves."""
    if not rungs:
        return []
    seeds, total = len(lanes) // len(repetitions(lanes)), lanes[0].config.epochs
    lines = list[str]()
    for number, rung in enumerate(rungs, start=1):
        after = plural("after {count} epoch", "after {count} epochs", rung.epochs).format(count=rung.epochs)
        on = plural("at most {count} lane goes on", "at most {count} lanes go on", rung.keep * seeds)
        lines.append(_("Rung {number}: {after} {on}.").format(number=number, after=after, on=on.format(
            count=rung.keep * seeds)))  # fmt: skip
    if audit:
        return [*lines, _("The lanes that are dropped are trained to the end, too, for the audit.")]
    share = sum(planned(lanes, rungs)) / (len(lanes) * total)
    return [
        *lines,
        prose(_("All lanes together train at most {share:.0%} of their epochs."), share=share),
    ]


def planned(lanes: Sequence[Lane], rungs: Sequence[Rung], audit: bool = False) -> list[int]:
    """Return how many epochs of lanes are to be trained up to each rung, and to the end, at most."""
    points = len(repetitions(lanes))
    ends = [*(rung.epochs for rung in rungs), lanes[0].config.epochs]
    counts = [points, *(points if audit else rung.keep for rung in rungs)]
    begins = [0, *ends[:-1]]
    return [
        count * (len(lanes) // points) * (end - begin) for count, begin, end in zip(counts, begins, ends, strict=True)
    ]


def dropped(lanes: Sequence[Lane], rung: Rung, scores: Mapping[int, float]) -> list[int]:
    """Return the lanes that are dropped at a rung.

    Settings are ranked by the median score of their seeds. One with a diverged seed, or a score that is not finite,
    comes last and is dropped in any case, as it can never be the best. Ties are broken by the names of the lanes.

    Args:
        lanes: of the sweep.
        rung: that is reached.
        scores: by number, in nats, of the lanes that were not dropped before; infinite of those that diverged.
    """
    points = [numbers for numbers in repetitions(lanes).values() if numbers[0] in scores]

    def order(numbers: Sequence[int]) -> tuple[float, list[str]]:
        return middle([scores[number] for number in numbers]), sorted(lanes[number].name for number in numbers)

    ranked = sorted(points, key=order)
    kept = [numbers for numbers in ranked[: rung.keep] if order(numbers)[0] < math.inf]
    return sorted(number for numbers in points if numbers not in kept for number in numbers)


def middle(scores: Sequence[float]) -> float:
    """Return the median of the scores of seeds; infinite if any is not finite."""
    return median(scores) if all(map(math.isfinite, scores)) else math.inf


def audited(
    lanes: Sequence[Lane], rungs: Sequence[Rung], drops: Mapping[int, int], score: Callable[[int, int], float]
) -> tuple[Audited, ...]:
    """Compare what was dropped at each rung with how all lanes ended; nothing where no setting is best in the end.

    Args:
        lanes: of the sweep, all of which were trained to their ends.
        rungs: of it.
        drops: number of the rung, from 1, at which a lane was dropped.
        score: (lane, epochs) -> its score after so many epochs.
    """
    points, last = list(repetitions(lanes).values()), lanes[0].config.epochs
    found = list[Audited]()
    ends = [middle([score(number, last) for number in numbers]) for numbers in points]
    winner = min(range(len(points)), key=lambda place: ends[place])
    if math.isinf(ends[winner]):
        return ()
    seeds = [column for column in zip(*points, strict=True) if min(score(number, last) for number in column) < math.inf]
    for number, rung in enumerate(rungs, start=1):
        before = [middle([score(lane, rung.epochs) for lane in numbers]) for numbers in points]
        lost = sum(_loses(column, rung, score, last) for column in seeds)
        out = drops.get(points[winner][0]) == number
        found.append(Audited(number, spearman(before, ends), out, lost, len(seeds)))
    return tuple(found)


def _loses(column: Sequence[int], rung: Rung, score: Callable[[int, int], float], last: int) -> bool:
    """Return whether the best of the lanes of one seed is not among those that go on at `rung` by their own ranks."""
    winner = min(column, key=lambda number: score(number, last))
    better = sum(score(number, rung.epochs) < score(winner, rung.epochs) for number in column)
    return better >= rung.keep


def told(audit: Sequence[Audited]) -> list[str]:
    """Say what an audit found."""
    lines = list[str]()
    for each in audit:
        rank = "–" if each.correlation is None else prose("{rank:.2f}", rank=each.correlation)
        message = _(
            "Rung {number}: ranks here and at the end correlate by {rank} (Spearman); the later winner was kept."
        )
        if each.winner_dropped:
            message = _(
                "Rung {number}: ranks here and at the end correlate by {rank} (Spearman); the later winner was DROPPED."
            )
        lines.append(message.format(number=each.rung, rank=rank))
        if each.seeds > 1:
            message = _("By one seed alone its winner would have been dropped there with {count} of {seeds} seeds.")
            lines[-1] += " " + message.format(count=each.seeds_dropped, seeds=each.seeds)
    return lines


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation of two equally long sequences, with mean ranks of ties; None where all values
    of one are equal.

    >>> spearman([1, 2, 3], [10, 30, 20]), spearman([1, 1], [1, 2])
    (0.5, None)
    """
    x, y = _ranks(first), _ranks(second)
    spread = math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))
    return sum(a * b for a, b in zip(x, y, strict=True)) / spread if spread else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the ranks of values, less the mean of all; equal values have the mean of theirs."""
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + bisect_right(ordered, value) - len(values)) / 2 for value in values]
