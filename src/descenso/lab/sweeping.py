"""Train a sweep of learning rates in the training process, as `descenso.sweep` does, and tell each epoch."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from descenso.api.sweep import sweep as train_lanes
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.lab import wording
from descenso.lab.rates import TEMPLATES, RateLane, Rates, Span, Templates
from descenso.runs.files import fresh_folder, portable_name
from descenso.studies.sweep.progress import Now, Told
from descenso.studies.sweep.result import Sweep
from descenso.training.control import Control

MOST_CLASSES = 10  # whose templates are shown
Tell = Callable[[Rates], None]


class Sweeping:
    """A sweep of learning rates.

    Args:
        given: settings that all lanes have in common, as of `descenso.sweep`, with the data.
        span: the learning rates.
        data: the dataset.
        tell: called with the state of the sweep after each change.
    """

    def __init__(self, given: Mapping[str, Any], span: Span, data: Dataset, tell: Tell) -> None:
        self._given = {**given, "epochs": span.epochs, "learning_rates": span.text}
        self._pictures = given["model"] == "softmax" and len(data.input_shape) == 2
        self._shape, self._tell = data.input_shape, tell
        self._lanes = {number: RateLane(rate) for number, rate in enumerate(span.rates())}
        names = data.class_names[:MOST_CLASSES]
        command = wording.command(self._given, "sweep")
        self._shown = Rates(span, class_names=names, command=command)

    def run(self, out: Path, sources: Sources, control: Control) -> None:
        """Train the lanes in a new directory below `out`, until all have ended or `control` stops them.

        Raises:
            DescensoError: for invalid settings, or a disk that cannot be written.
        """
        self._show()
        given = dict(self._given)
        data = given.pop("data")
        path = fresh_folder(out, portable_name(f"{Path(data).stem}-{given['model']}-sweep"))
        try:
            self._show(path=path)
            told: dict[str, Any] = {"verify": "none", "control": control, "told": self._told}
            found = train_lanes(data, out=path, sources=sources, **told, **given)
        except BaseException:
            self._show(state="failed")
            with suppress(OSError):  # a folder of a sweep that was not made
                path.rmdir()
            raise
        self._end(found, control.stopped)

    def _show(self, **changed: Any) -> None:
        self._shown = self._shown._replace(lanes=tuple(self._lanes.values()), **changed)
        self._tell(self._shown)

    def _told(self, told: Told) -> None:
        for number, now in told.lanes.items():
            self._lanes[number] = self._lanes[number]._replace(
                costs=now.costs, validation_costs=now.validation_costs, diverged_at=now.diverged_at
            )
        pictures = self._templates(told.lanes) if self._pictures else ()
        self._show(state="running", share=told.share, templates=pictures)

    def _templates(self, lanes: Mapping[int, Now]) -> tuple[Templates, ...]:
        """Return the templates of a few of the lanes that have not diverged, evenly spaced."""
        sound = [number for number, now in lanes.items() if now.diverged_at is None]
        places = np.unique(np.linspace(0, len(sound) - 1, min(TEMPLATES, len(sound))).round().astype(int))
        found = list[Templates]()
        for number in (sound[place] for place in places):
            images = lanes[number].weights()["W"].T[:MOST_CLASSES].reshape(-1, *self._shape).astype(np.float32)
            scale = float(np.abs(images).max())
            found.append(Templates(self._lanes[number].rate, images / (scale or 1.0), scale))
        return tuple(found)

    def _end(self, found: Sweep, stopped: bool) -> None:
        """Show the result: accuracies, and the best by the sweep's rule."""
        for number, record in found.records.items():
            accuracy = float("nan") if record.test_accuracy is None else record.test_accuracy
            self._lanes[number] = self._lanes[number]._replace(
                costs=record.costs, validation_costs=record.validation_costs, diverged_at=record.diverged_at,
                accuracy=accuracy,
            )  # fmt: skip
        whole = len(found.records) == len(found.lanes)
        best = found.best if whole else None
        self._show(state="done" if whole or not stopped else "stopped", best=best)
