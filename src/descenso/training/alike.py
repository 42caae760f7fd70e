"""Check that all processes which train together have the same training run."""

from typing import Any

import numpy as np

from descenso.data.dataset import fingerprint
from descenso.engines.team import team
from descenso.errors import WorkerError
from descenso.runs.environment import environment
from descenso.text import _
from descenso.training.plan import Plan

VERSIONS = ("descenso", "tensorflow", "keras", "numpy")
OF_A_MACHINE = ("data",)  # settings that may differ: a path


def check_alike(plan: Plan) -> None:
    """Compare settings, rows, their order, the initial weights and the versions of all processes.

    Raises:
        WorkerError: in every process, for the first difference; its message names the process and what differs.
    """
    ours = _digests(plan)
    of_all = team().exchange(ours)
    for index, theirs in enumerate(of_all):
        for name, value in theirs.items():
            if value != of_all[0].get(name):
                message = _("worker {index} and worker 0 differ in {name}: {theirs} and {chiefs}; start all workers "
                            "with the same command, on the same data")  # fmt: skip
                told = message.format(index=index, name=name, theirs=value, chiefs=of_all[0].get(name))
                raise WorkerError(told)


def _digests(plan: Plan) -> dict[str, Any]:
    found, order, begin = environment(), plan.order(0), plan.start()
    rows = {f"{name}/{part}": array for name in ("train", "validation")
            for part, array in getattr(plan, name)._asdict().items() if array is not None}  # fmt: skip
    scaling = {"shift": np.asarray(plan.problem.scaling.shift), "scale": np.asarray(plan.problem.scaling.scale)}
    weights = {name: np.asarray(value) for name, value in {**begin.params, **begin.model_state}.items()}
    return {
        **plan.config.model_dump(mode="json", exclude=set(OF_A_MACHINE)),
        **{name: found[name] for name in VERSIONS},
        _("the code of the user's own"): dict(plan.own.sources),
        _("the rows of the data"): fingerprint({**rows, **scaling}),
        _("the order of the rows"): fingerprint({"full": order.batches, "rest": order.rest}),
        _("the initial weights"): fingerprint(weights),
    }
