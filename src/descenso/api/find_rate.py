"""Find the learning rate by many short training runs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from descenso.api.sweep import Rows, in_memory
from descenso.api.train import import_tensorflow, source_of
from descenso.config import TrainConfig
from descenso.data.catalog import before_data, with_model
from descenso.data.checks import check_fit
from descenso.data.sources import Sources
from descenso.errors import ConfigError
from descenso.studies.sweep.grid import FIND_SEEDS, FIND_STEPS
from descenso.text import _
from descenso.training.display import starting
from descenso.training.waiting import telling

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.hints import Settings
    from descenso.studies.sweep.find_rate import FoundRate


def find_rate(
    data: Any = "mnist",
    labels: Any = None,
    *,
    steps: int = FIND_STEPS,
    seeds: int = FIND_SEEDS,
    told: Callable[[float], None] | None = None,
    sources: Sources | None = None,
    **settings: "Unpack[Settings]",
) -> "FoundRate":
    """Find the learning rate: train many short runs, each at a constant rate, and say which is fastest and safe.

    Unlike a range test, whose rate grows from step to step, each run begins anew. Nothing is saved.

    Args:
        data, labels, sources: as of `train`.
        steps: of each run, at least 2.
        seeds: how many starts and orders of the rows each rate is tried with.
        told: called with the share that is done; by default a bar is shown in a terminal or a notebook.
        **settings: those of `TrainConfig`; `learning_rate` is the middle of the grid.

    Raises:
        ConfigError, DataError: as of `train`.
    """
    common: dict[str, Any] = {**settings}
    data, _how_read = in_memory(data if labels is None else (data, labels), common)
    rows = Rows(data, sources)
    config = _searched({**common, "data": source_of(data)}, {"steps": (steps, 2), "seeds": (seeds, 1)}, rows)
    with starting():
        import_tensorflow()
        from descenso.studies.sweep.find_rate import grid_around, search
        from descenso.training.plan import Plan

    def plan_of(rate: float, seed: int) -> Plan:
        changed = config.model_copy(update={"learning_rate": rate, "seed": seed})
        return Plan.of(changed, rows.of(changed))

    numbers = [config.seed + place for place in range(seeds)]
    with telling(_("Short training runs"), told) as tell:
        return search(plan_of, grid_around(config.learning_rate), numbers, steps, tell)


def _searched(settings: dict[str, Any], counts: dict[str, tuple[int, int]], rows: Rows) -> TrainConfig:
    """Check the settings of a search for the learning rate; `counts` are numbers by name, and their least values."""
    for name, (value, least) in counts.items():
        if value < least:
            message = _("{name} must be at least {least}, got {value}; try --{name} {least}")
            raise ConfigError(message.format(name=name, least=least, value=value))
    settings = {"schedule": "constant", **settings}
    settings, _data = with_model(settings, rows.of(TrainConfig.of(**before_data(settings))))
    config = TrainConfig.of(**settings)
    if config.schedule != "constant":
        raise ConfigError(_("schedule: rates are found with a constant one; leave --schedule out"))
    return check_fit(rows.of(config), config, settings)
