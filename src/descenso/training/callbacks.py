"""Callbacks of a training run. Importable without TensorFlow."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.runs.history import Epoch

if TYPE_CHECKING:
    from descenso.descent.problem import Problem
    from descenso.training.loop import Progress


class Callback:
    """Base class of callbacks; override the methods of interest."""

    def on_begin(self, run: Path, config: TrainConfig, data: Dataset) -> None:
        """Called once before the first step, or before a run is resumed, with the run directory."""

    def on_compiled(self, compile_seconds: float) -> None:
        """Called once, when everything is traced and compiled."""

    def on_chunk(self, progress: "Progress", problem: "Problem") -> None:
        """Called after each chunk, about once a second; `progress.ended` is the epoch that ended with it, or None."""

    def on_epoch(self, epoch: Epoch) -> None:
        """Called after each epoch, and after one in which training diverged."""

    def on_end(self, status: dict[str, Any]) -> None:
        """Called once at the end, with the content of `status.json`."""
