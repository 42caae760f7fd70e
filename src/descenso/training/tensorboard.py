"""TensorBoard: costs, learning rate, histograms of the weights, templates and settings of a run."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.errors import ConfigError, DiskError
from descenso.reports.figures import MOST_CLASSES
from descenso.text import _, reason_of
from descenso.training.control import Callback, Progress

if TYPE_CHECKING:
    from descenso.descent.problem import Problem


class Board(Callback):
    """Writes TensorBoard's events of a descent, after each epoch; a step of TensorBoard's is an epoch.

    Args:
        root: the folder that TensorBoard is to show; a run's events are in a folder of its name there. A run that goes
            on adds to them.

    Raises:
        ConfigError: where TensorBoard is not installed.
    """

    def __init__(self, root: Path) -> None:
        try:
            import tensorboard  # noqa: F401 - without which tf.summary writes nothing
        except ImportError:
            message = _("tensorboard: it is not installed; try {command}")
            raise ConfigError(message.format(command="pip install 'descenso[tensorboard]'")) from None
        self._root = root

    def on_begin(self, run: Path, config: TrainConfig, data: Dataset) -> None:
        """Write the settings.

        Raises:
            DiskError: where nothing can be written, as the others.
        """
        import tensorflow as tf
        from tensorboard.plugins.hparams import api as hparams

        self._folder, self._data = self._root / run.resolve().name, data
        with self._disk_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer = tf.summary.create_file_writer(str(self._folder))
        with self._writing():
            hparams.hparams(config.model_dump())

    def on_chunk(self, progress: Progress, problem: "Problem") -> None:
        """Write the results of an epoch: scalars, histograms of the weights, and templates of softmax regression."""
        record, state = progress.ended, progress.state
        if record is None or not math.isfinite(record.cost):
            return
        import tensorflow as tf

        from descenso.descent.problem import weights

        params, images = weights(problem, state), len(self._data.input_shape) == 2
        share = problem.schedule(tf.cast(state.step, tf.int32) - 1)  # of its last step
        scalars = {
            "cost/training": record.cost,
            "cost/validation": record.validation_cost,
            "accuracy/validation": record.validation_accuracy,
            "learning_rate": float(state.rate) * float(share),
        }
        with self._writing():
            self._scalars(scalars, record.epoch)
            for name, value in params.items():
                tf.summary.histogram(name, value, record.epoch)
            if problem.model.name == "softmax" and images:
                shown = _templates(params["W"], self._data.input_shape)
                tf.summary.image("templates", shown, record.epoch, max_outputs=len(shown))

    def on_end(self, status: dict[str, Any]) -> None:
        """Write cost and accuracy on the test rows, at the last epoch."""
        tested = {"cost/test": status.get("test_cost"), "accuracy/test": status.get("test_accuracy")}
        with self._writing():
            self._scalars(tested, max(status["epochs_done"] - 1, 0))
        self._writer.close()

    def _scalars(self, values: dict[str, float | None], epoch: int) -> None:
        import tensorflow as tf

        for name, value in values.items():
            if value is not None:
                tf.summary.scalar(name, value, epoch)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._disk_errors(), self._writer.as_default():
            yield
            self._writer.flush()

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        import tensorflow as tf

        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            message = _("{path}: TensorBoard's events cannot be written ({reason}); try --tensorboard elsewhere")
            raise DiskError(
                message.format(
                    path=self._folder, reason=reason_of(error) if isinstance(error, OSError) else error.message
                )
            ) from error


def _templates(W: Any, input_shape: tuple[int, ...]) -> Any:
    """(num_classes, height, width, 3) in [0, 1], at most `MOST_CLASSES`: red counts for the class, blue against it."""
    limit = float(np.abs(W).max()) or 1.0
    shares = (W.T[:MOST_CLASSES].reshape(-1, *input_shape) / limit + 1) / 2
    return matplotlib.colormaps["RdBu_r"](shares)[..., :3]
