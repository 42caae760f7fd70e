"""Types of the settings, by which type checkers refuse a wrong keyword; see `descenso.TrainConfig` for their meaning.

For type checkers alone: nothing imports this module when it runs.
"""

import os
from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from descenso.settings import ActivationName, DtypeName, EngineName, PaddingName

RunPath = str | os.PathLike[str]  # of a run: a Run is one, too


class Settings(TypedDict, total=False):
    """Settings of a training run, besides data and model."""

    label: str
    drop: str | Sequence[str]
    resize: str | Sequence[int]
    test_fraction: float
    decimal: Literal["", ".", ","]
    encoding: str
    header: Literal["", "yes", "no"]
    numeric_only: bool
    input_shape: str | Sequence[int]
    skip_unreadable: bool
    validation_size: int | float
    preset: str
    hidden: str | int | Sequence[int]
    filters: str | int | Sequence[int]
    padding: PaddingName
    activation: ActivationName
    dropout: float
    augment: float
    rule: Any
    learning_rate: float
    schedule: Any
    epochs: int
    batch_size: int | Literal["full"]
    order: str
    loss: Any
    weight_decay: float
    clip_value: float
    clip_norm: float
    average: float
    patience: int
    engine: EngineName
    xla: Literal["auto", "on", "off"]
    dtype: DtypeName
    deterministic: bool
    seed: int
    checkpoint_every: str | int


class Resumed(Settings, total=False):
    """Arguments of `Run.resume`: those of `descenso.resume` but for the run."""

    data: Any
    model: Any
    force: bool
    progress: bool | None
    callbacks: Any
    control: Any
    tensorboard: RunPath | None
    warn: Any
    sources: Any
    cluster: Any


class Compared(Settings, total=False):
    """Settings of the runs that `compare` trains, and the values of the one in which they differ."""

    model: Any
    engines: Sequence[EngineName]
    rules: Sequence[Any]
    learning_rates: Sequence[float]
    batch_sizes: Sequence[int | Literal["full"]]
    datasets: Sequence[Any]


class Swept(Settings, total=False):
    """Settings of the lanes of a sweep, and the values of those that vary."""

    model: str
    learning_rates: Sequence[float] | str
    rules: Sequence[str] | str
    schedules: Sequence[str] | str
    weight_decays: Sequence[float] | str
    batch_sizes: Sequence[int | Literal["full"]] | str
    seeds: Sequence[int] | int | str
