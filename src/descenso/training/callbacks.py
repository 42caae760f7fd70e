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
    """Watch a training run: derive a class, and override the methods of interest.

    They are called in the thread that trains, which waits for them. An exception ends the run, which is kept up to its
    newest checkpoint. To stop or steer it, call the methods of the `Control` that `train` was given:

    >>> import descenso as ds
    >>> class Enough(ds.Callback):
    ...     def __init__(self, control, cost):
    ...         self.control, self.cost = control, cost
    ...     def on_epoch(self, epoch):
    ...         if epoch.cost < self.cost:
    ...             self.control.stop()
    >>> control = ds.Control()
    >>> steered = {"control": control, "callbacks": [Enough(control, cost=0.8)]}
    >>> run = ds.train("mnist", learning_rate=0.1, batch_size=1000, out=getfixture("tmp_path") / "run", **steered)
    >>> run.outcome, run.history.costs[-1] < 0.8, len(run.history.costs) < 100
    ('interrupted', True, True)
    """

    def on_begin(self, run: Path, config: TrainConfig, data: Dataset) -> None:
        """Called once before the first step, or before a run is resumed.

        Args:
            run: the run directory.
            config: the settings.
            data: the dataset, with its test rows.
        """

    def on_compiled(self, compile_seconds: float) -> None:
        """Called once, when everything is traced and compiled."""

    def on_chunk(self, progress: "Progress", problem: "Problem") -> None:
        """Called after each chunk of an epoch, about once a second.

        Args:
            progress: `position`, the epochs done and the steps of the next one; `state.params`, the parameters as
                tensors; `costs`, those of the unfinished epoch; `ended`, the epoch that ended with the chunk, or None.
            problem: model, loss, rule and schedule.
        """

    def on_epoch(self, epoch: Epoch) -> None:
        """Called after each epoch, and after one in which training diverged.

        Args:
            epoch: its number from 0, `cost` and `seconds`, and with validation `validation_cost` and
                `validation_accuracy`.
        """

    def on_end(self, status: dict[str, Any]) -> None:
        """Called once at the end, with the content of `status.json`."""
