"""Bind a problem in all ways that are tested: on each engine of the registry, and compiled in blocks."""

import threading
from collections.abc import Callable
from typing import TypeVar
from unittest import mock

from descenso.data.dataset import Split
from descenso.descent.problem import Problem
from descenso.engines import compiled
from descenso.engines.base import Runner
from descenso.training.plan import ENGINES, bind

T = TypeVar("T")
WAYS = [*ENGINES, "compiled in blocks"]


def compiled_in_blocks(problem: Problem, train: Split, batch_size: int) -> Runner:
    """Bind on the compiled engine with each epoch cut into blocks, as it does with rows of many megabytes."""
    with mock.patch.object(compiled, "BLOCK_BYTES", -(-train.inputs.nbytes // 4)):
        return bind("compiled", problem, train, batch_size)


def bind_way(engine: str, problem: Problem, train: Split, batch_size: int) -> Runner:
    """Bind in one of `WAYS`."""
    if engine == "compiled in blocks":
        return compiled_in_blocks(problem, train, batch_size)
    return bind(engine, problem, train, batch_size)


def in_time(function: Callable[[], T], seconds: float = 60) -> T:
    """Return what `function` returns, or raise what it raises; fail if it takes longer than `seconds`."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"still running after {seconds} s"
    if errors:
        raise errors[0]
    return answers[0]
