"""The ways to run a descent. An engine owns the gradient and the loop, nothing else."""

from importlib import import_module

from descenso.data.dataset import Split
from descenso.descent.problem import Problem
from descenso.engines.base import Engine, Runner

ENGINES = {
    "graph": "descenso.engines.graph:Graph",
    "eager": "descenso.engines.eager:Eager",
    "function": "descenso.engines.function:Function",
    "compiled": "descenso.engines.compiled:Compiled",
}


def bind(engine: str, problem: Problem, train: Split, batch_size: int) -> Runner:
    """Bind `problem` to the training rows on the engine of that name: what is to be traced or compiled is, here.

    Args:
        engine: a key of `ENGINES`.
        problem: what to descend.
        train: the rows; they stay where they are until the runner is closed.
        batch_size: in [1, rows].

    Returns:
        A runner, to be closed (`contextlib.closing`).
    """
    module, name = ENGINES[engine].split(":")
    chosen: Engine = getattr(import_module(module), name)
    return chosen(problem, train, batch_size)
