"""Find the processes that train together, by the options of `train` and `resume`."""

from typing import Any

from descenso.engines.cluster import cluster_of
from descenso.errors import ConfigError
from descenso.text import _


def cluster_given(engine: str, coordinator: str, workers: int, index: int | None) -> dict[str, Any]:
    """Return the argument `cluster` for the Python function, where there is one.

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
    return {} if cluster is None else {"cluster": cluster}
