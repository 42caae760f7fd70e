"""The common input of all contenders: rows, batches, and a clock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import DTypeLike, NDArray

from descenso import load
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.data.order import Order, epoch_order

__all__ = ["BATCH_SIZE", "CLASSES", "CONFIGS", "INPUTS", "RATE", "ROWS", "Clock", "Rows", "Walk", "orders"]

CONFIG = TrainConfig.of()  # as `descenso train` without flags
WITH_LAYERS = {"schedule": "constant", "learning_rate": 0.001, "dropout": 0.0}  # the same in all libraries
CONFIGS = {"softmax": CONFIG} | {model: TrainConfig.of(model=model, **WITH_LAYERS) for model in ("mlp", "cnn")}
RATE, BATCH_SIZE = CONFIG.learning_rate, CONFIG.batch_size
ROWS, INPUTS, CLASSES = 60_000, 784, 10


class Clock:
    """Measures the seconds between `start` and `stop`, or inside `with`."""

    def __init__(self) -> None:
        self.seconds = self._then = 0.0

    def start(self, *_: object) -> None:
        self._then = perf_counter()

    def stop(self, *_: object) -> None:
        self.seconds = perf_counter() - self._then

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Rows:
    """MNIST's training rows, in the forms that contenders need."""

    dataset: Dataset

    @classmethod
    def load(cls) -> "Rows":
        return cls(load("mnist"))

    @property
    def labels(self) -> NDArray[np.int32]:
        return self.dataset.train.labels

    def scaled(self, dtype: DTypeLike) -> NDArray[np.floating]:
        """Return (rows, 784), pixels in [0, 1]."""
        return self.dataset.train.inputs.reshape(-1, INPUTS).astype(dtype) / np.asarray(255, dtype)


# rows, the order of each epoch, a clock -> the mean cost of each epoch's batches, or NaN
Walk = Callable[[Rows, Iterator[Order], Clock], Iterator[float]]


def orders(epochs: int, model: str) -> list[Order]:
    """Draw the batches of the first `epochs` epochs of `descenso train`, before any clock starts."""
    config = CONFIGS[model]
    return [epoch_order(config.order, ROWS, config.batch_rows(ROWS), config.seed, epoch) for epoch in range(epochs)]
