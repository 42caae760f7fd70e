"""A train state as plain arrays with stable names, and back: how it crosses into checkpoints, and between engines."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.descent.problem import Arrays, Problem, TrainState, start, weights
from descenso.errors import CheckpointError
from descenso.text import _
from descenso.training.judge import Best

BEST = "best"  # before the names of what did best on validation


def snapshot(state: TrainState, best: Best | None = None) -> Arrays:
    """Every tensor of `state` under its path: "step", "params/W", "rule_state/velocity/W", …; and of `best`, which
    is that state's beside "best/".
    """
    kept = {BEST: {"params": best.params, "model_state": best.model_state}} if best else {}
    return {name: np.asarray(value) for name, value in _leaves({**state._asdict(), **kept})}


def restore(
    problem: Problem, seed: int, arrays: dict[str, NDArray[np.generic]], best: tuple[int, float] | None = None
) -> tuple[TrainState, Best | None]:
    """What `snapshot` made `arrays` of; `best` tells the epoch and the cost of what did best, where there is such.

    Raises:
        CheckpointError: where the arrays are not those of `problem`.
    """
    template = start(problem, seed)
    params, carried = weights(problem, template), template.model_state
    like = Best(*best, params, carried) if best else None
    expected = {name: (value.shape, value.dtype) for name, value in snapshot(template, like).items()}
    found = {name: (value.shape, value.dtype) for name, value in arrays.items()}
    if found != expected:
        raise CheckpointError(
            _("the checkpoint holds {found}, the run needs {expected}").format(
                found=_inventory(found), expected=_inventory(expected)
            )
        )
    state = TrainState(**_fill(template._asdict(), arrays, ""))
    if best is None:
        return state, None
    parts = ({name: arrays[f"{BEST}/{part}/{name}"] for name in nest} for part, nest in
             (("params", params), ("model_state", carried)))  # fmt: skip
    return state, Best(*best, *parts)


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
