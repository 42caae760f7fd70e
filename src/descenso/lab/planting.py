"""Plant a fault in settings and data of a training run."""

from typing import Any

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Scaling
from descenso.descent import models
from descenso.descent.problem import Arrays, Model, Params, State, Tensor
from descenso.lab.protocol import Settings
from descenso.registry import RULES

TOO_HIGH = 3_000  # times the default rate of the rule
SPARED = {("zero-start", "softmax"), *((fault, "cnn") for fault in ("rate-too-high", "pixels-unscaled", "naive-log"))}
OVERFLOWING = 1_000  # times the default rate: the naive logarithm fails in the first epoch, the stable one does not


def planted(fault: str, given: dict[str, Any], data: Dataset) -> tuple[Dataset | None, dict[str, Any]]:
    """Return the data, None where it stays as it is, and the settings with the fault in them.

    Args:
        fault: a key of `FAULTS`, or "" for none.
        given: settings of a healthy run, from `wording.arguments`.
        data: its dataset.
    """
    default = RULES[given["rule"].partition(":")[0]].learning_rate
    large = {**given, "model": _name(fault, given["model"]), "schedule": "constant"}  # one-cycle begins small
    if fault == "rate-too-high":
        return None, {**large, "learning_rate": default * TOO_HIGH}
    if fault == "naive-log":
        return None, {**large, "loss": "naive", "learning_rate": default * OVERFLOWING}
    if fault == "labels-shifted":
        return _labels_from_1(data), given
    if fault == "pixels-unscaled":
        return data._replace(scaling=Scaling()), {**given, "model": _name(fault, given["model"])}
    if fault == "sorted-rows":
        train = data.train.rows(np.argsort(data.train.labels, kind="stable"))
        return data._replace(train=train), {**given, "order": f"buffer:{given['batch_size']}", "validation_size": 0}
    if fault in ("softmax-twice", "zero-start"):
        config = TrainConfig.of(model=_name(fault, given["model"]))
        model = models.build(config, data.input_shape, data.num_classes)
        return None, {**given, "model": _with_softmax(model) if fault == "softmax-twice" else _of_zeros(model)}
    return None, given


def settings_of(fault: str, settings: Settings, given: dict[str, Any]) -> Settings:
    """Return what the page shows as settings of a run with a fault."""
    return settings._replace(fault=fault, learning_rate=given["learning_rate"], model=_name(fault, settings.model))


def _name(fault: str, model: str) -> str:
    """Return the name of the model in which a fault is planted: mlp for one that does not suffer from it."""
    return "mlp" if (fault, model) in SPARED else model


def in_memory(given: dict[str, Any], reading: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings for a dataset in memory: without data, and without those that say how it is read."""
    return {name: value for name, value in given.items() if name not in ("data", *reading)}


def _labels_from_1(data: Dataset) -> Dataset:
    train, test = (split._replace(labels=split.labels + 1) for split in (data.train, data.test))
    return data._replace(train=train, test=test, class_names=(*data.class_names, str(data.num_classes)))


def _with_softmax(model: Model) -> Model:
    def apply(params: Params, state: State, inputs: Tensor, training: bool) -> tuple[Tensor, State]:
        logits, changed = model.apply(params, state, inputs, training)
        return tf.nn.softmax(logits), changed

    return model._replace(name="softmax_twice", apply=apply, shared=False)


def _of_zeros(model: Model) -> Model:
    def init(seed: int) -> tuple[Arrays, Arrays]:
        params, state = model.init(seed)
        return {name: np.zeros_like(value) for name, value in params.items()}, state

    return model._replace(name="zero_start", init=init, shared=False)
