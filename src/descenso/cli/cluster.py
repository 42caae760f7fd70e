"""Find the processes that train together, by the options of `train` and `resume`."""

from typing import Any

from descenso.cli.options import say
from descenso.engines.cluster import cluster_of, exposed
from descenso.errors import ConfigError
from descenso.text import _


def cluster_given(engine: str, coordinator: str, workers: int, index: int | None) -> dict[str, Any]:
    """Return the argument `cluster` for the Python function, where there is one; warn if other machines can reach it.

    Args:
        engine: of the run; only `workers` trains in several processes.
        coordinator, workers, index: as given.

    Raises:
        ConfigError: as `cluster_of`; and if the options are given for another engine.
    """
    if engine != "workers":
        message = _("--coordinator, --workers and --index are for the engine workers, got {engine}; try {option}")
        raise ConfigError(message.format(engine=engine, option="--engine workers"))
    cluster = cluster_of(coordinator, workers, index)
    if cluster is None:
        return {}
    if cluster.chief and (message := exposed(cluster)):  # once
        say(_("descenso: warning: {message}").format(message=message), err=True)
    return {"cluster": cluster}
