"""The ways to run gradient descent. An engine owns the gradient and the loop, nothing else."""

from importlib import import_module

from descenso.data.dataset import Split
from descenso.descent.problem import MakeStep, Problem, TrainState, make_step
from descenso.engines.base import Engine, Runner

ENGINES = {
    "graph": "descenso.engines.graph:Graph",
    "eager": "descenso.engines.eager:Eager",
    "function": "descenso.engines.function:Function",
    "compiled": "descenso.engines.compiled:Compiled",
}


def bind(
    engine: str,
    problem: Problem,
    train: Split,
    batch_rows: int,
    step: MakeStep = make_step,
    like: TrainState | None = None,
) -> Runner:
    """Bind `problem` to the training rows on an engine; trace and compile it.

    Args:
        engine: a key of `ENGINES`.
        problem: what to train.
        train: the rows; they must not change until the runner is closed.
        batch_rows: rows of a full batch, in [1, rows].
        step: makes the step of a problem, where it is another than `make_step`'s.
        like: a state of the shapes that the step takes; by default that of one training.

    Returns:
        A runner, to be closed (`contextlib.closing`).
    """
    module, name = ENGINES[engine].split(":")
    chosen: Engine = getattr(import_module(module), name)
    return chosen(problem, train, batch_rows, step, like)
