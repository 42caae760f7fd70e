"""Descents side by side, asked for by name: see `descenso.studies.comparison.run`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from descenso.api.train import rows_of
from descenso.config import TrainConfig, choices
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import ConfigError
from descenso.text import _

if TYPE_CHECKING:
    from descenso.studies.comparison.result import Comparison
    from descenso.studies.ladder.result import Explained

AXES = {  # what descents may differ in, and the setting of each
    "engines": "engine",
    "rules": "rule",
    "learning_rates": "learning_rate",
    "batch_sizes": "batch_size",
    "datasets": "data",
}
EPOCHS, REPEATS = 3, 3  # enough to tell a path from another, and a time from its spread
ROUNDS, FEWEST_ROUNDS = 7, 5  # of the ladder, whose items are differences of times; fewer show no spread


def compare(
    data: Dataset | str = "mnist",
    *,
    repeats: int = REPEATS,
    progress: Callable[[str], None] = lambda line: None,
    sources: Sources | None = None,
    **settings: Any,
) -> "Comparison":
    """Walk descents that differ in one thing, side by side; of engines, say whether all walk one path.

    They do while no cost and no parameter lies further from the first engine's, relative to its array's largest value,
    than 1e-9 in float64; in other precisions, than 8 times what rounding alone does to the first one, and 0.01.

    Args:
        data: a dataset, or what `load` takes.
        repeats: how many times each is walked, for its times.
        progress: hears of each descent that begins.
        sources: as of `train`.
        **settings: two or more `engines`, `rules`, `learning_rates`, `batch_sizes` or `datasets`, by default all
            engines; and those of `TrainConfig`, with 3 epochs by default.

    Returns:
        A value: `coincide` answers, printed it is a table, `plot()` a picture.

    Raises:
        ConfigError, DataError: as `train`, and for fewer than two to compare.
    """
    if repeats < 1:
        raise ConfigError(_("repeats must be at least 1, got {repeats}; try --repeats 3").format(repeats=repeats))
    axis, values = _axis(settings)
    asked = [{"epochs": EPOCHS, "data": data, **settings, AXES[axis]: value} for value in values]
    names = [_name(each[AXES[axis]]) for each in asked]
    _check_names(axis, names)
    entries = _rows_of(asked, sources)

    from descenso.studies.comparison.run import Contender, compare_all

    contenders = [Contender(name, *entry) for name, entry in zip(names, entries, strict=True)]
    return compare_all(axis, contenders, repeats, progress)


def _check_names(axis: str, names: list[str]) -> None:
    if len(names) < 2 or len(set(names)) < len(names):
        told = _("{axis} must be two or more, each once, got {names}; leave it out to compare the engines")
        raise ConfigError(told.format(axis=axis, names=", ".join(names) or _("none")))


def _rows_of(asked: list[dict[str, Any]], sources: Sources | None) -> list[tuple[TrainConfig, Dataset]]:
    """The settings that were asked for, checked, each with its rows, which are read once."""
    configs = [TrainConfig.of(**{**each, "data": _name(each["data"])}) for each in asked]
    rows, fitted = dict[str, Dataset](), list[tuple[TrainConfig, Dataset]]()
    for each, config in zip(asked, configs, strict=True):
        if config.data not in rows:
            own = each["data"] if isinstance(each["data"], Dataset) else None
            rows[config.data] = check_dataset(own) if own else rows_of(config, sources)
        fitted.append((check_fit(rows[config.data], config, each), rows[config.data]))
    return fitted


def explain(
    data: Dataset | str = "mnist",
    *,
    repeats: int = ROUNDS,
    progress: Callable[[str], None] = lambda line: None,
    sources: Sources | None = None,
    **settings: Any,
) -> "Explained":
    """Itemise what eager costs, by leaving out one thing after the other; see `descenso.studies.ladder.run`.

    Args:
        data, progress, sources: as of `compare`.
        repeats: rounds, at least 5.
        **settings: those of `TrainConfig`, the engine and the order apart.

    Returns:
        A value: `items` add up to the gap; printed it is two tables and a text, `plot()` a picture.

    Raises:
        ConfigError, DataError: as `train`, and for what the ladder itself decides.
        DescensoError: where two rungs do not walk one path.
    """
    fixed = [name for name in (*AXES, "engine", "order", "epochs") if name in settings]
    if fixed:
        raise ConfigError(_("the ladder decides {names}; leave it out").format(names=", ".join(fixed)))
    if repeats < FEWEST_ROUNDS:
        told = _("repeats must be at least {fewest} to explain, got {repeats}; try --repeats 7")
        raise ConfigError(told.format(fewest=FEWEST_ROUNDS, repeats=repeats))
    ((config, rows),) = _rows_of([{"data": data, **settings}], sources)

    from descenso.studies.ladder.run import explain_eager

    return explain_eager(config, rows, repeats, progress)


def _axis(settings: dict[str, Any]) -> tuple[str, list[Any]]:
    """What the descents differ in, taken out of `settings`: its name, and the values."""
    given = {name: settings.pop(name) for name in AXES if name in settings} or {"engines": choices("engine")}
    (axis, values), *others = given.items()
    fixed = [AXES[axis]] if AXES[axis] in settings else []
    if others or fixed:
        raise ConfigError(
            _("compare varies one thing at a time, got {names}; try --{flag} alone").format(
                names=", ".join([*given, *fixed]), flag=axis.replace("_", "-")
            )
        )
    return axis, list(values)


def _name(value: Any) -> str:
    return value.name if isinstance(value, Dataset) else str(value)
