"""Divide the lanes of a sweep into groups that are trained as one program."""

from collections.abc import Callable, Sequence
from typing import Any

from descenso.studies.sweep.directory import SweepDirectory
from descenso.studies.sweep.fused import bytes_of, fuses
from descenso.studies.sweep.grid import Lane
from descenso.text import _
from descenso.training.plan import Plan

GROUP_BYTES = 2**30  # memory of the lanes of one group, see `bytes_of`
APART = ("learning_rate", "rule", "schedule", "weight_decay", "clip_value", "clip_norm", "average", "patience")


def groups_of(lanes: Sequence[Lane], plan_of: Callable[[int], Plan]) -> list[list[int]]:
    """Divide lanes into groups that are trained as one program: those on the same batches, as many as memory takes.

    Neighbours in a group have the same rule and schedule.
    """
    together, groups = dict[tuple[Any, ...], list[int]](), list[list[int]]()
    for number, lane in enumerate(lanes):
        fused = lane.config.engine == "compiled" and fuses(plan_of(number).problem)
        together.setdefault((_batches(lane), None if fused else number), []).append(number)
    for numbers in together.values():
        alike = dict[tuple[Any, ...], list[int]]()
        for number in numbers:
            config = lanes[number].config
            kind = tuple(getattr(config, name) for name in APART[1:-1])
            alike.setdefault(kind, []).append(number)
        largest = max(bytes_of(plan_of(same[0]).start()) for same in alike.values()) if len(numbers) > 1 else 0
        numbers = [number for same in alike.values() for number in same]
        most = max(1, GROUP_BYTES // max(1, largest))
        groups += [numbers[first : first + most] for first in range(0, len(numbers), most)]
    return groups


def _batches(lane: Lane) -> str:
    """Return what lanes that see the same batches have in common."""
    return str(lane.config.model_dump(exclude=set(APART)))


def divided(directory: SweepDirectory) -> list[str]:
    """Say where memory divides lanes that could be one program."""
    widths = dict[str, list[int]]()
    for group in directory.groups:
        widths.setdefault(_batches(directory.lanes[group[0]]), []).append(len(group))
    message = _("{lanes} lanes would need more than {size} GB together: they are trained in {groups} groups.")
    return [
        message.format(lanes=sum(each), size=f"{GROUP_BYTES / 2**30:.3g}", groups=len(each))
        for each in widths.values()
        if len(each) > 1 and max(each) > 1
    ]
