"""The options of `train` and `resume` that name the processes which train together."""

from typing import Annotated, Any

from descenso.cli.options import option, say
from descenso.engines.cluster import Cluster, cluster_of, exposed
from descenso.errors import ConfigError
from descenso.text import _

PANEL = _("Several processes")  # title of the help panel
COORDINATOR = _(
    "HOST:PORT of the chief, worker 0; worker I then listens at PORT + I of that host. For several hosts: HOST:PORT of "
    "every worker, the chief first, with commas between them. The same for all processes."
)
WORKERS = _("Number of processes that train together; not needed if --coordinator lists them all.")
INDEX = _("Number of this process among the workers: 0 for the chief, which writes the run.")

CoordinatorOption = Annotated[str, option(COORDINATOR, panel=PANEL, metavar=_("HOST:PORT,..."), show_default=False)]
WorkersOption = Annotated[int, option(WORKERS, panel=PANEL, metavar=_("NUMBER"), show_default=False)]
IndexOption = Annotated[int | None, option(INDEX, panel=PANEL, metavar=_("NUMBER"))]


def cluster_given(engine: str, coordinator: str, workers: int, index: int | None) -> dict[str, Any]:
    """Return the argument `cluster` for the Python function, where there is one; warn if other machines can reach it.

    Args:
        engine: of the run; only `workers` trains in several processes.
        coordinator, workers, index: as given.

    Raises:
        ConfigError: as `cluster_of`; and if the options are given for another engine.
    """
    if engine != "workers":
        if coordinator or workers or index is not None:
            message = _("--coordinator, --workers and --index are for the engine workers, got {engine}; try {option}")
            raise ConfigError(message.format(engine=engine, option="--engine workers"))
        return {}
    cluster = cluster_of(coordinator, workers, index)
    if cluster is None:
        return {}
    _warn(cluster)
    return {"cluster": cluster}


def _warn(cluster: Cluster) -> None:
    message = exposed(cluster)
    if message and cluster.chief:  # once
        say(_("descenso: warning: {message}").format(message=message), err=True)
