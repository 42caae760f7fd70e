"""A train state as plain arrays with stable names, and back: how it crosses into checkpoints, and between engines."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.descent.problem import Arrays, Problem, TrainState, start
from descenso.errors import CheckpointError
from descenso.text import _

__all__ = ["restore", "snapshot"]


def snapshot(state: TrainState) -> Arrays:
    """Every tensor of `state` under its path: "step", "params/W", "rule_state/velocity/W", …"""
    return {name: np.asarray(value) for name, value in _leaves(state._asdict())}


def restore(problem: Problem, seed: int, arrays: dict[str, NDArray[np.generic]]) -> TrainState:
    """The state that `snapshot` made `arrays` of.

    Raises:
        CheckpointError: where the arrays are not those of `problem`.
    """
    template = start(problem, seed)
    expected = {name: (value.shape, value.dtype) for name, value in snapshot(template).items()}
    found = {name: (value.shape, value.dtype) for name, value in arrays.items()}
    if found != expected:
        raise CheckpointError(
            _("the checkpoint holds {found}, the run needs {expected}").format(
                found=_inventory(found), expected=_inventory(expected)
            )
        )
    return TrainState(**_fill(template._asdict(), arrays, ""))


def _inventory(kinds: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]) -> str:
    return ", ".join(f"{name} {dtype} {shape}" for name, (shape, dtype) in sorted(kinds.items()))


def _leaves(nest: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in nest.items():
        found += _leaves(value, f"{path}{name}/") if isinstance(value, dict) else [(path + name, value)]
    return found


def _fill(nest: dict[str, Any], arrays: dict[str, NDArray[np.generic]], path: str) -> dict[str, Any]:
    return {
        name: _fill(value, arrays, f"{path}{name}/") if isinstance(value, dict) else tf.constant(arrays[path + name])
        for name, value in nest.items()
    }
