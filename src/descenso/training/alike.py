"""Check that all processes which train together have the same training run."""

from collections.abc import Mapping

import numpy as np

from descenso.config import TrainConfig
from descenso.data.dataset import Split, fingerprint
from descenso.data.order import Order
from descenso.descent.problem import Own, Problem, TrainState
from descenso.engines.team import team
from descenso.errors import WorkerError
from descenso.runs.environment import environment
from descenso.text import _

VERSIONS = ("descenso", "tensorflow", "keras", "numpy")
OF_A_MACHINE = ("data",)  # settings that may differ: a path


def check_alike(
    config: TrainConfig, problem: Problem, rows: Mapping[str, Split], own: Own, order: Order, begin: TrainState
) -> None:
    """Compare settings, rows, their order, the initial weights and the versions of all processes.

    Raises:
        WorkerError: in every process, for the first difference; its message names the process and what differs.
    """
    found, weights = environment(), {**begin.params, **begin.model_state}
    arrays = {f"{name}/{part}": array for name, split in rows.items()
              for part, array in split._asdict().items() if array is not None}  # fmt: skip
    scaling = {name: np.asarray(value) for name, value in problem.scaling._asdict().items()}
    ours = {
        **config.model_dump(mode="json", exclude=set(OF_A_MACHINE)),
        **{name: found[name] for name in VERSIONS},
        _("the code of the user's own"): dict(own.sources),
        _("the rows of the data"): fingerprint({**arrays, **scaling}),
        _("the order of the rows"): fingerprint({"full": order.batches, "rest": order.rest}),
        _("the initial weights"): fingerprint({name: np.asarray(value) for name, value in weights.items()}),
    }
    of_all = team().exchange(ours)
    for index, theirs in enumerate(of_all):
        for name, value in theirs.items():
            if value != of_all[0].get(name):
                message = _("worker {index} and worker 0 differ in {name}: {theirs} and {chiefs}; start all workers "
                            "with the same command, on the same data")  # fmt: skip
                told = message.format(index=index, name=name, theirs=value, chiefs=of_all[0].get(name))
                raise WorkerError(told)
